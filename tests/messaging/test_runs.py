"""The states of a run as a table, and the keys under which an occurrence is sent once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.runs import TRANSITIONS, RunState, can_go, run_key, states_before

FINISHED = {RunState.FINISHED, RunState.FINISHED_WITH_UNCONFIRMED, RunState.FINISHED_WITH_UNSENT}
STATES = st.sampled_from(RunState)


def test_every_state_has_its_line_in_the_table():
    assert set(TRANSITIONS) == set(RunState)


def test_every_state_can_be_reached_from_planning():
    reached, fresh = {RunState.PLANNING}, {RunState.PLANNING}
    while fresh:
        fresh = {after for before in fresh for after in TRANSITIONS[before]} - reached
        reached |= fresh
    assert reached == set(RunState)


@given(state=STATES)
def test_staying_is_no_move(state):
    assert not can_go(state, state)


@given(before=STATES, after=STATES)
def test_the_guard_of_a_compare_and_set_is_the_table_read_backwards(before, after):
    assert (before in states_before(after)) == can_go(before, after)


def test_a_cancelled_run_stays_cancelled():
    assert TRANSITIONS[RunState.CANCELLED] == frozenset()


def test_a_finished_run_with_nothing_open_stays_finished():
    assert TRANSITIONS[RunState.FINISHED] == frozenset()


def test_a_run_that_was_frozen_is_never_planned_again():
    assert states_before(RunState.PLANNING) == {RunState.FAILED_IN_PLANNING}


def test_paused_and_stopped_go_on_only_as_sending():
    for state in (RunState.PAUSED, RunState.STOPPED):
        assert TRANSITIONS[state] == {RunState.SENDING, RunState.CANCELLED}


def test_what_is_left_of_a_run_can_be_taken_up_again():
    for state in (RunState.FINISHED_WITH_UNCONFIRMED, RunState.FINISHED_WITH_UNSENT):
        assert can_go(state, RunState.SENDING)


@pytest.mark.parametrize("state", sorted(FINISHED))
def test_a_run_ends_only_after_sending(state):
    assert states_before(state) - FINISHED == {RunState.SENDING}


@given(state=STATES)
def test_a_run_that_is_not_over_can_always_be_cancelled(state):
    assert state.is_over or can_go(state, RunState.CANCELLED)


@pytest.mark.parametrize(
    ("state", "is_over"),
    [(RunState.PAUSED, False), (RunState.SENDING, False), (RunState.FINISHED_WITH_UNSENT, True)],
)
def test_over_means_that_nothing_is_claimed_by_itself(state, is_over):
    assert state.is_over is is_over


def test_a_state_is_said_in_words():
    assert RunState.FINISHED_WITH_UNCONFIRMED.in_words == "finished with unconfirmed"


def test_an_occurrence_of_the_scheduler_is_keyed_by_its_instant_in_utc():
    at = datetime(2026, 12, 1, 9, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    assert run_key("welcome", scheduled_at=at) == "welcome@2026-12-01T08:00:00Z"


@given(
    at=st.integers(946_684_800, 4_102_444_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    zone=st.sampled_from(["Asia/Kolkata", "America/New_York", "Pacific/Auckland"]),
)
def test_one_instant_is_one_key_in_any_time_zone(at, zone):
    assert run_key("c", scheduled_at=at) == run_key("c", scheduled_at=at.astimezone(ZoneInfo(zone)))


def test_both_hours_of_an_autumn_night_have_their_own_key():
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert run_key("c", scheduled_at=first) != run_key("c", scheduled_at=first.replace(fold=1))


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        run_key("welcome", scheduled_at=datetime(2026, 12, 1, 9, 0))  # noqa: DTZ001 - the point of the test


def test_the_scheduler_decides_even_when_a_key_stands_in_the_parameters():
    at = datetime(2026, 12, 1, tzinfo=UTC)
    later = at + timedelta(days=1)
    assert run_key("c", scheduled_at=at, given="mine") != run_key("c", scheduled_at=later, given="mine")


def test_a_start_by_hand_bears_the_key_it_was_given():
    assert run_key("welcome", given="black friday", plan_fingerprint="f" * 64) == "black friday"


def test_a_start_by_hand_without_a_key_is_keyed_by_its_plan():
    assert run_key("welcome", plan_fingerprint="0123456789abcdef") == "welcome+0123456789ab"


def test_a_start_by_hand_with_neither_key_nor_plan_is_refused():
    with pytest.raises(ValueError, match="key or the fingerprint"):
        run_key("welcome")
