import pytest

from messaging.import_file import ImportFileError, parse_import


def definition(**sections):
    return {"name": "members", "source": {"file": "people.csv"}, **sections}


def complaint(**sections):
    with pytest.raises(ImportFileError) as raised:
        parse_import(definition(**sections))
    return str(raised.value)


def test_what_an_import_leaves_out_has_a_safe_default():
    request = parse_import(definition())
    assert (request.list, request.tags) == (None, ())
    assert (request.consent.purpose, request.consent.source, request.consent.at) == ("marketing", "", None)
    assert (request.merge.wins, request.merge.keep) == ("file", ())
    assert (request.schedule.kind, request.schedule.max_lateness_s) == (None, 900)


def test_all_that_can_be_said():
    request = parse_import(
        {
            "name": "crm",
            "description": "Every night",
            "source": {
                "connection": "shop",
                "query": "select 1",
                "region": "uk",
                "attributes": {"due": "Due"},
            },
            "list": " members ",
            "tags": ["vip", "north", "vip"],
            "consent": {"purpose": "news", "source": "web form", "at": "Agreed", "evidence": "Form"},
            "merge": {"keep": ["first_name", "points"]},
            "schedule": {"cron": "0 4 * * *", "time_zone": "Europe/London", "max_lateness": "2h"},
        }
    )
    assert (request.list, request.tags) == ("members", ("vip", "north"))
    assert (request.source.region, request.source.fields) == ("GB", {"due": "Due"})
    assert (request.merge.keep, request.schedule.max_lateness_s) == (("first_name", "points"), 7200)


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"sorce": {}}, "sorce: unknown key; did you mean source?"),
        ({"merge": {"winner": "file"}}, "merge.winner: unknown key; did you mean wins?"),
        (
            {"consent": {"basis": "recorded"}},
            "consent.basis: unknown key; known here: purpose, source, at, evidence.",
        ),
        ({"source": {"file": "x", "fone": "Mobile"}}, "source.fone: unknown key; did you mean phone?"),
        (
            {"schedule": {"max_lateness": "2h", "every": "1d"}},
            "schedule.every: unknown key; known here: cron, interval, rrule, time_zone, max_lateness.",
        ),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_known_one(sections, sentence):
    assert complaint(**sections) == sentence


@pytest.mark.parametrize(
    ("sections", "beginning"),
    [
        ({"name": "a b"}, "name: write 1 to 64 letters"),
        ({"source": {}}, "source: give either a file or a connection"),
        ({"source": {"connection": "shop"}}, "source: give a connection either a query"),
        ({"source": {"file": "x", "query": "select 1"}}, "source: query and path belong to a connection"),
        ({"source": {"file": "x", "region": "Atlantis"}}, "source.region: write a country as two letters"),
        ({"list": ""}, "list: String should have at least 1 character"),
        ({"tags": ["vip", " "]}, "tags: String should have at least 1 character"),
        ({"tags": "vip"}, "tags: "),
        ({"merge": {"wins": "newest"}}, "merge.wins: Input should be 'file' or 'stored'"),
        ({"merge": {"wins": "stored", "keep": ["points"]}}, 'merge: with wins = "stored" every stored value'),
        ({"consent": {"purpose": ""}}, "consent.purpose: "),
        ({"schedule": {"cron": "nightly"}}, "schedule.cron: write five fields"),
        ({"schedule": {"cron": "@daily", "interval": "1d"}}, "schedule: give only one of"),
    ],
)
def test_each_mistake_is_one_sentence_with_its_key(sections, beginning):
    sentence = complaint(**sections)
    assert sentence.startswith(beginning)
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_missing_source_is_named():
    with pytest.raises(ImportFileError, match=r"^source: is missing; add it\.$"):
        parse_import({"name": "members"})


def test_a_complaint_never_repeats_what_was_written():
    assert "+447400123456" not in complaint(merge={"wins": "+447400123456"})
