"""What a person may ask of batches that ran already, and what of it is put on record."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa

from data.runs import read_run
from data.store.engine import open_store
from data.store.tables import batches, runs
from engine.rerunning import CannotRerun, Rerun, begin_rerun
from engine.resolving import CannotResolve
from messaging.outcomes import OutcomeStatus
from messaging.reruns import UnreadableBatches
from messaging.runs import RunState
from tests.data.ledger.conftest import RUN, Bench, accepted, refused

ASKED = Rerun(
    run=RUN,
    which="failed",
    batches="",
    unconfirmed="leave",
    decided_by="ann",
    why="the gateway is back",
    asked_as="flow-1",
)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Batch 0 is sent but for two messages: one unsent, one in doubt. Batch 1 was never touched."""
    store = open_store(f"sqlite:///{tmp_path / 'tidings.db'}")
    bench = Bench(store, n=10, rate_mps=None)
    bench.do(sa.update(runs).values(frozen_at=1.0, n_batches=2, n_messages=20, n_audience=20, n_contacts=20, n_source_rows=20))  # fmt: skip
    bench.do(sa.insert(batches).values(run=RUN, batch=1, part=0, n_messages=10))
    settled = [
        *accepted(*range(8)),
        *refused(OutcomeStatus.UNSENT, 8),
        *refused(OutcomeStatus.UNCONFIRMED, 9),
    ]
    bench.settle(bench.claim(bench.take()), *settled)
    bench.now += 100
    yield bench
    store.close()


def begin(bench: Bench, reconcile=lambda: None, **changes):
    asked = dataclasses.replace(ASKED, **changes)
    run, chosen = begin_rerun(bench.store, asked, reconcile=reconcile, now=bench.now)
    assert bench.audit().balanced
    return run.state, chosen


def audit_log(bench: Bench):
    return [
        (who, what, orjson.loads(details))
        for who, what, details in bench.rows("select who, what, details from audit_log order by entry")
    ]


def finish(bench: Bench) -> None:
    bench.do(sa.update(batches).where(batches.c.batch == 1).values(next_row=10))
    bench.rows(
        "insert into outcomes (run, batch, row, status) "
        "select run, 1, row, 1 from outcomes where batch = 0 returning row"
    )


def test_failed_are_the_batches_with_something_left_to_send(bench):
    assert begin(bench) == (RunState.SENDING, [0, 1])
    finish(bench)
    assert begin(bench) == (RunState.SENDING, [0])


def test_a_batch_with_nothing_but_doubt_left_is_not_failed(bench):
    finish(bench)
    bench.rows("update outcomes set status = 1 where status = 3 returning row")
    assert begin(bench)[1] == []


def test_chosen_are_the_batches_named_and_all_is_all_of_them(bench):
    assert begin(bench, which="chosen", batches="batch-1")[1] == [1]
    assert begin(bench, which="all", batches="ignored")[1] == [0, 1]


@pytest.mark.parametrize("state", [RunState.FINISHED_WITH_UNSENT, RunState.FINISHED_WITH_UNCONFIRMED])
def test_a_run_that_ended_with_something_left_is_sending_again(bench, state):
    bench.move_run(state)
    assert begin(bench)[0] is RunState.SENDING


def test_a_finished_run_stays_finished_so_nothing_of_it_can_be_claimed(bench):
    bench.move_run(RunState.FINISHED)
    assert begin(bench, which="all") == (RunState.FINISHED, [0, 1])


@pytest.mark.parametrize(
    ("state", "next_step"),
    [
        (RunState.CANCELLED, "send its campaign as a new run"),
        (RunState.PAUSED, "tidings resume 1"),
        (RunState.STOPPED, "tidings resume 1"),
    ],
)
def test_cancelled_paused_and_stopped_runs_are_left_as_they_are(bench, state, next_step):
    bench.move_run(state)
    with pytest.raises(CannotRerun, match=next_step):
        begin(bench, unconfirmed="send again")
    assert read_run(bench.store, RUN).state is state
    assert audit_log(bench) == []


def test_a_run_that_was_never_frozen_has_no_batches(bench):
    bench.do(sa.update(runs).values(frozen_at=None, state="failed_in_planning"))
    with pytest.raises(CannotRerun, match="failed in planning: it has no batches"):
        begin(bench)


