import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.ledger.records import Claim, Settled, Wait
from messaging.outcomes import ErrorKind, OutcomeStatus, ReceiptStatus
from tests.data.ledger.conftest import accepted, refused


def test_a_settle_writes_outcomes_and_their_event_in_one_commit(bench):
    claimed = bench.claim(bench.take(), most=2)
    settled = bench.settle(claimed, *accepted(0), *refused(OutcomeStatus.REJECTED, 1, kind=ErrorKind.BLOCKED))
    assert settled == Settled(n_applied=2, n_repeated=0, n_late=0)
    assert bench.events("outcomes") == [
        (
            "outcomes",
            {
                "rows": [0, 1],
                "status": [1, 2],
                "gateway_message_id": ["g0", None],
                "error_kind": [None, "blocked"],
                "error_code": [None, "42"],
                "attempt": [1, 1],
            },
        )
    ]
    assert bench.rows("select state, n, n_settled from claims") == [("settled", 2, 2)]


def test_a_claim_is_settled_in_parts(bench):
    claimed = bench.claim(bench.take(), most=3)
    bench.settle(claimed, *accepted(1))
    assert bench.terms() == {"accepted": 1, "in_flight": 2, "not_yet_claimed": 7}
    bench.settle(claimed, *accepted(0, 2))
    assert bench.rows("select state from claims") == [("settled",)]


def test_a_part_settled_twice_counts_once(bench):
    claimed = bench.claim(bench.take(), most=3)
    bench.settle(claimed, *accepted(0, 1))
    assert bench.settle(claimed, *accepted(0, 1)) == Settled(n_applied=0, n_repeated=2, n_late=0)
    assert bench.terms() == {"accepted": 2, "in_flight": 1, "not_yet_claimed": 7}
    assert [kind for kind, _ in bench.events()] == ["claim", "outcomes"]


def test_a_holder_that_lost_its_lease_still_settles_what_it_had_claimed(bench):
    claimed = bench.claim(bench.take(), most=3)
    bench.now += 31
    bench.take("second")
    assert bench.terms() == {"unconfirmed": 3, "not_yet_claimed": 7}
    bench.settle(
        claimed, *accepted(0), *refused(OutcomeStatus.REJECTED, 1), *refused(OutcomeStatus.UNSENT, 2)
    )
    assert bench.terms() == {"accepted": 1, "rejected": 1, "unsent": 1, "not_yet_claimed": 7}


def test_a_late_unsent_is_sent_by_whoever_works_the_batch_now(bench):
    """The sleeper: it woke past `send_before`, let nothing leave, and says so."""
    sleeping = bench.claim(bench.take(), most=10)
    bench.now += 3600
    lease = bench.take("second")
    bench.settle(
        sleeping, *refused(OutcomeStatus.UNSENT, *range(10), kind=ErrorKind.HELD_BACK, on_wire=False)
    )
    assert list(bench.claim(lease, 1).rows) == list(range(10))


def test_a_late_outcome_of_a_message_that_a_newer_claim_holds_is_kept_and_shown(bench):
    sleeping = bench.claim(bench.take(), most=10)
    bench.now += 31
    lease = bench.take("second")
    bench.settle(
        sleeping, *refused(OutcomeStatus.UNSENT, *range(10), kind=ErrorKind.HELD_BACK, on_wire=False)
    )
    newer = bench.claim(lease, 1)
    assert bench.settle(sleeping, *accepted(4)) == Settled(n_applied=0, n_repeated=0, n_late=1)
    kind, late = bench.events()[-1]
    assert (kind, late["rows"], late["status"], late["possible_duplicate"]) == ("late", [4], [1], [True])
    bench.settle(newer, *accepted(*range(10)))
    assert bench.terms() == {"accepted": 10}


