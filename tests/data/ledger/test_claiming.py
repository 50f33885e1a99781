from itertools import pairwise

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from data.ledger.pacing import next_slot
from data.ledger.records import Claim, Ended, Wait
from data.ledger.rules import Rules
from data.ledger.writing_claims import claim_size
from data.store.tables import runs
from messaging.outcomes import ErrorKind, OutcomeStatus, ReceiptStatus
from tests.data.ledger.conftest import accepted, refused


def test_a_first_claim_is_a_span_of_rows_and_its_event_says_so(bench):
    claimed = bench.claim(bench.take(), most=4)
    assert (list(claimed.rows), claimed.claim_no, claimed.step_s, claimed.start_in_s) == (
        [0, 1, 2, 3],
        0,
        0.0,
        0.0,
    )
    assert bench.events() == [("claim", {"first": 0, "last": 4, "kind": "submit"})]
    assert bench.terms() == {"in_flight": 4, "not_yet_claimed": 6}


def test_claimed_again_after_a_lost_answer_it_is_the_same_claim(bench):
    lease = bench.take()
    first = bench.claim(lease, most=4)
    bench.now += 2
    again = bench.claim(lease, most=4)
    assert (again.rows, again.request_key, again.send_before) == (
        first.rows,
        first.request_key,
        first.send_before,
    )
    assert again.send_for_s == first.send_for_s - 2, "its time runs on"
    assert bench.terms() == {"in_flight": 4, "not_yet_claimed": 6}


def test_a_claim_may_not_send_for_longer_than_its_lease_or_thirty_seconds(bench):
    assert bench.claim(bench.take(), most=2).send_before == bench.now + 30
    bench.with_rules(lease_s=8)
    bench.now += 31
    assert bench.claim(bench.take("second"), claim_no=1).send_for_s == 8


@pytest.mark.parametrize("state", ["paused", "stopped", "cancelled", "scheduled", "finished"])
def test_only_a_sending_run_is_claimed_from(bench, state):
    lease = bench.take()
    bench.move_run(state)
    assert bench.ask(lease) == Ended(why=state)
    assert bench.terms() == {"not_yet_claimed": 10}


def test_a_batch_is_claimed_to_its_end_and_then_it_is_done(bench):
    lease = bench.take()
    for number, rows in enumerate([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]):
        claimed = bench.claim(lease, number, most=4)
        assert list(claimed.rows) == rows
        bench.settle(claimed, *accepted(*rows))
    assert bench.ask(lease, 3, most=4) == Ended(why="done")
    assert bench.terms() == {"accepted": 10}


def test_a_finished_batch_sends_nothing(bench):
    lease = bench.take()
    bench.settle(bench.claim(lease), *accepted(*range(10)))
    bench.give_back(lease)
    assert bench.ask(bench.take("the rerun"), 1) == Ended(why="done")
    assert bench.terms() == {"accepted": 10}


# Who may not be texted


def test_somebody_who_opted_out_after_planning_is_stopped(bench):
    bench.opt_out(1)
    claimed = bench.claim(bench.take(), most=4)
    assert list(claimed.rows) == [0, 2, 3]
    assert bench.terms() == {"in_flight": 3, "not_yet_claimed": 6, "stopped": 1}
    assert bench.events("stop") == [("stop", {"rows": [1], "reason": ["opted_out"]})]
    assert bench.tally().reasons == {"stopped": {"opted_out": 1}}


def test_an_opt_out_between_two_attempts_stops_the_second(bench):
    lease = bench.take()
    bench.settle(bench.claim(lease), *accepted(*range(9)), *refused(OutcomeStatus.UNSENT, 9))
    bench.opt_out(9)
    bench.now += 5
    assert bench.ask(lease, 1) == Ended(why="done")
    assert bench.terms() == {"accepted": 9, "stopped": 1}


@pytest.mark.parametrize(
    ("scope", "is_stopped"),
    [
        ("", True),
        ("sim", True),
        ("Shop", True),
        ("Other shop", False),
        ("purpose:marketing", True),
        ("purpose:news", False),
    ],
)
def test_an_opt_out_counts_where_it_was_said(bench, scope, is_stopped):
    bench.opt_out(0, scope)
    assert (0 not in bench.claim(bench.take()).rows) is is_stopped


def test_a_consent_that_is_withdrawn_between_plan_and_claim_stops_the_message_and_says_so(bench):
    bench.opt_out(0, "purpose:marketing")
    bench.opt_out(2, "purpose:marketing")
    bench.opt_out(2)
    assert list(bench.claim(bench.take(), most=4).rows) == [1, 3]
    assert bench.events("stop") == [
        ("stop", {"rows": [0], "reason": ["consent_withdrawn"]}),
        ("stop", {"rows": [2], "reason": ["opted_out"]}),
    ]
    assert bench.tally().reasons == {"stopped": {"consent_withdrawn": 1, "opted_out": 1}}


