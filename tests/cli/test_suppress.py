import json

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from cli.consent import BadPurpose, NotYet
from cli.main import app
from cli.suppress import BadScope, NotConfirmed, WhichOnes
from cli.times import NotATime
from data.contacts.editing import WasForgotten
from data.forgotten import read_forgotten
from data.instance import open_instance
from data.source_lifting import NotAList, UnknownSource
from data.suppressions import NotSuppressed, StillWithdrawn
from messaging.errors import SourceError
from messaging.one_number import BadNumber
from messaging.sealed import person_key

ANN, BOB = "+447400123456", "+447400123457"


@pytest.fixture
def instance(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'var' / 'tidings.db'}"
    monkeypatch.setenv("TIDINGS_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("TIDINGS_STORE_URL", url)
    with open_instance(tmp_path / "var", url, sealing=None, pseudonym=None, now=1.0) as opened:
        yield opened


def ask(*words):
    return CliRunner().invoke(app, [*words], catch_exceptions=True)


def answer(*words):
    result = ask(*words, "--json")
    assert result.exit_code == 0, result.exception
    return json.loads(result.stdout)


def listed(*words):
    return {
        (one["number"], one["scope"], one["reason"]) for one in answer("suppress", "list", *words)["latest"]
    }


def rows(instance, text):
    with instance.store.read.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(text))]


def test_numbers_are_suppressed_by_hand_in_a_scope_and_listed(instance):
    added = answer("suppress", "add", ANN, "07400 123457", "--region", "GB", "--scope", "SHOP", "--by", "Eve")
    assert added == {"scope": "SHOP", "added": 2, "known": 0}
    assert answer("suppress", "add", ANN, "--reason", "complaint")["added"] == 1
    assert answer("suppress", "add", ANN)["known"] == 1
    assert listed() == {(ANN, "SHOP", "by hand"), (BOB, "SHOP", "by hand"), (ANN, "", "complaint")}
    assert listed("--scope", "everywhere") == {(ANN, "", "complaint")}
    shown = ask("suppress", "list").stdout
    assert "everywhere · complaint" in shown
    assert ANN in shown
    assert rows(instance, "select source from suppressions where scope = 'SHOP'") == [("by hand: Eve",)] * 2


def test_one_bad_number_suppresses_nobody_and_is_not_repeated(instance):
    failed = ask("suppress", "add", ANN, "0740").exception
    assert isinstance(failed, BadNumber)
    assert "0740" not in str(failed)
    assert listed() == set()


def test_a_stop_is_taken_back_with_a_name_and_a_reason_only(instance):
    ask("suppress", "add", ANN, "--reason", "opted_out")
    assert ask("suppress", "remove", ANN, "--by", "Eve").exit_code == 2
    removed = answer("suppress", "remove", ANN, "--by", "Eve", "--why", "she asked us to")
    assert removed == {"scope": "", "reason": "opted_out", "removed": 1}
    assert listed() == set()
    key = person_key(instance.keys.person, ANN)
    [(_, payload)] = rows(instance, "select kind, payload from events where kind = 'lift'")
    assert json.loads(payload) == {
        "person_key": key, "scope": "", "reason": "opted_out", "by": "Eve", "why": "she asked us to",
    }  # fmt: skip
    [(who, what, details)] = rows(instance, "select who, what, details from audit_log")
    assert (who, what) == ("Eve", "lift suppression")
    assert key not in details
    assert ANN not in details


def test_what_is_not_suppressed_there_says_where_it_is(instance):
    ask("suppress", "add", ANN, "--scope", "SHOP")
    failed = ask("suppress", "remove", ANN, "--by", "Eve", "--why", "x").exception
    assert isinstance(failed, NotSuppressed)
    assert "it is for the sender ID or account SHOP" in str(failed)


def test_a_withdrawn_consent_is_taken_back_by_a_newer_one_only(instance):
    answer("consent", "withdraw", ANN, "--source", "a call")
    failed = ask(
        "suppress", "remove", ANN, "--scope", "purpose:marketing", "--by", "Eve", "--why", "x"
    ).exception
    assert isinstance(failed, StillWithdrawn)
    given = answer("consent", "give", ANN, "--source", "web form", "--evidence", "form 12", "--by", "Eve")
    assert (given["recorded"], given["is_given"]) == (1, True)
    assert listed() == set()
    newest, oldest = answer("consent", "show", ANN)
    assert (newest["is_given"], newest["evidence"], newest["by"], newest["is_current"]) == (
        True, "form 12", "Eve", True,
    )  # fmt: skip
    assert (oldest["is_given"], oldest["is_current"]) == (False, False)
    assert "form 12" in ask("consent", "show", ANN).stdout


