"""What a batch's task says."""

from __future__ import annotations

import pytest

from messaging.tally import BatchTally
from tasks.submit_batch import as_state, submit_batch


def test_a_batch_with_unsent_messages_fails_in_words():
    reasons = {"unsent": {"throttled": 48}}
    state = as_state(BatchTally(batch=17, accepted=940, rejected=12, unsent=48, reasons=reasons))
    assert (state.type.value, state.message) == (
        "FAILED",
        "batch 17: 940 accepted, 12 rejected, 48 unsent (gateway throttled)",
    )


@pytest.mark.parametrize(
    "left",
    [
        pytest.param({"not_claimed": 1, "ended": "drained"}, id="not claimed"),
        pytest.param({"in_flight": 1}, id="in flight"),
    ],
)
def test_a_batch_with_something_left_fails(left):
    assert as_state(BatchTally(batch=1, **left)).is_failed()


@pytest.mark.parametrize(
    "settled", [{"accepted": 3}, {"rejected": 3}, {"unconfirmed": 3}, {"stopped": 3}, {}]
)
def test_a_batch_that_another_run_would_not_change_is_completed(settled):
    assert as_state(BatchTally(batch=1, **settled)).is_completed()


def test_nothing_of_a_batch_is_kept_or_cached_by_prefect():
    from prefect.cache_policies import NO_CACHE

    assert (submit_batch.persist_result, submit_batch.cache_policy) == (False, NO_CACHE)
