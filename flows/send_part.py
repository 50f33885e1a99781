"""One part of a run: up to 200 batches, each a task. An operator reads here which batch failed, and why."""

from __future__ import annotations

import time
from typing import Any

from prefect import State, flow
from prefect.futures import wait
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from data.runs import read_run
from engine.closing import close_run, reopen_run
from flows.artifacts import show_failed_batches
from flows.clean_stop import clean_stop, end_with_worker
from flows.this_run import is_alone_in_charge
from messaging.batches import batches_of_part, n_parts
from tasks.submit_batch import submit_batch
from tasks.workplace import open_workplace

BATCHES_AT_ONCE = 4
MOST_NAMED = 10


def name_of_part() -> str:
    """As people read it: welcome · run 3 · part 1 of 2."""
    number, part = flow_run.parameters["run"], flow_run.parameters["part"]
    with open_workplace() as workplace:
        run = read_run(workplace.instance.store, number)
    return f"{run.campaign} · run {number} · part {part + 1} of {n_parts(run.n_batches)}"


@flow(
    name="send-part",
    flow_run_name=name_of_part,
    task_runner=ThreadPoolTaskRunner(max_workers=BATCHES_AT_ONCE),  # type: ignore[arg-type]
    persist_result=False,
)
def send_part(run: int, part: int, batches: list[int] | None = None) -> State[Any]:
    """Send one part of a run.

    Args:
        run: the number of the run
        part: the part, counted from 0
        batches: only these batches of it; left out, all
    """
    end_with_worker()
    with open_workplace() as workplace, workplace.sending() as sender:
        store = workplace.instance.store
        record, is_alone = read_run(store, run), is_alone_in_charge()
        if is_alone:
            reopen_run(store, record, now=time.time())
        numbers = chosen_of_part(part, record.n_batches, batches)
        with clean_stop(workplace.instance, run, sender):
            futures = {batch: submit_batch.submit(run, batch) for batch in numbers}
            wait(list(futures.values()))
        if is_alone:
            close_run(store, run, now=time.time())
    failed = {batch: f.state.message or "" for batch, f in futures.items() if not f.state.is_completed()}
    if not failed:
        return Completed(message=f"{len(numbers)} of {len(numbers)} batches done")
    show_failed_batches(run, part, failed)
    return Failed(message=failed_in_words(list(failed), len(numbers)))


def chosen_of_part(part: int, n_batches: int, chosen: list[int] | None) -> list[int]:
    """The batches of a part, or the chosen ones among them. n_batches: of the run."""
    return [batch for batch in batches_of_part(part, n_batches) if chosen is None or batch in chosen]


def failed_in_words(failed: list[int], n_batches: int) -> str:
    """3 of 200 batches failed: batch-3, batch-7, batch-17."""
    named = ", ".join(f"batch-{batch}" for batch in failed[:MOST_NAMED])
    more = f" and {len(failed) - MOST_NAMED} more" if len(failed) > MOST_NAMED else ""
    return f"{len(failed)} of {n_batches} batches failed: {named}{more}"