@pytest.mark.parametrize("comes_first", ["no", "complaint"])
def test_the_end_of_another_reason_is_not_the_end_of_a_no(instance, comes_first):
    marketing = ("--scope", "purpose:marketing")
    if comes_first == "no":
        answer("consent", "withdraw", ANN, "--source", "a call")
    ask("suppress", "add", ANN, "--reason", "complaint", *marketing)
    if comes_first == "complaint":
        answer("consent", "withdraw", ANN, "--source", "a call")
    remove = ("suppress", "remove", ANN, *marketing, "--by", "Eve", "--why", "x")
    assert isinstance(ask(*remove).exception, StillWithdrawn)
    assert listed() == {(ANN, "purpose:marketing", "complaint")}
    answer("consent", "give", ANN, "--source", "web form")
    assert answer(*remove)["reason"] == "complaint"
    assert listed() == set()


def test_who_was_forgotten_is_let_back_by_the_end_of_what_holds_everywhere_only(instance):
    ask("suppress", "add", ANN, "--scope", "SHOP")
    ask("forget", ANN, "--by", "Eve", "--yes")
    forgotten = instance.var_dir / "forgotten.txt"
    let_in = ("suppress", "remove", ANN, "--by", "Eve", "--why", "she came back")
    assert answer(*let_in, "--scope", "SHOP")["reason"] == "forgotten"
    assert len(read_forgotten(forgotten).people) == 1  # a restore forgets her again
    assert answer(*let_in)["reason"] == "forgotten"
    assert read_forgotten(forgotten).people == []


def test_a_list_that_has_somebody_who_was_forgotten_does_not_bring_the_number_back(instance, tmp_path):
    file = tmp_path / "list.csv"
    file.write_text(f"phone\n{ANN}\n{BOB}\n", encoding="utf-8")
    ask("forget", ANN, "--by", "Eve", "--yes")
    assert answer("suppress", "import", str(file), "--scope", "SHOP")["added"] == 2
    assert isinstance(ask("consent", "give", ANN, "--source", "a form").exception, WasForgotten)
    numbers = rows(instance, "select scope, msisdn from suppressions order by scope, msisdn")
    assert set(numbers) == {("", None), ("SHOP", None), ("SHOP", BOB)}
    assert rows(instance, "select * from consents") == []


def test_an_older_yes_leaves_the_no_standing(instance):
    answer("consent", "withdraw", ANN, "--source", "a call", "--at", "2020-05-01")
    given = answer("consent", "give", ANN, "--source", "web form", "--at", "2020-04-01")
    assert (given["recorded"], given["is_given"]) == (1, False)
    assert listed() == {(ANN, "purpose:marketing", "consent withdrawn")}


def test_a_no_of_a_day_is_newer_than_a_yes_of_that_day(instance):
    answer("consent", "give", ANN, "--source", "web form", "--at", "2020-05-01T15:00")
    assert answer("consent", "withdraw", ANN, "--source", "a call", "--at", "2020-05-01")["is_given"] is False
    assert answer("consent", "give", ANN, "--source", "web form", "--at", "2020-05-02")["is_given"] is True


def test_an_export_imports_again_as_it_was(instance, tmp_path):
    ask("suppress", "add", ANN, "--reason", "=complaint", "--scope", "SHOP")
    ask("suppress", "add", BOB, "--reason", "STOP, twice")
    answer("consent", "withdraw", ANN, "--source", "a call", "--at", "2020-05-01T10:00+00:00")
    with instance.store.write.begin() as connection:
        connection.execute(sa.text("update suppressions set msisdn = null where reason = 'STOP, twice'"))
    everything = "select person_key, scope, msisdn, reason, source, at from suppressions order by 1, 2"
    before = rows(instance, everything)
    file = tmp_path / "out.csv"
    assert answer("suppress", "export", str(file)) == {"file": str(file), "rows": 3}
    assert file.stat().st_mode & 0o777 == 0o600
    assert ANN in ask("suppress", "export", "-").stdout
    with instance.store.write.begin() as connection:
        connection.execute(sa.text("delete from suppressions"))
    assert answer("suppress", "import", str(file)) == {"added": 3, "known": 0, "rejects": 0}
    after = rows(instance, everything)
    assert [row[:-1] for row in after] == [row[:-1] for row in before]
    assert [row[-1] for row in after] == pytest.approx([row[-1] for row in before], abs=1e-5)
    assert answer("suppress", "import", str(file))["known"] == 3