def test_a_batch_that_is_not_there_is_refused_before_anything_is_decided(bench):
    with pytest.raises(UnreadableBatches, match="0 to 1"):
        begin(bench, which="chosen", batches="2", unconfirmed="send again")
    assert audit_log(bench) == []


def test_left_alone_what_is_in_doubt_stays_so(bench):
    begin(bench)
    assert bench.terms()["unconfirmed"] == 1


def test_reconciled_is_what_is_in_doubt_before_the_batches_are_chosen(bench):
    def prove_it_unsent():
        bench.rows("update outcomes set status = 3 where status = 4 returning row")

    finish(bench)
    bench.rows("update outcomes set status = 1 where status = 3 returning row")
    assert begin(bench, prove_it_unsent)[1] == []
    assert begin(bench, prove_it_unsent, unconfirmed="reconcile")[1] == [0]


def test_sent_again_what_is_in_doubt_is_unsent_by_a_decision_with_name_and_reason(bench):
    begin(bench, unconfirmed="send again")
    assert bench.terms() == {"accepted": 8, "unsent": 2, "not_yet_claimed": 10}
    (resolve, rerun) = audit_log(bench)
    assert resolve[:2] == ("ann", "resolve")
    assert rerun == (
        "ann",
        "rerun",
        {
            "run": RUN,
            "which": "failed",
            "batches": "",
            "unconfirmed": "send again",
            "why": "the gateway is back",
            "asked_as": "flow-1",
        },
    )


def test_assumed_sent_what_is_in_doubt_stays_unconfirmed_and_decided(bench):
    begin(bench, unconfirmed="assume sent")
    assert bench.audit().terms["assumed_sent"] == 1


def test_a_decision_on_nothing_is_none(bench):
    begin(bench, unconfirmed="assume sent")
    begin(bench, unconfirmed="send again", asked_as="flow-2")
    assert bench.audit().terms["assumed_sent"] == 1
    assert [what for _, what, _ in audit_log(bench)] == ["resolve", "rerun", "rerun"]


def test_a_decision_without_a_reason_is_refused(bench):
    with pytest.raises(CannotRerun, match="say why"):
        begin(bench, unconfirmed="send again", why=" ")
    assert bench.terms()["unconfirmed"] == 1


def test_a_retry_decides_nothing_on_what_came_to_be_in_doubt_since(bench):
    begin(bench, unconfirmed="send again")
    lease = bench.take("second")
    claimed = bench.claim(lease, lease.n_claims)
    bench.settle(claimed, *refused(OutcomeStatus.UNCONFIRMED, *claimed.rows))
    bench.now += 100
    begin(bench, unconfirmed="send again")
    assert bench.terms()["unconfirmed"] == 2
    begin(bench, unconfirmed="send again", asked_as="flow-2")
    assert "unconfirmed" not in bench.terms()


def test_a_process_that_dies_right_after_its_decision_does_not_decide_again(bench):
    """A person decided on one message; the one in doubt by the time of the Retry nobody has decided on."""

    class Killed(BaseException):
        """As SIGKILL between two commits: nothing after the first one happens."""

    def die(*_, **__):
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.rerunning._log", die)
        with pytest.raises(Killed):
            begin(bench, unconfirmed="send again")
    assert "unconfirmed" not in bench.terms()
    bench.rows("update outcomes set status = 4, decision = null where row = 9 returning row")
    begin(bench, unconfirmed="send again")
    assert bench.terms()["unconfirmed"] == 1
    assert [what for _, what, _ in audit_log(bench)] == ["resolve", "rerun"]


def test_a_decision_that_comes_too_early_is_taken_by_the_retry(bench):
    lease = bench.take("second")
    claimed = bench.claim(lease, lease.n_claims)
    bench.settle(claimed, *refused(OutcomeStatus.UNCONFIRMED, *claimed.rows))
    bench.rows("update outcomes set decision = 'assumed sent' where row = 9 returning row")
    with pytest.raises(CannotResolve, match="ask again after"):
        begin(bench, unconfirmed="send again")
    bench.now += 100
    begin(bench, unconfirmed="send again")
    assert bench.terms()["unsent"] == 1
