"""contacts import: a line of its own words, or an import file by name; and what became of each row."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.output import screen
from data.file_lock import only_one

PEOPLE = """phone,first_name,city,consent
07400 123001,Ann,Leeds,yes
07400 123001,Ann again,Leeds,yes
020 7946 0018,Bob,Leeds,no
not a number,Cy,Leeds,yes
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with PEOPLE in it, where the command is given."""
    monkeypatch.setenv("TIDINGS_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("TIDINGS_STORE_URL", "")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "My people.csv").write_text(PEOPLE)
    return tmp_path


def ask(*words: str):
    return CliRunner().invoke(app, ["contacts", "import", *words], catch_exceptions=True)


def told(*words: str):
    done = ask(*words, "--json")
    assert done.exit_code == 0, done.exception
    return json.loads(done.stdout)


def rows(here, query):
    with closing(sqlite3.connect(here / "var" / "store.db")) as connection:
        return connection.execute(query).fetchall()


def test_a_line_tells_what_became_of_each_row(here):
    report = told("My people.csv", "--region", "GB", "--list", "Spring", "--tag", "vip", "--tag", "new")
    assert {name: report[name] for name in ("source_rows", "new", "changed", "same", "doubles", "n_rejects")} == {
        "source_rows": 4, "new": 2, "changed": 0, "same": 0, "doubles": 1, "n_rejects": 1,
    }  # fmt: skip
    assert (report["rejects"], report["consents"], report["name"]) == ({"not_a_number": 1}, 2, "My-people")
    assert report["rejects_csv"] == str(here / "var" / "imports" / "000001" / "rejects.csv")
    assert rows(here, "select kind, name from lists order by 1, 2") == [
        ("list", "Spring"),
        ("tag", "new"),
        ("tag", "vip"),
    ]


def test_people_read_it_as_a_ladder(here):
    lines = ask("My people.csv", "--region", "GB", "--list", "Spring", "--tag", "vip").stdout.splitlines()
    assert lines[0] == "My people.csv · import 1"
    assert any(line.split() == ["source", "rows", "4"] for line in lines)
    assert any("= contacts" in line and "on the list Spring, tagged vip" in line for line in lines)
    assert any("to mend" in line for line in lines)
    assert "123001" not in "".join(lines)


def test_whoever_wants_no_text_at_all_is_counted_and_suppressed(here):
    (here / "stopped.csv").write_text("phone,DNC\n+447400123001,x\n+447400123002,\n+447400123003,yes\n")
    lines = [" ".join(line.split()) for line in ask("stopped.csv").stdout.splitlines()]
    assert "no text at all 2 DNC: not suppressed before" in lines
    assert "do not contact: DNC" in " ".join(lines)
    assert rows(here, "select distinct reason, source from suppressions where scope = ''") == [
        ("do not contact", "import stopped, column DNC")
    ]
    assert told("stopped.csv", "--again")["suppressed"] == 0


def test_the_same_line_again_stores_nothing_and_says_what_that_means(here):
    told("My people.csv", "--region", "GB")
    assert told("My people.csv", "--region", "GB")["was_imported_before"]
    words = " ".join(ask("My people.csv", "--region", "GB").stdout.split())
    assert "nothing was stored now. Who was changed, deleted or taken off a list since stays so" in words
    again = told("My people.csv", "--region", "GB", "--again")
    assert (again["was_imported_before"], again["same"], again["import"]) == (False, 2, 2)


def test_the_stored_value_wins_when_told_so(here):
    told("My people.csv", "--region", "GB")
    (here / "My people.csv").write_text("phone,first_name,city\n07400 123001,Anna,York\n")
    assert told("My people.csv", "--region", "GB", "--wins", "stored")["changed"] == 0
    assert told("My people.csv", "--region", "GB", "--keep", "first_name")["changed"] == 1
    assert rows(here, "select first_name, attributes from contacts where contact = 1") == [
        ("Ann", '{"city":"York"}')
    ]


def test_consent_is_recorded_for_the_purpose_that_is_named(here):
    told("My people.csv", "--region", "GB", "--purpose", "news")
    assert rows(here, "select distinct purpose from consents") == [("news",)]


def test_without_a_region_people_are_told_what_is_missing(here):
    report = told("My people.csv")
    assert report["rejects"] == {"no_region": 3, "not_a_number": 1}
    assert any("--region GB" in notice for notice in report["notices"])


def test_an_import_file_is_an_import_by_itself(here):
    (here / "spring.toml").write_text('list = "Spring"\n[source]\nfile = "My people.csv"\nregion = "GB"\n')
    assert told("spring.toml")["name"] == "spring"
    mixed = ask("spring.toml", "--region", "FR")
    assert "spring.toml is a whole import: name it alone" in str(mixed.exception)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nobody.csv"], "there is no such file"),
        (["My people.csv", "--phone", "handy"], "there is no column 'handy'"),
        (["My people.csv", "--region", "ZZ"], "write a country as two letters"),
        (["My people.csv", "--region", "GB", "--keep", "fist_name"], "merge.keep names 'fist_name'"),
        (["My people.csv", "--region", "GB", "--wins", "stored", "--keep", "city"], "remove keep"),
        (["My people.csv", "--region", "GB", "--list", "x" * 101], "1 to 100 characters"),
    ],
)
def test_what_cannot_be_imported_is_one_sentence(here, words, sentence):
    done = ask(*words)
    assert done.exit_code == 1
    assert sentence in str(done.exception)
    assert "\n" not in str(done.exception)


def listed(*words: str):
    done = CliRunner().invoke(app, ["contacts", "imports", *words], catch_exceptions=True)
    assert done.exit_code == 0, done.exception
    return done.stdout


def test_before_any_import_the_list_says_how_to_make_one(here):
    assert listed() == "nothing was imported yet; `tidings contacts import FILE` does.\n"
    assert json.loads(listed("--json")) == {"imports": [], "is_all": True}


def test_past_imports_are_listed_with_what_became_of_their_rows_and_what_is_to_mend(here, monkeypatch):
    monkeypatch.setattr(screen, "_width", 150)  # COLUMNS counts for a process that begins with it
    told("My people.csv", "--region", "GB")
    (here / "no phone.csv").write_text("name\nAnn\n")
    assert ask("no phone.csv").exit_code != 0
    (here / "all good.csv").write_text("phone\n+447400123001\n")
    told("all good.csv", "--list", "a [b]list")
    lines = [" ".join(line.split()) for line in listed().splitlines()]
    assert [line.split(" ", 3)[3:] for line in lines[1:3]] == [
        ["all-good finished all good.csv · 1 row: the same 1"],
        [
            "no-phone failed no phone.csv: no column looks like a phone number (saw: name). Name it with --phone COLUMN."
        ],
    ]
    assert lines[3].endswith("My-people finished My people.csv · 4 rows: new 2 · doubles 1 · rejects 1")
    assert lines[4:] == [f"import 1, to mend: {here / 'var' / 'imports' / '000001' / 'rejects.csv'}"]
    latest, *others = json.loads(listed("--json"))["imports"]
    assert {**latest, "started_at": 0, "finished_at": 0, "by": ""} == {
        "import": 3, "name": "all-good", "source": "all good.csv", "state": "finished", "reason": None,
        "started_at": 0, "finished_at": 0, "by": "", "source_rows": 1, "new": 0, "changed": 0, "same": 1,
        "doubles": 0, "n_rejects": 0, "rejects_csv": None,
    }  # fmt: skip
    assert [one["state"] for one in others] == ["failed", "finished"]
    assert [line.split()[0] for line in listed("--limit", "1").splitlines()] == ["import", "3", "and"]
    assert not json.loads(listed("--limit", "1", "--json"))["is_all"]


def test_an_import_that_was_killed_is_told_from_one_that_is_at_work(here):
    told("My people.csv", "--region", "GB")
    with closing(sqlite3.connect(here / "var" / "store.db")) as connection:
        connection.execute("update imports set state = 'running', finished_at = null")
        connection.commit()
    assert "cut off" in listed()
    with only_one(here / "var" / "imports" / ".My-people.lock"):
        assert "running" in listed()
        assert json.loads(listed("--json"))["imports"][0]["state"] == "running"
