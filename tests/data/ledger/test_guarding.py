import orjson
import pytest
import sqlalchemy as sa

from data.ledger.records import Ended
from data.store.tables import runs
from messaging.outcomes import ErrorKind, OutcomeStatus
from tests.data.ledger.conftest import accepted, refused


def stands(bench):
    return bench.rows("select state, state_reason, recent from runs")[0]


def guarded(bench, **guards):
    defaults = {"max_failures_in_a_row": 100, "max_failure_rate": 1.0, "failure_window": 200}
    bench.do(sa.update(runs).values(guards=orjson.dumps(defaults | guards).decode()))


def test_a_run_without_failures_counts_nothing(bench):
    bench.settle(bench.claim(bench.take()), *accepted(*range(10)))
    assert stands(bench) == ("sending", None, None)


def test_the_settle_that_tells_too_many_failures_stops_the_run_and_says_why(bench):
    guarded(bench, max_failures_in_a_row=4)
    claimed = bench.claim(lease := bench.take(), most=6)
    bench.settle(claimed, *accepted(0), *refused(OutcomeStatus.REJECTED, 1, 2, kind=ErrorKind.BLOCKED))
    assert stands(bench)[0] == "sending"
    bench.settle(claimed, *refused(OutcomeStatus.REJECTED, 3, 4, kind=ErrorKind.BLOCKED))
    assert stands(bench) == ("stopped", "4 messages in a row failed (blocked)", None)
    assert bench.ask(lease, 1) == Ended(why="stopped")
    assert bench.events("run")[-1] == (
        "run",
        {"state": "stopped", "reason": "4 messages in a row failed (blocked)"},
    )
    bench.settle(claimed, *refused(OutcomeStatus.REJECTED, 5))
    assert stands(bench)[2] is None, "a run that does not send is not counted on"


def test_failures_are_counted_over_batches_and_processes(bench):
    """The count lies in the store, not in the process that settles."""
    guarded(bench, max_failures_in_a_row=4)
    for fence, owner in enumerate(("first", "second")):
        lease = bench.take(owner)
        claimed = bench.claim(lease, fence, most=2)
        bench.settle(claimed, *refused(OutcomeStatus.UNCONFIRMED, *claimed.rows, kind=ErrorKind.TIMEOUT))
        bench.give_back(lease)
    assert stands(bench)[0] == "stopped"


def test_a_resumed_run_begins_to_count_anew(bench):
    guarded(bench, max_failures_in_a_row=3)
    claimed = bench.claim(lease := bench.take(), most=3)
    bench.settle(claimed, *refused(OutcomeStatus.REJECTED, *claimed.rows))
    bench.move_run("sending")
    claimed = bench.claim(lease, 1, most=2)
    bench.settle(claimed, *refused(OutcomeStatus.REJECTED, *claimed.rows))
    assert stands(bench)[0] == "sending"


@pytest.mark.parametrize("kind", [ErrorKind.NO_CREDIT, ErrorKind.BAD_CREDENTIALS])
def test_one_refusal_of_the_account_is_enough(bench, kind):
    claimed = bench.claim(bench.take())
    bench.settle(claimed, *accepted(0), *refused(OutcomeStatus.UNSENT, 1, kind=kind, permanent=True))
    assert stands(bench)[0] == "stopped"


def test_a_settle_that_is_repeated_and_one_that_comes_late_count_nothing(bench):
    guarded(bench, max_failures_in_a_row=4)
    claimed = bench.claim(bench.take(), most=3)
    rejects = refused(OutcomeStatus.REJECTED, 0, 1, 2)
    for _ in range(3):
        bench.settle(claimed, *rejects)
    assert stands(bench)[0] == "sending"


def test_a_refusal_of_the_account_that_comes_when_its_message_is_in_doubt_already_stops_the_run_too(bench):
    claimed = bench.claim(bench.take())
    bench.now += 60
    bench.take("another")
    assert stands(bench)[0] == "sending"
    bench.settle(claimed, *refused(OutcomeStatus.UNSENT, 1, kind=ErrorKind.NO_CREDIT, permanent=True))
    assert stands(bench)[0] == "stopped"


def test_what_is_tried_again_stops_nothing(bench):
    guarded(bench, max_failures_in_a_row=1)
    claimed = bench.claim(bench.take())
    bench.settle(claimed, *refused(OutcomeStatus.UNSENT, *range(10), kind=ErrorKind.THROTTLED))
    assert stands(bench) == ("sending", None, None)
