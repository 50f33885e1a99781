"""Sweeps: what they do to a run that somebody left, and what they leave alone."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.flight_record import FlightRecords
from data.runs import read_run
from data.store.engine import open_store
from data.store.tables import batches, runs
from data.unattended import Idle
from engine.housekeeping import IDLE_S, PLANNING_S, Swept, is_unattended, sweep
from engine.run_control import cancel_run
from messaging.outcomes import OutcomeStatus
from messaging.runs import RunState
from tests.data.ledger.conftest import RUN, Bench, accepted, refused

LEASE_S = 30.0


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    store = open_store(f"sqlite:///{tmp_path / 'tidings.db'}")
    yield Bench(store, n=10, rate_mps=None)
    store.close()


def swept(bench: Bench, *, after_s: float = 0.0) -> Swept:
    bench.now += after_s
    done = sweep(bench.store, now=bench.now)
    assert bench.audit().balanced
    return done


def state(bench: Bench) -> RunState:
    return read_run(bench.store, RUN).state


def move(bench: Bench, state: RunState) -> None:
    bench.do(sa.update(runs).values(state=state.value, state_at=bench.now))


def test_the_lease_of_a_dead_holder_expires_and_what_it_had_claimed_is_in_doubt(bench):
    bench.claim(bench.take(), most=4)
    assert swept(bench, after_s=LEASE_S + 1) == Swept(n_expired=1)
    assert bench.terms() == {"unconfirmed": 4, "not_yet_claimed": 6}
    assert swept(bench) == Swept()


def test_a_run_is_idle_two_minutes_after_its_last_lease_and_not_before(bench):
    bench.take()
    expired_at = bench.now + LEASE_S
    assert swept(bench, after_s=LEASE_S + IDLE_S - 1).idle == ()
    assert not is_unattended(bench.store, RUN, now=bench.now)
    assert swept(bench, after_s=1).idle == (Idle(RUN, expired_at),)
    assert is_unattended(bench.store, RUN, now=bench.now)


def test_a_run_that_somebody_works_on_is_never_idle(bench):
    lease = bench.take()
    for claim_no in range(5):
        bench.now += LEASE_S - 1
        bench.settle(bench.claim(lease, claim_no, most=1), *accepted(claim_no))
        assert swept(bench) == Swept()


def test_a_run_that_was_resumed_a_moment_ago_is_left_to_whoever_takes_it_up(bench):
    bench.take()
    bench.now += 1000
    move(bench, RunState.SENDING)
    resumed_at = bench.now
    assert swept(bench, after_s=IDLE_S - 1).idle == ()
    assert swept(bench, after_s=1).idle == (Idle(RUN, resumed_at),)


@pytest.mark.parametrize("left", [RunState.PAUSED, RunState.STOPPED, RunState.CANCELLED, RunState.SCHEDULED])
def test_only_a_sending_run_is_taken_up(bench, left):
    bench.take()
    move(bench, left)
    assert swept(bench, after_s=1000).idle == ()
    assert state(bench) is left


def test_a_batch_whose_window_opens_later_makes_no_run_idle(bench):
    bench.do(sa.update(batches).values(not_before=bench.now + 5000))
    assert swept(bench, after_s=1000) == Swept()
    assert [idle.run for idle in swept(bench, after_s=4000).idle] == [RUN]


def test_an_expiry_written_before_the_clock_was_set_back_keeps_no_run_from_being_taken_up(bench):
    bench.take()
    bench.now -= 10_000
    assert swept(bench).n_expired == 1
    assert [idle.run for idle in swept(bench, after_s=IDLE_S).idle] == [RUN]


@pytest.mark.parametrize(
    ("settled", "end"),
    [
        (accepted(*range(10)), RunState.FINISHED),
        ([*accepted(*range(9)), *refused(OutcomeStatus.UNCONFIRMED, 9)], RunState.FINISHED_WITH_UNCONFIRMED),
    ],
)
def test_a_run_whose_campaign_run_died_before_its_end_is_closed(bench, settled, end):
    bench.settle(bench.claim(bench.take()), *settled)
    assert swept(bench, after_s=LEASE_S + IDLE_S - 1).closed == ()
    assert swept(bench, after_s=1).closed == (RUN,)
    assert state(bench) is end


def test_a_run_with_unsent_messages_is_taken_up_before_it_may_end(bench):
    bench.settle(bench.claim(bench.take()), *accepted(*range(9)), *refused(OutcomeStatus.UNSENT, 9))
    done = swept(bench, after_s=1000)
    assert ([idle.run for idle in done.idle], done.closed) == ([RUN], ())


def test_what_comes_back_unsent_after_a_cancel_is_stopped(bench):
    claimed = bench.claim(bench.take(), most=4)
    cancel_run(bench.store, RUN, by="ann", now=bench.now)
    bench.settle(claimed, *accepted(0, 1), *refused(OutcomeStatus.UNSENT, 2, 3))
    assert swept(bench, after_s=60).n_leftovers == 2
    assert bench.terms() == {"accepted": 2, "stopped": 8}
    assert swept(bench).n_leftovers == 0


def test_a_plan_that_never_froze_ends_after_half_an_hour_and_says_so(bench):
    move(bench, RunState.PLANNING)
    assert swept(bench, after_s=PLANNING_S - 1).failed_in_planning == ()
    assert swept(bench, after_s=1).failed_in_planning == (RUN,)
    run = read_run(bench.store, RUN)
    assert run.state is RunState.FAILED_IN_PLANNING
    assert run.state_reason == "not planned after 30 minutes: whoever planned it is gone; Retry plans it anew"


def flown_by_a_dead_process(bench: Bench, var_dir: Path, rows: list[int]) -> None:
    """A process of its own takes the batch, claims four messages, lets some leave and is killed."""
    lease = bench.take()
    bench.claim(lease, most=4)
    pid = os.fork()
    if pid == 0:
        record = FlightRecords(var_dir).begin(lease, 10)
        assert record is not None
        record.mark(0, rows)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can be proved dead")
def test_what_a_dead_process_never_let_leave_is_spared_the_doubt_and_its_record_is_removed(bench, tmp_path):
    flown_by_a_dead_process(bench, tmp_path, [1])
    flights = FlightRecords(tmp_path)
    assert sweep(bench.store, now=bench.now, flights=flights) == Swept()
    assert flights.batches() == [bench.ref]  # somebody may still ask for it
    bench.now += LEASE_S + 1
    assert sweep(bench.store, now=bench.now, flights=flights).n_expired == 1
    assert bench.terms() == {"unsent": 3, "unconfirmed": 1, "not_yet_claimed": 6}
    assert flights.batches() == []
