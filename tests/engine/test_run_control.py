from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from data.ledger.records import Ended
from data.runs import UnknownRun, read_run
from data.store.engine import open_store
from engine.run_control import CannotSteer, cancel_run, pause_run, resume_run, stop_leftovers
from messaging.outcomes import OutcomeStatus
from messaging.runs import TRANSITIONS, RunState
from tests.data.ledger.conftest import RUN, Bench, accepted, refused


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    store = open_store(f"sqlite:///{tmp_path / 'tidings.db'}")
    yield Bench(store, n=10, rate_mps=None)
    store.close()


def pause(bench: Bench):
    return pause_run(bench.store, RUN, by="ann", now=bench.now)


def resume(bench: Bench):
    return resume_run(bench.store, RUN, by="ann", now=bench.now)


def cancel(bench: Bench):
    cancelled = cancel_run(bench.store, RUN, by="ann", now=bench.now)
    assert bench.audit().balanced
    return cancelled


def state(bench: Bench) -> RunState:
    return read_run(bench.store, RUN).state


def audit_log(bench: Bench):
    return [
        (who, what, at, orjson.loads(details))
        for who, what, at, details in bench.rows(
            "select who, what, at, details from audit_log order by entry"
        )
    ]


def test_a_paused_run_claims_nothing_more_and_settles_what_is_in_flight(bench):
    lease = bench.take()
    claimed = bench.claim(lease, most=4)
    assert pause(bench).state is RunState.PAUSED
    assert bench.ask(lease, 1) == Ended(why="paused")
    bench.settle(claimed, *accepted(0, 1, 2, 3))
    assert bench.terms() == {"accepted": 4, "not_yet_claimed": 6}


def test_a_resumed_run_goes_on_where_it_was_paused(bench):
    lease = bench.take()
    bench.settle(bench.claim(lease, most=4), *accepted(0, 1, 2, 3))
    pause(bench)
    resumed = resume(bench)
    assert (resumed.run.state, resumed.is_worked) == (RunState.SENDING, True)
    assert bench.claim(lease, 1).rows == range(4, 10)


def test_a_run_that_nobody_works_on_is_said_to_wait_for_somebody(bench):
    pause(bench)
    assert not resume(bench).is_worked


def test_resuming_a_run_that_has_nothing_left_gives_it_its_end(bench):
    claimed = bench.claim(bench.take())
    pause(bench)
    bench.settle(claimed, *accepted(*range(10)))
    assert resume(bench).run.state is RunState.FINISHED


def test_resuming_a_run_with_unsent_messages_leaves_it_sending(bench):
    claimed = bench.claim(bench.take())
    pause(bench)
    bench.settle(claimed, *accepted(*range(9)), *refused(OutcomeStatus.UNSENT, 9))
    assert resume(bench).run.state is RunState.SENDING


def test_a_sending_run_that_nobody_works_on_is_returned_to_be_taken_up_and_nothing_is_logged(bench):
    resumed = resume(bench)
    assert (resumed.run.state, resumed.is_worked) == (RunState.SENDING, False)
    assert audit_log(bench) == []


def test_a_stopped_run_is_resumed_too(bench):
    bench.move_run("stopped")
    assert resume(bench).run.state is RunState.SENDING


def test_cancelling_stops_what_nobody_has_claimed_and_leaves_the_rest_to_settle(bench):
    lease = bench.take()
    bench.settle(bench.claim(lease, most=3), *accepted(0, 1), *refused(OutcomeStatus.UNSENT, 2))
    claimed = bench.claim(lease, 1, most=3)
    cancelled = cancel(bench)
    assert (cancelled.run.state, cancelled.n_stopped, cancelled.n_in_flight) == (RunState.CANCELLED, 5, 3)
    assert bench.terms() == {"accepted": 2, "in_flight": 3, "stopped": 5}
    assert bench.events("stop") == [("stop", {"rows": [2, 6, 7, 8, 9], "reason": ["cancelled"] * 5})]
    assert bench.ask(lease, 2) == Ended(why="cancelled")
    bench.settle(claimed, *accepted(3, 4, 5))
    assert bench.terms() == {"accepted": 5, "stopped": 5}


def test_what_comes_back_unsent_after_the_cancel_is_stopped_when_somebody_asks_again(bench):
    claimed = bench.claim(bench.take(), most=4)
    cancel(bench)
    bench.settle(claimed, *accepted(0, 1), *refused(OutcomeStatus.UNSENT, 2, 3))
    assert bench.terms() == {"accepted": 2, "unsent": 2, "stopped": 6}
    assert cancel(bench).n_stopped == 2
    assert bench.terms() == {"accepted": 2, "stopped": 8}
    assert cancel(bench).n_stopped == 0


def test_only_a_cancelled_run_has_leftovers(bench):
    assert stop_leftovers(bench.store, RUN, now=bench.now) == 0
    assert bench.terms() == {"not_yet_claimed": 10}


def test_every_decision_is_logged_with_who_and_when_and_a_refused_one_is_not(bench):
    pause(bench)
    bench.now += 1
    resume(bench)
    bench.now += 1
    cancel(bench)
    with pytest.raises(CannotSteer):
        pause(bench)
    assert audit_log(bench) == [
        ("ann", "pause", 1_000_000.0, {"run": RUN}),
        ("ann", "resume", 1_000_001.0, {"run": RUN}),
        ("ann", "cancel", 1_000_002.0, {"run": RUN, "n_stopped": 10}),
    ]


@pytest.mark.parametrize("before", list(RunState))
@pytest.mark.parametrize(
    ("act", "after"), [(pause, RunState.PAUSED), (resume, RunState.SENDING), (cancel, RunState.CANCELLED)]
)
def test_from_every_state_a_command_moves_the_run_or_says_why_not(bench, before, act, after):
    bench.move_run(before.value)
    bench.take()  # somebody works on it
    by_command = after in TRANSITIONS[before]
    if act is resume:
        by_command = before in {RunState.PAUSED, RunState.STOPPED}
    if by_command:
        act(bench)
        assert state(bench) is after
    elif act is cancel and before is RunState.CANCELLED:
        assert cancel(bench).n_stopped == 10  # a run that was moved there by other means had left them
    else:
        with pytest.raises(CannotSteer, match=rf"run {RUN} is {before.in_words} and cannot be .*\.$"):
            act(bench)
        assert state(bench) is before


def test_a_run_that_is_not_there_is_named(bench):
    with pytest.raises(UnknownRun, match="no run 7"):
        pause_run(bench.store, 7, by="ann", now=1.0)
