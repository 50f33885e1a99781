from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from data.ledger.deciding import Decision
from data.runs import read_run
from data.store.engine import open_store
from engine.closing import close_run
from engine.resolving import CannotResolve, Resolved, resolve_run
from messaging.outcomes import OutcomeStatus, ReceiptStatus
from messaging.runs import RunState
from tests.data.ledger.conftest import RUN, Bench, accepted, refused

ASSUMED_SENT, SEND_AGAIN = Decision.ASSUMED_SENT, Decision.SEND_AGAIN


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A run that ended with three of its ten messages in doubt; their claim may send for another 25 seconds."""
    store = open_store(f"sqlite:///{tmp_path / 'tidings.db'}")
    bench = Bench(store, n=10, rate_mps=None)
    lease = bench.take()
    bench.settle(bench.claim(lease), *accepted(*range(7)), *refused(OutcomeStatus.UNCONFIRMED, 7, 8, 9))
    bench.give_back(lease)
    close_run(store, RUN, now=bench.now)
    bench.now += 5
    yield bench
    store.close()


def resolve(bench: Bench, decision: Decision) -> Resolved:
    try:
        return resolve_run(bench.store, RUN, decision, by="Ann", why="asked the carrier", now=bench.now)
    finally:
        assert bench.audit().balanced


def state(bench: Bench) -> RunState:
    return read_run(bench.store, RUN).state


def test_what_is_assumed_sent_stays_unconfirmed_and_finishes_its_run(bench):
    assert state(bench) is RunState.FINISHED_WITH_UNCONFIRMED
    resolved = resolve(bench, ASSUMED_SENT)
    assert (resolved.run.state, resolved.decided.n_decided) == (RunState.FINISHED, 3)
    assert bench.terms() == {"accepted": 7, "unconfirmed": 3}
    assert bench.audit().terms["assumed_sent"] == 3


def test_what_is_assumed_sent_is_never_claimed(bench):
    resolve(bench, ASSUMED_SENT)
    bench.now += 3600
    bench.move_run("sending")
    assert bench.ask(bench.take("second"), 1).why == "done"


def test_send_again_makes_the_messages_claimable_with_fresh_attempts_and_the_run_sending(bench):
    bench.now += 30
    resolved = resolve(bench, SEND_AGAIN)
    assert (resolved.run.state, resolved.decided.n_decided) == (RunState.SENDING, 3)
    assert bench.terms() == {"accepted": 7, "unsent": 3}
    claimed = bench.claim(bench.take("second"), 1)
    assert list(claimed.rows) == [7, 8, 9]
    bench.settle(claimed, *accepted(7, 8, 9))
    assert bench.terms() == {"accepted": 10}


def test_what_may_still_be_on_its_way_out_is_not_sent_again(bench):
    with pytest.raises(
        CannotResolve, match=r"3 messages of run 1 may still be on their way out.*ask again after"
    ):
        resolve(bench, SEND_AGAIN)
    assert (state(bench), bench.terms()) == (
        RunState.FINISHED_WITH_UNCONFIRMED,
        {"accepted": 7, "unconfirmed": 3},
    )
    bench.now += 25  # the very instant
    assert resolve(bench, SEND_AGAIN).decided.n_decided == 3


def test_a_decision_is_told_to_the_events_and_logged_with_its_reason(bench):
    resolve(bench, ASSUMED_SENT)
    assert bench.events("decision") == [
        ("decision", {"rows": [7, 8, 9], "decision": "assumed sent", "by": "Ann", "why": "asked the carrier"})
    ]
    [(who, what, details)] = bench.rows("select who, what, details from audit_log")
    assert (who, what) == ("Ann", "resolve")
    assert orjson.loads(details) == {
        "run": RUN,
        "decision": "assumed sent",
        "n": 3,
        "why": "asked the carrier",
    }


@pytest.mark.parametrize("decision", list(Decision))
def test_a_later_receipt_still_makes_the_message_accepted(bench, decision):
    bench.now += 30
    resolve(bench, decision)
    assert bench.receive(bench.receipt(8, ReceiptStatus.DELIVERED)).n_adopted == 1
    assert bench.terms()["accepted"] == 8
    assert bench.rows("select status from outcomes where row = 8") == [(OutcomeStatus.ACCEPTED,)]


def test_what_a_receipt_proved_is_not_decided_on(bench):
    bench.receive(bench.receipt(8, ReceiptStatus.DELIVERED))
    assert resolve(bench, ASSUMED_SENT).decided.n_decided == 2


def test_a_decision_stands_so_a_second_one_finds_nothing(bench):
    resolve(bench, ASSUMED_SENT)
    bench.now += 60
    with pytest.raises(CannotResolve, match="nothing in doubt"):
        resolve(bench, SEND_AGAIN)
    assert (state(bench), bench.terms()) == (RunState.FINISHED, {"accepted": 7, "unconfirmed": 3})


def test_nothing_of_a_cancelled_run_is_sent_again_but_it_may_be_assumed_sent(bench):
    bench.move_run("cancelled")
    bench.now += 60
    with pytest.raises(CannotResolve, match="cancelled"):
        resolve(bench, SEND_AGAIN)
    assert resolve(bench, ASSUMED_SENT).run.state is RunState.CANCELLED


def test_a_paused_run_stays_paused_when_its_messages_are_to_be_sent_again(bench):
    bench.move_run("paused")
    bench.now += 60
    assert resolve(bench, SEND_AGAIN).run.state is RunState.PAUSED


def test_what_falls_in_doubt_once_more_is_decided_once_more(bench):
    bench.now += 30
    resolve(bench, SEND_AGAIN)
    bench.claim(bench.take("second"), 1)
    bench.now += 31
    bench.sweep()
    assert bench.terms() == {"accepted": 7, "unconfirmed": 3}
    assert resolve(bench, ASSUMED_SENT).decided.n_decided == 3
