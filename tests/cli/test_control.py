"""pause, resume, cancel and resolve on the command line, in an instance with one run that is being sent."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from cli.children import free_port
from cli.control import this_person
from cli.main import app
from data.instance import open_instance
from data.store.tables import batches, outcomes, runs
from messaging.errors import TidingsError


@pytest.fixture
def instance(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDINGS_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("TIDINGS_PREFECT_PORT", str(free_port()))  # where nobody is up
    monkeypatch.setenv("TIDINGS_STORE_URL", "")
    url = f"sqlite:///{tmp_path / 'var' / 'tidings.db'}"
    monkeypatch.setenv("TIDINGS_STORE_URL", url)
    with open_instance(tmp_path / "var", url, sealing=None, pseudonym=None, now=1.0) as opened:
        with opened.store.write.begin() as connection:
            connection.execute(
                sa.insert(runs).values(
                    run=1, run_key="spring", campaign="welcome", state="sending", origin="hand", is_simulated=True,
                    account="sim", created_at=0, frozen_at=1, n_source_rows=5, n_contacts=5, n_audience=5, n_messages=5,
                )
            )  # fmt: skip
            connection.execute(sa.insert(batches).values(run=1, batch=0, part=0, n_messages=5))
        yield opened


def ask(*words: str):
    return CliRunner().invoke(app, list(words), catch_exceptions=True)


def test_a_run_is_paused_resumed_and_cancelled_by_its_key_or_its_number(instance):
    assert json.loads(ask("pause", "spring", "--json").stdout) == {"run": 1, "state": "paused"}
    assert json.loads(ask("resume", "1", "--json").stdout) == {
        "run": 1,
        "state": "sending",
        "is_worked": False,
        "taken_up": None,
    }
    told = json.loads(ask("cancel", "1", "--json").stdout)
    assert told == {"run": 1, "state": "cancelled", "stopped": 5, "in_flight": 0}
    with instance.store.read.connect() as connection:
        who = connection.execute(sa.text("select distinct who from audit_log")).scalars().all()
    assert who == [this_person()]


def test_resume_tells_how_the_sending_starts_again_when_nobody_works_on_the_run(instance):
    ask("pause", "1")
    words = " ".join(ask("resume", "1").stdout.split())
    assert "nobody works on it" in words
    assert "--run-key spring" in words


def test_what_cannot_be_done_is_one_sentence_with_the_next_step(instance):
    ask("pause", "1")
    refused = ask("pause", "1").exception
    assert isinstance(refused, TidingsError)
    assert str(refused) == (
        "run 1 is paused and cannot be paused, only a run that is scheduled or sending can; "
        "`tidings resume 1` lets it go on."
    )


def test_a_decision_on_what_is_in_doubt_needs_a_name_and_a_reason(instance):
    assert ask("resolve", "1", "--unconfirmed", "assume-sent").exit_code == 2
    with instance.store.write.begin() as connection:
        connection.execute(sa.insert(outcomes).values(run=1, batch=0, row=0, status=4))
        connection.execute(sa.update(batches).values(next_row=1))
    told = ask(
        "resolve", "1", "--unconfirmed", "assume-sent", "--by", "Ann", "--why", "asked the carrier", "--json"
    )
    assert json.loads(told.stdout) == {
        "run": 1,
        "state": "sending",
        "decision": "assume-sent",
        "decided": 1,
        "too_early": 0,
        "ask_again_at": None,
    }


def test_a_run_with_nothing_in_doubt_says_so(instance):
    asked = ask("resolve", "1", "--unconfirmed", "send-again", "--by", "Ann", "--why", "no answer")
    assert isinstance(asked.exception, TidingsError)
    assert "nothing in doubt" in str(asked.exception)


def test_status_says_when_nobody_works_on_a_run_and_what_goes_on_with_it(instance):
    words = " ".join(ask("status", "1").stdout.split())
    assert "nobody works on it: tidings resume 1 lets the worker" in words
    assert json.loads(ask("status", "1", "--json").stdout)["is_unattended"] is True
    ask("pause", "1")
    assert "nobody works on it" not in ask("status", "1").stdout
