"""After a restore, whatever was not final in the backup is in doubt, and strangers' words are not taken for ours."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from data.ledger.reconciling import read_in_doubt
from data.ledger.records import ClaimRequest, Dedupe, Ended
from data.ledger.restoring import NUMBERS_SKIPPED, doubt_unfinished
from data.ledger.resubmitting import resubmit
from messaging.outcomes import OutcomeStatus, ReceiptStatus
from tests.data.ledger.conftest import RUN, Bench, accepted, refused


@pytest.fixture
def bench(bench: Bench) -> Bench:
    return bench


@pytest.fixture
def bench_in_mid_run(bench):
    """Rows 0 accepted, 1 rejected, 2 unsent, 3 opted out, 4 unconfirmed, 5 and 6 in flight, 7 to 9 to come."""
    bench.opt_out(3)
    lease = bench.take()
    claimed = bench.claim(lease, most=5)
    bench.settle(
        claimed,
        *accepted(0),
        *refused(OutcomeStatus.REJECTED, 1),
        *refused(OutcomeStatus.UNSENT, 2),
        *refused(OutcomeStatus.UNCONFIRMED, 4),
    )
    bench.claim(lease, 1, most=2)
    assert bench.terms() == {
        "accepted": 1,
        "rejected": 1,
        "unsent": 1,
        "unconfirmed": 1,
        "in_flight": 2,
        "not_yet_claimed": 3,
        "stopped": 1,
    }
    return bench


def test_everything_that_was_not_final_is_unconfirmed_and_the_audit_balances(bench_in_mid_run):
    bench = bench_in_mid_run
    assert bench.commit(doubt_unfinished) == 6
    assert bench.terms() == {"accepted": 1, "rejected": 1, "unconfirmed": 7, "stopped": 1}
    assert bench.commit(doubt_unfinished) == 0


def test_a_second_attempt_that_was_in_flight_is_in_doubt(bench):
    lease = bench.take()
    bench.settle(bench.claim(lease, most=10), *accepted(*range(9)), *refused(OutcomeStatus.UNSENT, 9))
    bench.now += 10
    bench.claim(lease, 1)
    assert bench.terms() == {"accepted": 9, "in_flight": 1}
    assert bench.commit(doubt_unfinished) == 1
    assert bench.terms() == {"accepted": 9, "unconfirmed": 1}


def test_what_is_in_doubt_is_told_to_the_events(bench_in_mid_run):
    bench_in_mid_run.commit(doubt_unfinished)
    told = sorted(row for _, payload in bench_in_mid_run.events("doubt") for row in payload["rows"])
    assert told == [2, 5, 6, 7, 8, 9]


def test_nothing_of_it_can_be_claimed(bench_in_mid_run):
    bench = bench_in_mid_run
    bench.commit(doubt_unfinished)
    assert bench.rows("select n_messages - next_row from batches") == [(0,)], "nobody takes it for unfinished"
    lease = bench.take("second")
    assert bench.ask(lease, lease.n_claims) == Ended(why="done")


def test_a_receipt_proves_a_message_that_was_never_claimed_here(bench_in_mid_run):
    bench = bench_in_mid_run
    bench.commit(doubt_unfinished)
    assert bench.receive(bench.receipt(9, ReceiptStatus.DELIVERED)).n_adopted == 1
    assert bench.terms() == {"accepted": 2, "rejected": 1, "unconfirmed": 6, "stopped": 1}


def test_a_holder_of_the_lost_store_gets_no_claim_and_its_answers_are_evidence(bench_in_mid_run):
    bench = bench_in_mid_run
    lost_lease = bench.take()
    lost = bench.claim(
        lost_lease, 2, most=2
    )  # of rows 7 and 8, after the backup: the backup knows nothing of it
    bench.do(sa.text("delete from claims where claim_no = 2"))
    bench.do(sa.text("update batches set next_row = 7, n_claims = 2"))
    bench.commit(doubt_unfinished)
    assert bench.ask(lost_lease, 3) == Ended(why="stale")
    ours = bench.take("second")
    assert ours.n_claims == 2 + NUMBERS_SKIPPED
    assert bench.settle(lost, *accepted(7), *refused(OutcomeStatus.UNSENT, 8)).n_applied == 1
    assert bench.terms() == {"accepted": 2, "rejected": 1, "unconfirmed": 6, "stopped": 1}


@pytest.mark.parametrize("by_request", [True, False])
def test_no_request_of_the_lost_store_is_made_again(bench_in_mid_run, by_request):
    # Row 2 came back unsent and was accepted after the backup, in another request: the old one would be a second copy.
    bench = bench_in_mid_run
    bench.commit(doubt_unfinished)
    bench.now += 60
    lease = bench.take("second")
    request = ClaimRequest(
        lease=lease, claim_no=lease.n_claims, recipients=bench.recipients, most=10, is_bulk=False
    )
    dedupe = Dedupe(window_s=86_400, by_request=by_request)
    assert bench.commit(resubmit, request, dedupe, bench.rules) == Ended(why="done")


def test_when_it_was_last_sent_counts_from_the_restore(bench_in_mid_run):
    bench = bench_in_mid_run
    bench.now += 600
    bench.commit(doubt_unfinished)
    assert {one.last_sent_at for one in bench.commit(read_in_doubt, RUN)} == {bench.now}


def test_what_was_assumed_sent_stays_so(bench):
    bench.settle(bench.claim(bench.take(), most=1), *refused(OutcomeStatus.UNCONFIRMED, 0))
    bench.do(sa.text("update outcomes set decision = 'assumed sent'"))
    before = bench.rows("select * from outcomes where row = 0")
    assert bench.commit(doubt_unfinished) == 9
    assert bench.rows("select * from outcomes where row = 0") == before


def test_a_batch_that_was_done_is_left_alone(bench):
    bench.settle(bench.claim(bench.take(), most=10), *accepted(*range(10)))
    before = bench.rows("select * from outcomes")
    assert bench.commit(doubt_unfinished) == 0
    assert bench.rows("select * from outcomes") == before
