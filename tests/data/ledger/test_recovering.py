import sqlalchemy as sa

from data.ledger.leasing import take
from data.ledger.records import Busy, Ended
from data.ledger.recovering import expire_leases
from messaging.outcomes import OutcomeStatus, ReceiptStatus
from tests.data.ledger.conftest import accepted, refused


def test_what_a_dead_holder_left_open_is_unconfirmed_and_the_rest_is_not(bench):
    claimed = bench.claim(bench.take(), most=4)
    bench.settle(claimed, *accepted(1))
    bench.now += 31
    bench.take("second")
    assert bench.terms() == {"accepted": 1, "unconfirmed": 3, "not_yet_claimed": 6}
    assert bench.events("doubt") == [("doubt", {"rows": [0, 2, 3], "status": [4, 4, 4]})]
    assert bench.rows("select state from claims") == [("doubt",)]


def test_a_later_attempt_left_open_is_unconfirmed_too(bench):
    lease = bench.take()
    bench.settle(bench.claim(lease), *accepted(*range(8)), *refused(OutcomeStatus.UNSENT, 8, 9))
    bench.now += 1
    bench.claim(lease, 1)
    bench.now += 31
    bench.take("second")
    assert bench.terms() == {"accepted": 8, "unconfirmed": 2}
    assert bench.rows("select attempts from outcomes where row >= 8") == [(2,), (2,)]


def test_expired_leases_are_fenced_off_without_anybody_taking_the_batch(bench):
    stale = bench.take()
    bench.claim(stale, most=4)
    bench.now += 29
    assert bench.sweep() == []
    bench.now += 2
    assert bench.sweep() == [bench.ref]
    assert bench.terms() == {"unconfirmed": 4, "not_yet_claimed": 6}
    assert bench.ask(stale, 1) == Ended(why="stale")
    assert bench.sweep() == []
    assert not isinstance(bench.try_to_take("second"), Busy)


def test_a_receipt_that_came_while_the_message_was_in_flight_keeps_it_out_of_doubt(bench):
    bench.claim(bench.take(), most=2)
    bench.receive(bench.receipt(0, ReceiptStatus.SENT))
    bench.now += 31
    bench.sweep()
    assert bench.terms() == {"accepted": 1, "unconfirmed": 1, "not_yet_claimed": 8}
    assert bench.events("doubt") == [("doubt", {"rows": [0, 1], "status": [1, 4]})]


def test_a_claim_whose_word_was_lost_and_whose_owner_died_is_in_doubt_as_well(bench):
    bench.claim(bench.take(), most=3)
    bench.now += 31
    bench.take("second")
    assert bench.terms() == {"unconfirmed": 3, "not_yet_claimed": 7}


class Witness:
    """What flight records would say: holders known to be dead, and what they let leave of which claim."""

    def __init__(self, dead=(), departed=None):
        self.dead, self.left = dead, departed or {}

    def is_dead(self, ref, owner, fence):
        return (owner, fence) in self.dead

    def departed(self, ref, fence, claim_no, request_key):
        return self.left.get(claim_no)


def take_knowing(bench, witness, owner="second"):
    def take_it(connection, now):
        return take(connection, bench.ref, owner, bench.rules, now, flights=witness)

    return bench.commit(take_it)


def test_what_provably_never_left_is_unsent_and_claimed_again_without_an_attempt_counted(bench):
    lease = bench.take()
    bench.settle(bench.claim(lease, most=4), *accepted(0))
    bench.claim(lease, 1, most=3)
    bench.now += 31
    taken = take_knowing(bench, Witness(departed={0: {0, 2}, 1: set()}))
    assert bench.terms() == {"accepted": 1, "unsent": 5, "unconfirmed": 1, "not_yet_claimed": 3}
    assert bench.events("doubt") == [
        ("doubt", {"rows": [1, 2, 3], "status": [3, 4, 3]}),
        ("doubt", {"rows": [4, 5, 6], "status": [3, 3, 3]}),
    ]
    assert bench.rows("select row, attempts from outcomes where status = 3") == [
        (row, 0) for row in (1, 3, 4, 5, 6)
    ]
    assert list(bench.claim(taken, 2).rows) == [7, 8, 9]
    assert bench.claim(taken, 3).rows == [1, 3, 4, 5, 6]


def test_without_proof_for_a_claim_all_of_it_is_in_doubt(bench):
    bench.claim(bench.take(), most=4)
    bench.now += 31
    take_knowing(bench, Witness(departed={}))
    assert bench.terms() == {"unconfirmed": 4, "not_yet_claimed": 6}


def test_a_receipt_wins_over_a_record_that_says_nothing_left(bench):
    bench.claim(bench.take(), most=2)
    bench.receive(bench.receipt(0, ReceiptStatus.SENT))
    bench.now += 31
    take_knowing(bench, Witness(departed={0: set()}))
    assert bench.terms() == {"accepted": 1, "unsent": 1, "not_yet_claimed": 8}


def test_a_sweep_believes_the_records_too(bench):
    bench.claim(bench.take(), most=4)
    bench.now += 31

    def sweep(connection, now):
        return expire_leases(connection, bench.rules, now, flights=Witness(departed={0: {1}}))

    assert bench.commit(sweep) == [bench.ref]
    assert bench.terms() == {"unsent": 3, "unconfirmed": 1, "not_yet_claimed": 6}


def test_a_second_copy_that_never_left_leaves_the_first_in_doubt(bench):
    bench.claim(bench.take(), most=4)
    bench.do(sa.text("update claims set kind = 'resubmit'"))
    bench.now += 31
    take_knowing(bench, Witness(departed={0: set()}))
    assert bench.terms() == {"unconfirmed": 4, "not_yet_claimed": 6}


def test_a_holder_that_is_provably_dead_is_not_waited_for(bench):
    first = bench.take("first")
    bench.claim(first, most=2)
    assert isinstance(take_knowing(bench, Witness()), Busy)
    assert isinstance(take_knowing(bench, Witness(dead={("first", first.fence - 1)})), Busy)
    assert isinstance(take_knowing(bench, Witness(dead={("somebody", first.fence)})), Busy)
    taken = take_knowing(bench, Witness(dead={("first", first.fence)}, departed={0: {1}}))
    assert taken.fence == first.fence + 1
    assert bench.terms() == {"unsent": 1, "unconfirmed": 1, "not_yet_claimed": 8}
    assert bench.ask(first, 1) == Ended(why="stale")