def test_a_claim_looks_at_the_purpose_that_its_run_was_frozen_for(bench):
    bench.do(sa.update(runs).values(purpose="news"))
    bench.opt_out(0, "purpose:marketing")
    bench.opt_out(1, "purpose:news")
    assert list(bench.claim(bench.take(), most=3).rows) == [0, 2]


def test_when_all_of_a_claim_opted_out_the_next_rows_are_claimed(bench):
    for row in range(5):
        bench.opt_out(row)
    claimed = bench.claim(bench.take(), most=2)
    assert (list(claimed.rows), claimed.claim_no) == ([5], 0)
    assert bench.terms() == {"in_flight": 1, "not_yet_claimed": 4, "stopped": 5}


def test_when_everybody_opted_out_there_is_nothing_to_claim(bench):
    for row in range(10):
        bench.opt_out(row)
    lease = bench.take()
    assert bench.ask(lease, most=3) == Ended(why="done")
    assert bench.terms() == {"stopped": 10}
    assert bench.give_back(lease)


# When it may be sent


def test_nothing_is_claimed_before_its_window(bench_of):
    bench = bench_of(not_before=1_000_001.0)
    lease = bench.take()
    assert bench.ask(lease) == Ended(why="deferred")
    bench.now += 1
    assert isinstance(bench.ask(lease), Claim)


def test_a_claim_may_not_send_past_its_window(bench_of):
    bench = bench_of(not_after=1_000_003.0)
    assert bench.claim(bench.take()).send_for_s == 3


def test_what_is_left_when_the_window_closes_is_stopped_as_too_late(bench_of):
    bench = bench_of(not_after=1_000_010.0)
    lease = bench.take()
    bench.settle(bench.claim(lease, most=3), *accepted(0, 1), *refused(OutcomeStatus.UNSENT, 2))
    bench.now += 10
    assert bench.ask(lease, 1) == Ended(why="done")
    assert bench.terms() == {"accepted": 2, "stopped": 8}
    assert bench.tally().reasons == {"stopped": {"too_late": 8}}


# Pace


@pytest.mark.parametrize(
    ("rate_mps", "most", "is_bulk", "size"),
    [
        (None, 50, False, 50),
        (None, 500, True, 500),
        (None, 900, True, 500),
        (0.1, 50, False, 1),
        (7.9, 50, False, 1),
        (8, 50, False, 2),
        (100, 50, False, 25),
        (10_000, 50, False, 50),
        (10_000, 7, False, 7),
        (300, 500, True, 300),
        (0.5, 500, True, 1),
    ],
)
def test_the_size_of_a_claim(rate_mps, most, is_bulk, size):
    assert claim_size(rate_mps, most, is_bulk=is_bulk, rules=Rules()) == size


def test_a_claim_reserves_its_pace_and_the_next_begins_where_it_ends(bench_of):
    bench = bench_of(rate_mps=8)
    lease = bench.take()
    starts = [bench.claim(lease, number).start_in_s for number in range(3)]
    assert starts == [0, 0.25, 0.5]
    assert bench.ask(lease, 3) == Wait(wait_s=0.25)


def test_a_wait_is_at_most_a_third_of_the_lease_and_renews_it(bench_of):
    bench = bench_of(rate_mps=0.01)
    lease = bench.take()
    bench.claim(lease)
    bench.now += 29
    assert bench.ask(lease, 1) == Wait(wait_s=10)
    bench.now += 29
    assert bench.ask(lease, 1) == Wait(wait_s=10)


def test_a_slow_account_is_not_mistaken_for_a_clock_that_was_set_back(bench_of):
    bench = bench_of(rate_mps=0.002)  # one message in 500 s
    lease = bench.take()
    bench.claim(lease)
    assert isinstance(bench.ask(lease, 1), Wait)


def test_a_reservation_from_before_the_clock_was_set_back_counts_as_now(bench_of):
    bench = bench_of(rate_mps=8)
    lease = bench.take()
    bench.claim(lease)
    bench.now -= 3600
    assert bench.claim(lease, 1).start_in_s == 0


def test_a_block_by_the_gateway_holds_for_every_batch_and_is_waited_for(bench):
    lease = bench.take()
    bench.settle(bench.claim(lease, most=2), *refused(OutcomeStatus.UNSENT, 0, 1), blocked_s=5)
    assert bench.ask(lease, 1) == Wait(wait_s=4.5)
    bench.now += 4.5
    assert bench.claim(lease, 1).start_in_s == 0.5


def test_an_account_blocked_for_hours_is_not_waited_for(bench):
    lease = bench.take()
    bench.settle(bench.claim(lease, most=2), *refused(OutcomeStatus.UNSENT, 0, 1), blocked_s=7200)
    assert bench.ask(lease, 1) == Ended(why="blocked")


