import stat

import pytest

from data import definitions
from data.definitions import (
    CAMPAIGNS,
    IMPORTS,
    DefinitionError,
    LoadedCampaign,
    LoadedImport,
    list_campaigns,
    list_imports,
    load_campaign,
    load_definition,
    load_import,
    names_an_import,
    read_template,
    write_campaign,
)
from messaging.campaign import CampaignError, parse_campaign
from messaging.import_file import ImportFileError

MINIMAL = '[audience]\nfile = "people.csv"\n[message]\ntext = "Hi"\n'


def campaign_file(folder, text=MINIMAL, name="spring.toml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_campaign_is_found_by_its_path_from_where_one_stands(tmp_path):
    path = campaign_file(tmp_path)
    for loaded in (load_campaign(path), load_campaign("spring.toml", here=tmp_path)):
        assert (loaded.campaign.name, loaded.path, loaded.base) == ("spring", path, tmp_path)


def test_a_campaign_is_found_by_its_name(tmp_path):
    for name in ("welcome", "welcome.toml"):
        assert load_campaign(name, here=tmp_path).path == CAMPAIGNS / "welcome.toml"


def test_every_campaign_of_the_house_can_be_read_with_its_template():
    assert list_campaigns()
    for path in list_campaigns():
        loaded = load_campaign(path)
        assert read_template(loaded.campaign, loaded.base)
        assert (loaded.base / loaded.campaign.audience.file).is_file()


def test_a_campaign_that_is_nowhere_is_named_with_the_nearest_there_is(tmp_path):
    with pytest.raises(CampaignError, match="did you mean welcome"):
        load_campaign("welcom", here=tmp_path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[audience\n", r"spring\.toml is no valid TOML: .*line 1"),
        (
            MINIMAL + "[guards]\nmax_mesages = 1\n",
            r"spring\.toml: guards\.max_mesages: unknown key; did you mean max_messages",
        ),
        ('[message]\ntext = "Hi"\n', r"spring\.toml: audience: is missing"),
    ],
    ids=["syntax", "unknown-key", "missing"],
)
def test_a_mistake_names_the_file_and_the_key(tmp_path, text, complaint):
    with pytest.raises(CampaignError, match=complaint):
        load_campaign(campaign_file(tmp_path, text))


def test_a_file_that_is_not_utf_8_is_one_sentence(tmp_path):
    path = tmp_path / "spring.toml"
    path.write_bytes(MINIMAL.replace("Hi", "Grüße").encode("latin-1"))
    with pytest.raises(CampaignError, match="not UTF-8"):
        load_campaign(path)


def test_a_template_is_read_from_the_campaign_or_beside_it(tmp_path):
    (tmp_path / "hi.j2").write_text("Grüße\n", encoding="utf-8-sig")
    audience = {"file": "people.csv"}
    written = parse_campaign({"name": "a", "audience": audience, "message": {"text": "Hi"}})
    beside = parse_campaign({"name": "a", "audience": audience, "message": {"template": "hi.j2"}})
    assert read_template(written, tmp_path) == "Hi"
    assert read_template(beside, tmp_path) == "Grüße\n"
    with pytest.raises(CampaignError, match=r"hi\.j2 cannot be read .*message\.template"):
        read_template(beside, tmp_path / "elsewhere")


def test_a_written_campaign_reads_back_as_the_same_and_is_private(tmp_path):
    text = 'Hi {{ first_name|default("there") }} \\o/\n\ttab, \x7f, “quotes”, 🙂'
    campaign = parse_campaign(
        {
            "name": "line",
            "audience": {"file": "/tmp/my people.csv", "region": "GB"},
            "message": {"text": text, "sender_id": "Tidings"},
            "consent": {"basis": "attested", "note": 'they said "yes"'},
            "schedule": {"interval": "90s", "time_zone": "Europe/London"},
            "guards": {"max_cost": 12.5},
            "quality": {
                "required_columns": ["First Name", "plan"],
                "complete": {"Größe (cm)": 0.5, 'a "b".c': 1},
                "severity": {"complete": "warn"},
                "expectations": [
                    {
                        "name": "expect_column_values_to_be_in_set",
                        "column": "plan",
                        "value_set": ["a", '"b"'],
                    },
                    {"name": "expect_column_mean_to_be_between", "column": "points", "max_value": 7.5},
                ],
            },
        }
    )
    path = tmp_path / "campaigns" / "line.toml"
    write_campaign(campaign, path)
    assert load_campaign(path).campaign == campaign
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_import_is_found_by_its_path_and_by_its_name(tmp_path):
    path = campaign_file(tmp_path, '[source]\nfile = "people.csv"\n', "crm.toml")
    for loaded in (load_import(path), load_import("crm.toml", here=tmp_path)):
        assert (loaded.request.name, loaded.path, loaded.base) == ("crm", path, tmp_path)
    assert load_import("members", here=tmp_path).path == IMPORTS / "members.toml"


def test_every_import_of_the_house_can_be_read_and_has_its_source():
    assert list_imports()
    for path in list_imports():
        loaded = load_import(path)
        assert (loaded.base / loaded.request.source.file).is_file()


@pytest.mark.parametrize(
    ("word", "is_import"),
    [
        ("members", True),
        ("members.toml", True),
        ("anything.toml", True),
        ("members.csv", False),
        ("people", False),
        ("there", False),
    ],
)
def test_a_word_means_an_import_by_its_ending_or_by_a_known_name_that_is_no_file(tmp_path, word, is_import):
    (tmp_path / "there").touch()
    assert names_an_import(word, here=tmp_path) is is_import


def test_a_file_that_bears_the_name_of_an_import_is_a_source(tmp_path):
    (tmp_path / "members").touch()
    assert not names_an_import("members", here=tmp_path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[source\n", r"crm\.toml is no valid TOML: .*line 1"),
        (
            '[source]\nfile = "a"\n[merge]\nwin = "file"\n',
            r"crm\.toml: merge\.win: unknown key; did you mean wins",
        ),
        ('list = "a"\n', r"crm\.toml: source: is missing"),
    ],
    ids=["syntax", "unknown-key", "missing"],
)
def test_a_mistake_in_an_import_names_the_file_and_the_key(tmp_path, text, complaint):
    with pytest.raises(ImportFileError, match=complaint):
        load_import(campaign_file(tmp_path, text, "crm.toml"))


def test_an_import_that_is_nowhere_is_named_with_the_nearest_there_is(tmp_path):
    with pytest.raises(ImportFileError, match=r"no import file .*membrs.*; did you mean members\?"):
        load_import("membrs", here=tmp_path)


def test_what_is_a_campaign_and_what_an_import_stands_in_the_file(tmp_path):
    campaign_file(tmp_path)
    campaign_file(tmp_path, '[source]\nfile = "people.csv"\n', "crm.toml")
    assert isinstance(load_definition("spring.toml", here=tmp_path), LoadedCampaign)
    assert isinstance(load_definition("crm.toml", here=tmp_path), LoadedImport)
    assert isinstance(load_definition("welcome", here=tmp_path), LoadedCampaign)
    assert isinstance(load_definition("members", here=tmp_path), LoadedImport)


def test_what_is_neither_is_named_with_the_nearest_of_both(tmp_path):
    with pytest.raises(DefinitionError, match=r"no campaign or import file .*; did you mean welcome\?"):
        load_definition("welcom", here=tmp_path)
    with pytest.raises(DefinitionError, match=r"no campaign or import file .*; did you mean members\?"):
        load_definition("membr", here=tmp_path)


def test_a_name_that_a_campaign_and_an_import_bear_is_asked_about(tmp_path, monkeypatch):
    folders = (tmp_path / "campaigns", tmp_path / "imports")
    for folder in folders:
        folder.mkdir()
        campaign_file(folder, name="north.toml")
    either = definitions._Kind("campaign or import", folders, DefinitionError)
    monkeypatch.setattr(definitions, "_EITHER", either)
    with pytest.raises(
        DefinitionError, match=r"north is the name of .*campaigns.* and of .*imports.*; give the"
    ):
        load_definition("north", here=tmp_path)
