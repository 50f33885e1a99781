"""`tidings reconcile` in an instance with one run of five messages in doubt, two of which the simulator took."""

from __future__ import annotations

import json
import time

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from cli.main import app
from data.instance import open_instance
from data.store.tables import batches, claims, outcomes, runs
from messaging.errors import TidingsError
from messaging.outcomes import OutcomeStatus
from messaging.sealed import Sealer


@pytest.fixture
def instance(tmp_path, monkeypatch, simulator):
    url = f"sqlite:///{tmp_path / 'var' / 'tidings.db'}"
    monkeypatch.setenv("TIDINGS_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("TIDINGS_STORE_URL", url)
    monkeypatch.setenv("TIDINGS_SIMULATOR_URL", simulator.url)
    simulator.set(waiting_share=1)
    with open_instance(tmp_path / "var", url, sealing=None, pseudonym=None, now=1.0) as opened:
        with opened.store.write.begin() as connection:
            put_in_doubt(connection)
        sealer = Sealer(opened.keys.references)
        for row in (0, 1):
            message = {"to": f"+44740010000{row}", "text": "hi", "reference": sealer.seal(1, 0, row)}
            simulator.post("/v1/messages", message)
        yield opened


def put_in_doubt(connection):
    now = time.time()
    connection.execute(
        sa.insert(runs).values(
            run=1, run_key="spring", campaign="welcome", state="finished_with_unconfirmed", origin="hand",
            is_simulated=True, account="sim", created_at=0, frozen_at=1, n_source_rows=5, n_contacts=5, n_audience=5,
            n_messages=5, folder="runs/000001",
        )
    )  # fmt: skip
    connection.execute(
        sa.insert(batches).values(run=1, batch=0, part=0, n_messages=5, next_row=5, n_claims=2)
    )
    for claim_no, rows, send_before in ((0, (0, 1, 2), now - 60), (1, (3, 4), now + 20)):
        connection.execute(
            sa.insert(claims).values(
                run=1, batch=0, claim_no=claim_no, kind="submit", account="sim", fence=1, first_row=rows[0],
                last_row=rows[-1] + 1, n=len(rows), n_settled=len(rows), request_key=f"k{claim_no}", slot_at=now - 90,
                step_s=0, send_before=send_before, state="settled", claimed_at=now - 90,
            )
        )  # fmt: skip
        for row in rows:
            doubt = int(OutcomeStatus.UNCONFIRMED)
            connection.execute(
                sa.insert(outcomes).values(
                    run=1, batch=0, row=row, claim_no=claim_no, status=doubt, settled_at=now - 80
                )
            )


def ask(*words: str):
    return CliRunner().invoke(app, ["reconcile", *words], catch_exceptions=True)


def test_what_was_proved_and_what_is_left_is_told_to_programs(instance):
    told = json.loads(ask("spring", "--json").stdout)
    assert told.pop("ask_again_at") > time.time()
    assert told == {
        "run": 1,
        "state": "finished_with_unsent",
        "accepted_by_receipts": 0,
        "receipts_matched": 0,
        "accepted_by_look_up": 2,
        "surely_unsent": 1,
        "look_up_failed": 0,
        "resubmitted": 0,
        "accepted_by_resubmission": 0,
        "busy_batches": 0,
        "unconfirmed": 2,
        "assumed_sent": 0,
        "too_early": 2,
        "gateway_errors": [],
    }


def test_a_person_is_told_with_the_commands_that_resolve_the_rest(instance):
    words = " ".join(ask("1").stdout.split())
    for said in (
        "2 accepted: the gateway knows them",
        "1 unsent: the gateway never took them",
        "to send what is left, Retry its run in Prefect",
        "2 stay unconfirmed",
        "`tidings reconcile 1` again after",
        "`tidings resolve 1 --unconfirmed assume-sent --by NAME --why …`",
    ):
        assert said in words


def test_a_gateway_that_is_not_there_is_said_and_costs_nothing(instance, monkeypatch):
    monkeypatch.setenv("TIDINGS_SIMULATOR_URL", "http://127.0.0.1:9")
    asked = ask("1")
    words = " ".join(asked.stdout.split())
    assert (asked.exit_code, "the gateway gave no answer about 5" in words) == (0, True)
    assert "is it running" in words


def test_a_run_that_is_unknown_is_one_sentence(instance):
    assert isinstance(ask("7").exception, TidingsError)