@given(
    rate_mps=st.floats(0.5, 500),
    pauses=st.lists(st.floats(0, 0.4), min_size=5, max_size=40),
    most=st.integers(1, 50),
)
def test_no_slot_is_given_out_twice(rate_mps, pauses, most):
    """The law of pace: at any instant, what was given out never exceeds the rate by more than one message."""

    class Account:
        next_free_at = 0.0
        blocked_until = 0.0

    Account.rate_mps = rate_mps
    rules, now, leaves = Rules(), 1000.0, []
    for pause in pauses:
        now += pause
        size = claim_size(rate_mps, most, is_bulk=False, rules=rules)
        slot = next_slot(Account, size, rules, now)
        if slot.at - now > rules.horizon_s:
            continue
        leaves += [slot.at + i * slot.step_s for i in range(size)]
        Account.next_free_at = slot.at + slot.step_s * size
    assert leaves == sorted(leaves)
    assert all(later - earlier >= 1 / rate_mps - 1e-6 for earlier, later in pairwise(leaves))


# Later attempts


def test_an_unsent_message_is_claimed_again_as_a_list_once_its_time_has_come(bench):
    lease = bench.take()
    bench.settle(bench.claim(lease), *accepted(0, 1, 2, 4, 5, 6, 8, 9), *refused(OutcomeStatus.UNSENT, 3, 7))
    assert bench.ask(lease, 1) == Wait(wait_s=1.0)
    bench.now += 1
    claimed = bench.claim(lease, 1)
    assert list(claimed.rows) == [3, 7]
    assert bench.terms() == {"accepted": 8, "in_flight": 2}
    assert bench.events("claim")[-1] == ("claim", {"rows": [3, 7], "kind": "submit"})


def test_after_five_attempts_a_message_stays_unsent_and_the_next_task_run_has_five_more(bench):
    lease = bench.take()
    bench.settle(bench.claim(lease), *accepted(*range(9)), *refused(OutcomeStatus.UNSENT, 9))
    for number in range(1, 5):
        bench.now += 30
        bench.settle(bench.claim(lease, number), *refused(OutcomeStatus.UNSENT, 9))
    assert bench.ask(lease, 5) == Ended(why="done"), "nobody waits for a time that will bring nothing"
    bench.now += 30
    assert bench.ask(lease, 5) == Ended(why="done")
    assert bench.tally().in_words() == "batch 0: 9 accepted, 1 unsent (gateway throttled)"
    bench.give_back(lease)
    assert list(bench.claim(bench.take("the rerun"), 5).rows) == [9]


def test_held_back_messages_use_up_no_attempt_and_are_due_at_once(bench):
    lease = bench.take()
    held_back = refused(OutcomeStatus.UNSENT, *range(10), kind=ErrorKind.HELD_BACK, on_wire=False)
    for number in range(12):
        bench.settle(bench.claim(lease, number), *held_back)
    assert bench.rows("select max(attempts) from outcomes") == [(0,)]
    assert list(bench.claim(lease, 12).rows) == list(range(10))


def test_what_meets_the_same_answer_again_is_left_to_the_next_task_run(bench):
    lease = bench.take()
    refused_alike = refused(OutcomeStatus.UNSENT, *range(10), kind=ErrorKind.UNKNOWN, permanent=True)
    bench.settle(bench.claim(lease), *refused_alike)
    bench.now += 3600
    lease = bench.take("first")
    assert isinstance(bench.ask(lease, 1), Claim)
    bench.settle(bench.claim(lease, 1), *refused_alike)
    bench.now += 60
    assert bench.ask(lease, 2) == Ended(why="done")


def test_neither_rejected_nor_unconfirmed_is_ever_claimed_again(bench):
    lease = bench.take()
    bench.settle(
        bench.claim(lease),
        *refused(OutcomeStatus.REJECTED, *range(5), kind=ErrorKind.INVALID_NUMBER),
        *refused(OutcomeStatus.UNCONFIRMED, *range(5, 10), kind=ErrorKind.TIMEOUT),
    )
    bench.now += 60
    assert bench.ask(bench.take("the rerun"), 1) == Ended(why="done")


def test_a_message_that_a_receipt_proved_before_it_was_claimed_is_passed_over(bench):
    """A store restored from a backup knows nothing of what was sent since; receipts do."""
    bench.receive(bench.receipt(1, ReceiptStatus.DELIVERED))
    assert bench.terms() == {"accepted": 1, "not_yet_claimed": 9}
    assert list(bench.claim(bench.take(), most=4).rows) == [0, 2, 3]


def test_a_message_whose_person_was_forgotten_is_stopped(bench):
    bench.recipients.person_keys[1] = None
    bench.opt_out(2)
    assert list(bench.claim(bench.take(), most=4).rows) == [0, 3]
    assert bench.terms() == {"in_flight": 2, "not_yet_claimed": 6, "stopped": 2}
