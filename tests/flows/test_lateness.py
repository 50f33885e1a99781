"""Which occurrence is too late to be worth anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flows import lateness as flow

QUARTER_S = 900
SO = "nothing was sent"


@pytest.fixture
def made(monkeypatch):
    """Let the flow believe that it was made so."""

    def as_if(*, due_minutes_ago=None, is_retry=False):
        due_at = None if due_minutes_ago is None else datetime.now(UTC) - timedelta(minutes=due_minutes_ago)
        monkeypatch.setattr(flow, "occurrence", lambda: due_at)
        monkeypatch.setattr(flow, "is_retry", lambda: is_retry)

    return as_if


def test_an_occurrence_later_than_max_lateness_says_by_how_many_minutes(made):
    made(due_minutes_ago=22)
    assert (
        flow.too_late(QUARTER_S, so=SO) == "22 minutes late; max_lateness is 15 minutes, so nothing was sent"
    )


def test_short_times_are_told_in_seconds():
    assert (
        flow.lateness(70.2, 60, so=SO) == "70 seconds late; max_lateness is 60 seconds, so nothing was sent"
    )


def test_an_occurrence_in_time_is_sent(made):
    made(due_minutes_ago=14)
    assert flow.too_late(QUARTER_S, so=SO) is None


def test_an_occurrence_that_fires_a_little_early_is_sent(made):
    made(due_minutes_ago=-0.01)
    assert flow.too_late(0, so=SO) is None


def test_a_retry_is_never_too_late(made):
    made(due_minutes_ago=600, is_retry=True)
    assert flow.too_late(QUARTER_S, so=SO) is None


def test_a_start_by_hand_is_never_too_late(made):
    made()
    assert flow.too_late(QUARTER_S, so=SO) is None
