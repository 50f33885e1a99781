from data.ledger.records import Busy, Ended
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
