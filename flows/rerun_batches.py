"""Batches of a run once more, as an operator asks for it in Prefect: checked → decided → parts → close."""

from __future__ import annotations

from typing import Any

from prefect import State, flow
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from engine.closing import close_run
from engine.rerunning import Rerun, begin_rerun
from flows.artifacts import show_progress
from flows.clean_stop import clean_stop, end_with_worker
from flows.collecting import collect_beside
from flows.parameters import RerunBatches
from flows.parts import Work, parts_of, run_parts
from flows.send_campaign import as_state
from flows.this_run import is_deployed, is_retry
from messaging.batches import part_of
from messaging.errors import TidingsError
from messaging.runs import RunState
from tasks.reconcile import reconcile
from tasks.workplace import Workplace, open_workplace


def name_of_rerun() -> str:
    """As people read it: run 3 · failed batches again."""
    params = flow_run.parameters["params"]
    return f"run {params.run} · {params.which} batches again"


@flow(name="rerun-batches", flow_run_name=name_of_rerun, persist_result=False)
def rerun_batches(params: RerunBatches) -> State[Any]:
    """Run batches of a run again.

    Args:
        params: which batches, and what to do with messages in doubt
    """
    end_with_worker()
    try:
        with open_workplace() as workplace, clean_stop(workplace.instance, params.run):
            return _rerun(workplace, params)
    except TidingsError as error:  # meant to be read as it is; a traceback would only hide the sentence
        return Failed(message=str(error))


def _rerun(workplace: Workplace, params: RerunBatches) -> State[Any]:
    store, asked_as = workplace.instance.store, str(flow_run.id)
    asked = Rerun(**params.model_dump(), asked_as=asked_as)
    run, batches = begin_rerun(
        store, asked, reconcile=lambda: reconcile(params.run, params.decided_by), now=store.now()
    )
    was_finished = run.state is RunState.FINISHED
    if is_deployed() and not was_finished:
        collect_beside(run.run)
    parts = run_parts(
        Work(
            run=run.run,
            parts=parts_of(batches),
            key=f"rerun-{asked_as}",
            unfinished=frozenset(map(part_of, batches)),
            is_again=is_retry(),
        ),
        at_once=workplace.settings.parts_at_once,
        on_end=lambda: show_progress(store, run.run),
    )
    run = run if was_finished else close_run(store, run.run, now=store.now())
    show_progress(store, run.run)
    state = as_state(run, parts)
    again = f"{len(batches):,} batches run again"
    return Completed(message=f"{again}; {state.message}") if state.is_completed() else state
