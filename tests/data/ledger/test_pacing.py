import math

import pytest
import sqlalchemy as sa

from data.ledger.pacing import late_s, reserve_again
from data.ledger.records import Reserved
from data.store.tables import accounts


@pytest.mark.parametrize("rate_mps", [0.1, 1, 3, 10, 40, 50, 99, 100, 101, 300, 1000, 5000])
def test_messages_no_later_than_allowed_never_crowd_a_second(rate_mps):
    """As many slots as a second can hold messages of: its own, and those that came late into it."""
    most = math.ceil(rate_mps * (1 + late_s(1 / rate_mps)) - 1e-9)
    assert most <= (rate_mps + 1 if rate_mps < 100 else rate_mps * 1.05)


def test_a_large_request_may_be_later_than_one_message_and_a_slow_one_no_later_than_a_quarter_of_a_second():
    assert late_s(500 / 1000) == late_s(1.0) == 0.25


def reserve(bench, n=1):
    return bench.commit(reserve_again, "sim", n, bench.rules)


def test_a_missed_slot_is_replaced_by_one_behind_all_others(bench_of):
    bench = bench_of(10, rate_mps=10)
    bench.claim(bench.take(), most=2)
    assert reserve(bench) == Reserved(slot_at=bench.now + 0.2, start_in_s=pytest.approx(0.2))
    assert reserve(bench) == Reserved(slot_at=pytest.approx(bench.now + 0.3), start_in_s=pytest.approx(0.3))


def test_what_would_have_to_wait_for_long_gets_no_slot_and_takes_none(bench_of):
    bench = bench_of(10, rate_mps=1)
    bench.claim(bench.take(), most=1)
    before = bench.rows("select next_free_at from accounts")
    assert reserve(bench) is None
    assert bench.rows("select next_free_at from accounts") == before


def test_a_blocked_account_gives_no_slot(bench_of):
    bench = bench_of(10, rate_mps=100)
    bench.do(sa.update(accounts).values(blocked_until=bench.now + 5))
    assert reserve(bench) is None


def test_an_account_whose_limit_was_taken_away_is_free_at_once(bench_of):
    bench = bench_of(10)
    assert reserve(bench, 5) == Reserved(slot_at=bench.now, start_in_s=0.0)
    assert bench.rows("select next_free_at from accounts") == [(0.0,)]