def test_a_settle_repeated_after_its_message_was_claimed_again_changes_nothing(bench):
    lease = bench.take()
    first = bench.claim(lease)
    held_back = refused(OutcomeStatus.UNSENT, *range(10), kind=ErrorKind.HELD_BACK, on_wire=False)
    bench.settle(first, *held_back)
    bench.claim(lease, 1)
    assert bench.settle(first, *held_back) == Settled(n_applied=0, n_repeated=0, n_late=10)
    assert bench.terms() == {"in_flight": 10}


def test_an_accepted_that_comes_after_a_person_said_send_again_still_counts(bench):
    claimed = bench.claim(bench.take(), most=1)
    bench.now += 31
    bench.take("second")
    bench.rows("update outcomes set status = 3, decision = 'send again' where row = 0 returning row")
    bench.settle(claimed, *accepted(0))
    assert bench.terms() == {"accepted": 1, "not_yet_claimed": 9}


@pytest.mark.parametrize("status", [OutcomeStatus.UNSENT, OutcomeStatus.REJECTED])
def test_only_proof_overturns_what_a_person_decided(bench, status):
    claimed = bench.claim(bench.take(), most=1)
    bench.now += 31
    bench.take("second")
    bench.rows("update outcomes set decision = 'assumed sent' where row = 0 returning row")
    assert bench.settle(claimed, *refused(status, 0)).n_late == 1
    assert bench.terms() == {"unconfirmed": 1, "not_yet_claimed": 9}
    assert bench.audit().terms["assumed_sent"] == 1
    bench.settle(claimed, *accepted(0))
    assert bench.terms() == {"accepted": 1, "not_yet_claimed": 9}


def test_a_second_id_for_an_accepted_message_is_a_possible_duplicate(bench):
    claimed = bench.claim(bench.take(), most=1)
    bench.settle(claimed, *accepted(0))
    other = accepted(0)[0]._replace(outcome=accepted(99)[0].outcome)
    assert bench.settle(claimed, other).n_late == 1
    assert bench.events()[-1][1]["possible_duplicate"] == [True]


def test_the_gateways_wish_to_wait_is_kept_by_the_settle_itself(bench):
    claimed = bench.claim(bench.take(), most=2)
    bench.settle(claimed, *refused(OutcomeStatus.UNSENT, 0), blocked_s=20)
    bench.settle(claimed, *refused(OutcomeStatus.UNSENT, 1), blocked_s=3)
    assert bench.rows("select blocked_until from accounts") == [(bench.now + 20,)]


def test_back_off_doubles_up_to_half_a_minute(bench):
    bench.with_rules(max_attempts=9)
    lease = bench.take()
    claimed, waits = bench.claim(lease), []
    bench.settle(claimed, *accepted(*range(9)), *refused(OutcomeStatus.UNSENT, 9))
    for number in range(1, 8):
        bench.now += (wait := bench.rows("select retry_at from outcomes where row = 9")[0][0] - bench.now)
        waits.append(wait)
        bench.settle(bench.claim(lease, number), *refused(OutcomeStatus.UNSENT, 9))
    assert waits == [1, 2, 4, 8, 16, 30, 30]


def test_a_receipt_that_was_faster_than_the_answer_is_found_by_the_settle(bench):
    claimed = bench.claim(bench.take(), most=3)
    bench.receive(*(bench.receipt(row, ReceiptStatus.DELIVERED) for row in range(3)))
    assert bench.terms() == {"in_flight": 3, "not_yet_claimed": 7}
    bench.settle(
        claimed, *accepted(0), *refused(OutcomeStatus.UNCONFIRMED, 1), *refused(OutcomeStatus.UNSENT, 2)
    )
    assert bench.terms() == {"accepted": 3, "not_yet_claimed": 7}
    assert bench.audit().terms["delivered"] == 3
    assert bench.events("adopted") == [("adopted", {"rows": [1, 2], "gateway_message_id": ["g1", "g2"]})]


