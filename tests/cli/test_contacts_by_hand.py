"""contacts add, edit, delete and show; list and tag: what a person sees, what a program reads, and what is refused."""

from __future__ import annotations

import json
import re
import shlex

import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.output import screen
from config.settings import CHECKOUT
from messaging.errors import TidingsError

ANN, BOB = "+447400123456", "+447400123457"


@pytest.fixture(autouse=True)
def house(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDINGS_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("TIDINGS_STORE_URL", "")
    monkeypatch.setattr(screen, "_width", 200)


def ask(*words):
    done = CliRunner().invoke(app, list(words), catch_exceptions=True)
    assert done.exception is None or isinstance(done.exception, (TidingsError, SystemExit)), done.exception
    return done


def told(*words):
    """The lines a person sees, blanks as one."""
    done = ask(*words)
    assert done.exit_code == 0, done.exception or done.output
    return [" ".join(line.split()) for line in done.stdout.splitlines()]


def read(*words):
    """What a program reads."""
    done = ask(*words, "--json")
    assert done.exit_code == 0, done.exception or done.output
    return json.loads(done.stdout)


def some(*words):
    """Those that `contacts show` or `members` finds, all of them."""
    found = read(*words)
    assert found["is_all"]
    return found["contacts"]


def refused(*words):
    done = ask(*words)
    assert isinstance(done.exception, TidingsError), done.output
    assert done.stdout == ""
    return str(done.exception)


def test_a_contact_is_added_as_somebody_dials_it_with_all_that_is_said_of_it():
    ask("list", "add", "Spring")
    added = read(
        "contacts", "add", "07400 123456", "--region", "GB", "--first-name", "Ann", "--time-zone", "europe/london",
        "--set", "Shoe Size=38", "--list", "Spring", "--tag", "vip", "--consent", "yes", "--evidence", "card of 3 May",
        "--by", "eve",
    )  # fmt: skip
    contact = added["contact"]
    assert (contact["number"], contact["region"], contact["number_type"]) == (ANN, "GB", "mobile")
    assert (contact["first_name"], contact["time_zone"], contact["attributes"]) == (
        "Ann", "Europe/London", {"shoe_size": "38"},
    )  # fmt: skip
    assert (added["lists"], added["tags"], added["has_said_yes"], added["left_out"]) == (
        ["Spring"], ["vip"], True, None,
    )  # fmt: skip
    [consent] = added["consents"]
    assert (consent["purpose"], consent["is_given"], consent["evidence"], consent["by"]) == (
        "marketing", True, "card of 3 May", "eve",
    )  # fmt: skip
    assert added["notices"] == ["shoe_size is a new attribute: no contact had a value of it before."]
    assert [(one["by"], one["kind"]) for one in added["history"]] == [("eve", "added")] + [
        ("eve", "listed")
    ] * 2
    shown = read("contacts", "show", ANN)
    assert shown == {name: value for name, value in added.items() if name not in {"changed", "notices"}}


def test_a_person_sees_what_became_of_what_they_wrote():
    assert told("contacts", "add", ANN, "--first-name", "Ann", "--tag", "vip") == [
        f"{ANN} is a contact now · tag vip", "first name: Ann",
    ]  # fmt: skip
    assert told("contacts", "edit", ANN, "--set", "Vorname=Anna", "--set", "pet=[red]cat") == [
        f"{ANN} is changed · tag vip", "first name: Ann → Anna", "pet: [red]cat",
        "note pet is a new attribute: no contact had a value of it before.",
    ]  # fmt: skip
    assert told("contacts", "edit", ANN, "--unset", "pet", "--by", "bob")[1:] == ["pet: [red]cat → nothing"]
    assert told("contacts", "edit", ANN, "--set", "first_name=Anna") == [
        f"{ANN} is so already; nothing was changed · tag vip"
    ]
    shown = told("contacts", "show", ANN)
    assert shown[:4] == [
        f"{ANN} · GB · mobile", "first name Anna", "tags vip", "texts no consent to marketing is recorded",
    ]  # fmt: skip
    assert shown[-1].endswith("bob edited pet: [red]cat → nothing")
    assert "listed tag vip" in " ".join(shown)


def test_who_is_suppressed_or_said_no_is_shown_so():
    ask("contacts", "add", ANN, "--first-name", "Ann", "--consent", "yes")
    ask("contacts", "add", BOB, "--consent", "no", "--purpose", "news")
    ask("contacts", "add", "+442079460018")
    ask("suppress", "add", ANN, "--reason", "complaint")
    assert told("contacts", "show")[1:] == [
        f"{ANN} Ann none: suppressed (complaint)",
        f"{BOB} no consent to marketing is recorded",
        "+442079460018 none: no mobile number (fixed line)",
    ]
    assert f"{BOB} none: said no to news" in told("contacts", "show", "--purpose", "news")
    one = told("contacts", "show", ANN)
    assert "texts none: suppressed (complaint)" in one
    assert any(line.startswith("suppressed everywhere since") for line in one)
    assert any(line.startswith("yes to marketing") for line in one)
    left_out = {one["number"]: one["left_out"] for one in some("contacts", "show")}
    assert left_out[ANN] == "suppressed (complaint)"
    assert read("contacts", "show", ANN)["suppressions"][0]["reason"] == "complaint"
    assert "note no campaign texts this number: suppressed (complaint)." in told(
        "contacts", "edit", ANN, "--set", "city=York"
    )


def test_a_deleted_contact_is_told_how_to_be_forgotten_and_keeps_its_history():
    ask("contacts", "add", ANN, "--first-name", "Ann", "--tag", "vip", "--consent", "no")
    [line] = told("contacts", "delete", ANN)
    assert line.startswith(f"{ANN} is a contact no more and left 1 list or tag.")
    assert f"`tidings forget {ANN}`" in line
    shown = read("contacts", "show", ANN)
    assert (shown["contact"], shown["lists"], shown["tags"]) == (None, [], [])
    assert [one["kind"] for one in shown["history"]] == ["added", "listed", "unlisted", "deleted"]
    assert shown["suppressions"][0]["scope"] == "purpose:marketing"
    assert told("contacts", "show", ANN)[0] == f"{ANN} · a contact no more"
    assert some("contacts", "show") == []
    ask("contacts", "add", ANN)
    assert read("contacts", "delete", ANN)["lists_left"] == 0


def test_some_contacts_are_found_and_the_rest_is_counted_on():
    for n in range(5):
        ask("contacts", "add", f"+44740012345{n}", "--last-name", f"Müller{n}", "--tag", f"t{n % 2}")
    found = read("contacts", "show", "--limit", "3")
    assert (len(found["contacts"]), found["is_all"]) == (3, False)
    assert len(some("contacts", "show", "--limit", "5")) == 5
    assert told("contacts", "show", "--limit", "3")[-1].startswith("the first 3; --limit shows more")
    assert [one["last_name"] for one in some("contacts", "show", "--tag", "t1")] == ["Müller1", "Müller3"]
    assert [one["last_name"] for one in some("contacts", "show", "--search", "MÜLLER4")] == ["Müller4"]
    assert " ".join(told("contacts", "show", "--search", "Schmidt")) == (
        "no contact is so; `tidings contacts import` brings many, `tidings contacts add` one."
    )


@pytest.mark.parametrize("kind", ["list", "tag"])
def test_a_list_lives_from_add_to_delete_and_a_tag_alike(kind):
    assert told(kind, "show") == [f"there is no {kind} yet; `tidings {kind} add NAME` makes one."]
    assert read(kind, "add", "Spring", "--description", "the sale") == {kind: "Spring", "made": True}
    assert read(kind, "add", "Spring") == {kind: "Spring", "made": False}
    for number in (ANN, BOB):
        ask("contacts", "add", number)
    assert read(kind, "add-to", "Spring", "07400 123456", BOB, "--region", "GB") == {
        kind: "Spring", "added": 2, "same": 0,
    }  # fmt: skip
    assert told(kind, "add-to", "Spring", ANN) == [
        f"0 people were put into {kind} Spring; 1 person was in it already."
    ]
    [one] = read(kind, "show")
    assert (one[kind], one["members"], one["description"]) == ("Spring", 2, "the sale")
    assert read(kind, "show", "Spring") == one
    assert [one["number"] for one in some(kind, "members", "Spring")] == [ANN, BOB]
    assert read(kind, "remove-from", "Spring", ANN) == {kind: "Spring", "removed": 1, "same": 0}
    assert told(kind, "delete", "Spring") == [
        f"{kind} Spring is deleted; 1 person was in it. Contacts stay contacts."
    ]
    assert [one["kind"] for one in read("contacts", "show", BOB)["history"]] == [
        "added",
        "listed",
        "unlisted",
    ]
    assert (read(kind, "show"), len(some("contacts", "show"))) == ([], 2)


def test_a_tag_is_made_by_its_first_use_and_a_list_is_not():
    ask("contacts", "add", ANN)
    assert read("tag", "add-to", "vip", ANN)["added"] == 1
    assert refused("list", "add-to", "vip", ANN) == (
        "there is no list 'vip'; known: none. `tidings list add NAME` makes one."
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("add 07400123456", "no country is given"),
        ("add Ann", "This is not a phone number"),
        ("add +44740012345 --region Narnia", "--region GB"),
        (f"add {ANN}", "+4474…456 is a contact already, so nothing was changed"),
        (f"add {BOB} --list Sprnig", "there is no list 'Sprnig'; known: none."),
        (f"add {BOB} --set phone={ANN}", "a number is who the person is"),
        (f"add {BOB} --set consent=yes", "`tidings consent`"),
        (f"add {BOB} --set city", "NAME=VALUE"),
        (f"add {BOB} --set city=a --set city=b", "city: it is set twice"),
        (f"add {BOB} --language German", "language: write it as a code"),
        (f"add {BOB} --time-zone Berlin", "time_zone: write it by its IANA name"),
        (f"add {BOB} --purpose news", "--consent yes or --consent no"),
        (f"add {BOB} --consent yes --purpose Our/News", "is no purpose"),
        (f"edit {ANN}", "nothing is to be changed"),
        (f"edit {ANN} --unset town", "the contact has no such field"),
        (f"edit {BOB} --set a=b", "+4474…457 is no contact, so nothing was changed"),
        (f"delete {BOB}", "+4474…457 is no contact, so nothing was changed"),
        (f"show {BOB}", "+4474…457 is no contact and never was"),
        (f"show {ANN} --tag vip", "not both"),
        ("show --list Sprnig", "there is no list 'Sprnig'"),
        ("show --list caf\udce9", "there is no list"),
        ("show --search caf\udce9", "--search: it holds bytes that are no text"),
        (f"edit {ANN} --set a=b --by caf\udce9", "--by: it holds bytes that are no text"),
        (f"add {BOB} --consent yes --evidence caf\udce9", "--evidence: it holds bytes that are no text"),
        (f"add {BOB} --set city=caf\udce9", "city: it holds bytes that are no text"),
        (f"add {BOB} --tag caf\udce9", "the name of a tag"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_one_sentence_without_anybodys_number(words, said):
    ask("contacts", "add", ANN)
    sentence = refused("contacts", *words.split())
    assert said in sentence
    assert "\n" not in sentence
    assert "447400123" not in sentence
    assert [one["number"] for one in some("contacts", "show")] == [ANN]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("add-to vip 123 " + ANN, "number 1 of 2 cannot be used."),
        ("add-to vip " + ANN + " " + BOB, "+4474…457 is no contact, so nothing was changed"),
        ("remove-from vip " + ANN, "there is no tag 'vip'"),
        ("delete vip", "there is no tag 'vip'"),
        ("show vip", "there is no tag 'vip'"),
        ("members vip", "there is no tag 'vip'"),
        ("add caf\udce9", "the name of a tag"),
        ("add vip --description caf\udce9", "--description: it holds bytes"),
    ],
)
def test_nobody_is_listed_unless_all_of_it_makes_sense(words, said):
    ask("contacts", "add", ANN)
    assert said in refused("tag", *words.split())
    assert read("tag", "show") == []


def test_the_page_says_what_the_commands_do():
    page = (CHECKOUT / "docs" / "contacts.md").read_text()
    for section in ("By hand", "Lists and tags"):
        _, _, rest = page.partition(f"\n## {section}\n")
        [block] = re.findall(r"^```bash\n(.*?)^```", rest.partition("\n## ")[0], re.MULTILINE | re.DOTALL)
        for line in block.replace("\\\n", " ").splitlines():
            program, *words = shlex.split(line, comments=True)
            assert (program, told(*words) != []) == ("tidings", True)
        for number in ("+447400123001", "+447400123002"):  # of the second section
            ask("contacts", "add", number)


@pytest.mark.parametrize("kind", ["list", "tag"])
def test_another_name_is_told_with_the_segments_that_follow(kind):
    ask(kind, "add", "spring")
    condition = ["--in", "spring"] if kind == "list" else ["--tag", "spring"]
    ask("segment", "add", "north", *condition)
    lately = "what was sent to it lately still counts: the same text by hand needs --again."
    assert told(kind, "rename", "spring", "sum [b]mer", "--by", "eve") == [
        f"{kind} spring is called sum [b]mer now.",
        "segment north asks for it by its new name.",
        lately,
    ]
    assert read("segment", "show", "north")["in_words"].endswith("sum [b]mer")
    assert "it has been called 'sum [b]mer' since" in refused(kind, "members", "spring")
    assert told("segment", "rename", "north", "top") == ["segment north is called top now.", lately]
    again = read(kind, "rename", "sum [b]mer", "spring")
    assert again == {"from": "sum [b]mer", kind: "spring", "segments": ["top"], "files": []}


def test_while_the_house_has_a_file_of_the_old_name_it_is_named():
    """data/imports/members.toml fills the list members."""
    ask("list", "add", "members")
    assert refused("list", "rename", "members", "clients") == (
        "nothing was renamed: in data/, imports/members.toml names the list 'members'. Write 'clients' there and ask again, "
        "or give --anyway and write it there before the next start, which would fail."
    )
    assert told("list", "rename", "members", "clients", "--anyway")[1] == (
        "write the new name into data/imports/members.toml before the next start."
    )


def test_who_is_put_into_a_list_by_its_old_name_makes_no_second_one():
    ask("list", "add", "spring")
    ask("tag", "add", "vip")
    ask("list", "rename", "spring", "summer")
    ask("tag", "rename", "vip", "gold")
    assert "it has been called 'gold' since" in refused("contacts", "add", ANN, "--tag", "vip")
    ask("contacts", "add", ANN)
    assert "when " in refused("tag", "add-to", "vip", ANN)
    assert refused(
        "contacts", "import", "data/samples/contacts.csv", "--region", "GB", "--list", "spring"
    ).endswith("renamed it. `tidings list add` makes a new one of the old name.")
    assert read("contacts", "imports")["imports"][0]["state"] == "failed"
    assert [one["tag"] for one in read("tag", "show")] == ["gold"]
    assert read("list", "show") == [read("list", "show", "summer")]
    assert told("list", "add", "spring") == ["list spring is made; nobody is in it yet."]
    assert [one["list"] for one in read("list", "show")] == ["spring", "summer"]
