"""One batch is one task. Prefect runs it again after a crash; the sender inside owns attempts and back-off."""

from __future__ import annotations

from typing import Any

from prefect import State, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import task_run
from prefect.states import Completed, Failed

from messaging.batches import BatchRef
from messaging.tally import BatchTally
from tasks.discretion import discreet
from tasks.retrying import is_worth_a_retry
from tasks.workplace import this_workplace


@task(
    name="submit batch",
    task_run_name="batch-{batch}",
    retries=3,
    retry_delay_seconds=[2, 10, 30],
    retry_condition_fn=is_worth_a_retry,
    cache_policy=NO_CACHE,
    persist_result=False,
)
@discreet
def submit_batch(run: int, batch: int) -> State[Any]:
    """Send what is claimable of a batch; a finished one sends nothing. Failed when something is left to send."""
    owner = f"{task_run.id}/{task_run.run_count}"  # one attempt, not one process: design.md §5
    return as_state(this_workplace().sender.submit_batch(BatchRef(run, batch), owner))


def as_state(tally: BatchTally) -> State[Any]:
    """A batch in words that an operator reads in Prefect: batch 17: 940 accepted, 12 rejected, 48 unsent (…)."""
    if tally.needs_attention or tally.in_flight:
        return Failed(message=tally.in_words())
    return Completed(message=tally.in_words())