@settings(max_examples=30, deadline=None)
@given(parts=st.lists(st.sets(st.integers(0, 9), min_size=1), max_size=6))
def test_however_settles_are_cut_and_repeated_the_ledger_is_the_same(bench_of_one, parts):
    """The law of settling: any partition, any repetition, any order of the same outcomes ends in the same ledger."""
    bench = bench_of_one()
    lease = bench.take()
    claimed = bench.claim(lease)
    outcomes = [
        *accepted(*range(6)),
        *refused(OutcomeStatus.REJECTED, 6, 7),
        *refused(OutcomeStatus.UNCONFIRMED, 8, 9),
    ]
    for part in [*parts, range(10)]:
        bench.settle(claimed, *(outcomes[row] for row in part))
    assert bench.terms() == {"accepted": 6, "rejected": 2, "unconfirmed": 2}
    assert bench.rows("select state, n_settled from claims") == [("settled", 10)]
    assert sorted(row for _, payload in bench.events("outcomes") for row in payload["rows"]) == list(
        range(10)
    )
    assert bench.events("late") == []


@pytest.fixture(scope="module")
def bench_of_one():
    """A bench per example of a property: function fixtures are made once for all of them."""
    from data.store.engine import open_store
    from tests.data.ledger.conftest import Bench

    stores = []

    def make():
        stores.append(open_store("sqlite://"))
        return Bench(stores[-1], n=10, rate_mps=None)

    yield make
    for store in stores:
        store.close()


def test_messages_that_found_no_gateway_use_up_no_attempt_but_wait(bench):
    lease = bench.take()
    missed = refused(OutcomeStatus.UNSENT, *range(10), kind=ErrorKind.CONNECT_FAILED, on_wire=False)
    bench.settle(bench.claim(lease), *missed)
    assert bench.ask(lease, 1) == Wait(wait_s=1.0)
    bench.now += 1
    assert isinstance(bench.ask(lease, 1), Claim)
    assert bench.rows("select distinct attempts from outcomes") == [(0,)]


ONCE_MORE, NEVER = True, False


@pytest.mark.parametrize(
    ("status", "kind", "permanent", "on_wire", "is_tried_again", "counts"),
    [
        ("UNSENT", "throttled", False, True, ONCE_MORE, 1),
        ("UNSENT", "unavailable", False, True, ONCE_MORE, 1),
        ("UNSENT", "timeout", False, True, ONCE_MORE, 1),
        ("UNSENT", "connect_failed", False, False, ONCE_MORE, 0),
        ("UNSENT", "held_back", False, False, ONCE_MORE, 0),
        ("UNSENT", "unknown", True, True, NEVER, 1),
        ("UNSENT", "bad_credentials", True, True, NEVER, 1),
        ("UNSENT", "no_credit", True, True, NEVER, 1),
        ("UNCONFIRMED", "timeout", False, True, NEVER, 1),
        ("UNCONFIRMED", "lost_connection", False, True, NEVER, 1),
        ("UNCONFIRMED", "bad_answer", False, True, NEVER, 1),
        ("REJECTED", "blocked", True, True, NEVER, 1),
        ("REJECTED", "unknown", False, True, NEVER, 1),
        ("ACCEPTED", None, False, True, NEVER, 1),
    ],
)
def test_what_is_tried_again_in_the_same_task_run_and_what_counts_as_an_attempt(
    bench_of, status, kind, permanent, on_wire, is_tried_again, counts
):
    bench = bench_of(1)
    lease = bench.take()
    claimed = bench.claim(lease)
    said = (
        accepted(0)
        if kind is None
        else refused(OutcomeStatus[status], 0, kind=ErrorKind(kind), permanent=permanent, on_wire=on_wire)
    )
    bench.settle(claimed, *said)
    attempts, retry_at = bench.rows("select attempts, retry_at from outcomes")[0]
    assert (attempts, retry_at is not None) == (counts, is_tried_again)
    bench.move_run("sending")  # where the guards have stopped it
    bench.now += 60
    assert isinstance(bench.ask(lease, 1), Claim) is is_tried_again
