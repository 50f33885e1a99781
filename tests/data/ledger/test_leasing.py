import pytest

from data.ledger.leasing import NoSuchBatch, take
from data.ledger.records import Busy, Ended
from messaging.batches import BatchRef


def test_one_holder_at_a_time(bench):
    bench.take("first")
    assert bench.try_to_take("second") == Busy(ref=bench.ref, expires_at=bench.now + 30)


def test_an_expired_lease_is_taken_over_under_a_higher_fence(bench):
    first = bench.take("first")
    bench.now += 30.1
    assert bench.take("second").fence == first.fence + 1


def test_the_same_owner_takes_again_when_the_answer_was_lost(bench):
    first, again = bench.take("first"), bench.take("first")
    assert again.fence == first.fence + 1
    assert isinstance(bench.try_to_take("second"), Busy)


def test_a_stale_fence_claims_nothing(bench):
    stale = bench.take("first")
    bench.now += 31
    bench.take("second")
    assert bench.ask(stale) == Ended(why="stale")
    assert bench.terms() == {"not_yet_claimed": 10}


def test_a_lease_given_back_is_free_at_once(bench):
    assert bench.give_back(bench.take("first"))
    assert bench.take("second").fence == 2


def test_a_lease_with_a_claim_unsettled_is_not_given_back(bench):
    lease = bench.take("first")
    bench.claim(lease)
    assert not bench.give_back(lease)
    assert isinstance(bench.try_to_take("second"), Busy)


def test_a_lease_written_before_the_clock_was_set_back_is_taken_over(bench):
    bench.take("first")
    bench.now -= 3600
    assert bench.take("second").fence == 2


def test_each_claim_renews_the_lease(bench):
    lease = bench.take("first")
    bench.now += 20
    bench.claim(lease)
    bench.now += 20
    assert isinstance(bench.try_to_take("second"), Busy)


def test_a_batch_that_no_run_has_is_named(bench):
    with bench.store.write.begin() as connection, pytest.raises(NoSuchBatch, match="batch 9 of run 1"):
        take(connection, BatchRef(1, 9), "first", bench.rules, bench.now)
