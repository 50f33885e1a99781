import json
import time

import pytest
from typer.testing import CliRunner

from cli.forget import NotConfirmed
from cli.main import app
from cli.suppress import StillOwed
from data.contacts.editing import WasForgotten
from data.forgotten import read_forgotten
from data.instance import open_instance
from data.owed_forgetting import Owed, write_owed
from messaging.one_number import BadNumber
from messaging.traces import trace_of

ANN = "+447400123456"


@pytest.fixture
def instance(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'var' / 'tidings.db'}"
    monkeypatch.setenv("TIDINGS_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("TIDINGS_STORE_URL", url)
    with open_instance(tmp_path / "var", url, sealing=None, pseudonym=None, now=1.0) as opened:
        yield opened


def ask(*words):
    return CliRunner().invoke(app, [*words], catch_exceptions=True)


def test_a_contact_is_forgotten_and_comes_back_only_when_somebody_lets_them_in(instance):
    assert ask("contacts", "add", ANN, "--first-name", "Zebulonia").exit_code == 0
    done = json.loads(ask("forget", ANN, "--by", "Eve", "--yes", "--json").stdout)
    assert done == {"rows": 0, "files": 0, "owed": [], "copies": []}
    assert b"Zebulonia" not in (instance.var_dir / "tidings.db").read_bytes()
    assert isinstance(ask("contacts", "add", ANN).exception, WasForgotten)
    assert ask("suppress", "remove", ANN, "--by", "Eve", "--why", "she came back").exit_code == 0
    assert read_forgotten(instance.var_dir / "forgotten.txt").people == []
    assert ask("contacts", "add", ANN).exit_code == 0


def test_the_words_for_a_person_name_no_full_number_and_say_which_copies_are_left(instance):
    assert ask("backup").exit_code == 0
    said = ask("forget", "07400 123456", "--region", "GB", "--by", "Eve", "--yes").stdout
    assert "7400123456" not in said
    assert "these copies still hold the person; remove them when you may: backups/tidings-" in said


def test_nobody_is_forgotten_by_accident(instance):
    assert isinstance(ask("forget", ANN, "--by", "Eve").exception, NotConfirmed)
    assert isinstance(ask("forget", "12", "--by", "Eve", "--yes").exception, BadNumber)
    assert ask("forget", ANN, "--yes").exit_code == 2
    assert not (instance.var_dir / "forgotten.txt").exists()


def test_who_is_still_being_forgotten_is_not_let_back_in(instance):
    ask("forget", ANN, "--by", "Eve", "--yes")
    trace = trace_of(instance.keys.person, ANN)
    write_owed(instance.var_dir, Owed(trace=trace, by="Eve", asked_at=time.time()))
    assert isinstance(ask("suppress", "remove", ANN, "--by", "Eve", "--why", "x").exception, StillOwed)