def test_a_list_is_suppressed_in_one_scope(instance, tmp_path):
    file = tmp_path / "list.csv"
    file.write_text(f"phone\n{ANN}\n")
    imported = answer("suppress", "import", str(file), "--scope", "purpose:news", "--reason", "old list")
    assert imported == {"added": 1, "known": 0, "rejects": 0}
    assert listed() == {(ANN, "purpose:news", "old list")}


def test_an_export_says_its_scopes_itself(instance, tmp_path):
    file = tmp_path / "out.csv"
    ask("suppress", "add", ANN)
    ask("suppress", "export", str(file))
    assert isinstance(ask("suppress", "import", str(file), "--scope", "SHOP").exception, SourceError)


def test_a_misread_list_is_lifted_whole_after_it_was_shown(instance, tmp_path):
    file = tmp_path / "list.csv"
    file.write_text(f"phone\n{ANN}\n{BOB}\n", encoding="utf-8")
    ask("suppress", "import", str(file))
    ask("suppress", "add", BOB, "--reason", "complaint")
    ask("suppress", "add", ANN, "--scope", "SHOP")
    lift = ("suppress", "remove", "--source", "list.csv", "--by", "Eve", "--why", "these are our customers")
    asked = ask(*lift)
    assert isinstance(asked.exception, NotConfirmed)
    assert "1  everywhere · opted out" in asked.stdout
    assert "1  for the sender ID or account SHOP · by hand" in asked.stdout
    assert "another list or column names" in asked.stdout
    assert len(listed()) == 3
    assert answer(*lift, "--yes", "--scope", "everywhere") == {
        "source": "list.csv", "scope": "", "removed": 1, "by_other_lists": 0, "kept": 0,
        "besides": [{"scope": "SHOP", "reason": "by hand", "n": 1}],
    }  # fmt: skip
    assert listed() == {(BOB, "", "complaint"), (ANN, "SHOP", "by hand")}
    assert answer(*lift)["removed"] == 0
    assert "nothing to lift" in ask(*lift).stdout


def test_whom_another_list_names_stays_when_the_first_is_lifted(instance, tmp_path):
    for name in ("ours.csv", "theirs.csv"):
        (tmp_path / name).write_text(f"phone\n{ANN}\n", encoding="utf-8")
        ask("suppress", "import", str(tmp_path / name))
    assert "ours.csv + theirs.csv" in answer("suppress", "list")["latest"][0]["source"]
    lift = ("suppress", "remove", "--source", "ours.csv", "--by", "Eve", "--why", "misread")
    asked = ask(*lift)
    assert isinstance(asked.exception, NotConfirmed)
    assert "stay suppressed by another list:" in asked.stdout
    told = answer(*lift, "--yes")
    assert (told["removed"], told["by_other_lists"]) == (0, 1)
    assert [one["source"] for one in answer("suppress", "list")["latest"]] == ["theirs.csv"]
    assert listed() == {(ANN, "", "opted out")}


def test_a_number_or_a_source_is_named(instance):
    ask("suppress", "add", ANN, "--by", "Eve")
    decided = ("--by", "Eve", "--why", "x")
    assert isinstance(ask("suppress", "remove", *decided).exception, WhichOnes)
    assert isinstance(ask("suppress", "remove", ANN, "--source", "a.csv", *decided).exception, WhichOnes)
    assert isinstance(ask("suppress", "remove", "--source", "a.csv", *decided).exception, UnknownSource)
    assert isinstance(ask("suppress", "remove", "--source", "by hand: Eve", *decided).exception, NotAList)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("suppress", "add", ANN, "--scope", "purpose:Big Sale"), BadScope),
        (("consent", "give", ANN, "--source", "x", "--purpose", "Big Sale"), BadPurpose),
        (("consent", "give", ANN, "--source", "x", "--at", "tomorrow"), NotATime),
        (("consent", "give", ANN, "--source", "x", "--at", "2999-01-01"), NotYet),
        (("consent", "show", "12"), BadNumber),
        (("suppress", "add", "07400", "--region", "Atlantis"), BadNumber),
    ],
)
def test_bad_input_is_named(instance, words, error):
    assert isinstance(ask(*words).exception, error)
