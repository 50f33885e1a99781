"""A campaign, from its source to its account: late? → plan → parts → close → receipts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import State, flow
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed

from config.settings import CHECKOUT
from data.accounts import read_account
from data.definitions import LoadedCampaign, load_campaign
from data.runs import RunRecord, bind_run, read_run
from data.unattended import claimable_batches
from engine.closing import close_again, close_run, reopen_run
from engine.occurrences import lost_in_restore
from flows.artifacts import show_plan, show_progress
from flows.clean_stop import clean_stop, end_with_worker
from flows.collect_and_load import collect_and_load
from flows.collecting import collect_beside
from flows.lateness import too_late
from flows.parameters import CollectAndLoad, SendCampaign
from flows.parts import PartResult, PartToRun, Work, run_parts
from flows.this_run import has_ended, is_deployed, is_retry, occurrence, rename
from messaging.batches import n_parts, part_of
from messaging.errors import TidingsError
from messaging.runs import RunState, run_key
from tasks.plan_campaign import plan_campaign
from tasks.workplace import Workplace, open_workplace

if TYPE_CHECKING:
    from data.instance import Instance
    from data.store.engine import Store


def name_before_run() -> str:
    """The campaign alone; with the number of its run once that is known: welcome · run 3."""
    return Path(flow_run.parameters["params"].campaign).stem


@flow(name="send-campaign", flow_run_name=name_before_run, persist_result=False)
def send_campaign(params: SendCampaign) -> State[Any]:
    """Send a campaign.

    Args:
        params: what to send
    """
    end_with_worker()
    try:
        with open_workplace() as workplace:
            loaded = load_campaign(params.campaign, here=CHECKOUT)
            skipped = too_late(loaded.campaign.schedule.max_lateness_s, so="nothing was sent") or _lost(
                workplace.instance, loaded, params
            )
            if skipped is not None:
                return Completed(name="Skipped", message=skipped)
            run = _bind(workplace.instance, loaded, params)
            rename(f"{run.campaign} · run {run.run}")
            with clean_stop(workplace.instance, run.run):
                return _send(workplace, run, params)
    except TidingsError as error:  # meant to be read as it is; a traceback would only hide the sentence
        return Failed(message=str(error))


def _lost(instance: Instance, loaded: LoadedCampaign, params: SendCampaign) -> str | None:
    """Why a start from before a restore is not sent, a Retry of it neither."""
    return lost_in_restore(
        instance.store,
        due_at=flow_run.scheduled_start_time.timestamp(),
        flow_run_id=str(flow_run.id),
        run_key=_run_key(loaded.campaign.name, params),
    )


def _run_key(campaign: str, params: SendCampaign) -> str | None:
    due_at = occurrence()
    return params.run_key if due_at is None else run_key(campaign, scheduled_at=due_at)


def _bind(instance: Instance, loaded: LoadedCampaign, params: SendCampaign) -> RunRecord:
    """The run of this flow run, bound before anything is planned: a Retry finds it again."""
    campaign = loaded.campaign
    account = read_account(instance.store, campaign.gateway.account, sealing_key=instance.keys.sealing)
    due_at = occurrence()
    return bind_run(
        instance.store,
        flow_run_id=str(flow_run.id),
        run_key=_run_key(campaign.name, params),
        campaign=campaign.name,
        account=account.account,
        origin="hand" if due_at is None else "schedule",
        is_simulated=account.is_simulated,
        scheduled_at=None if due_at is None else due_at.timestamp(),
        now=time.time(),
    )


def _send(workplace: Workplace, run: RunRecord, params: SendCampaign) -> State[Any]:
    store = workplace.instance.store
    if not run.is_frozen:
        if _is_planned_by_another(run):
            return Completed(name="Already planned", message=f"another start plans run {run.run} just now")
        planned = plan_campaign(run.run, params.campaign, consent=params.consent, again=params.again)
        run = read_run(store, planned)
        show_plan(run)
    is_meant = _is_meant(run, params)
    if is_meant:
        run = reopen_run(store, run, now=time.time())
    was_finished = run.state is RunState.FINISHED
    if run.state is not RunState.SENDING and not (is_meant and was_finished):
        return Completed(name=_name_of_end(run), message=_not_sent(run))
    if is_deployed() and not was_finished:
        collect_beside(run.run)
    parts = run_parts(
        _work_of(store, run, is_again=was_finished and is_retry()),
        at_once=workplace.settings.parts_at_once,
        on_end=lambda: show_progress(store, run.run),
    )
    if was_finished and all(part.is_done for part in parts):
        return Completed(name=_name_of_end(run), message=_not_sent(run))
    run = close_run(store, run.run, now=time.time())
    if not is_deployed():
        collect_and_load(CollectAndLoad(run=run.run))
        run = close_again(store, run.run, now=time.time())
    show_progress(store, run.run)
    return as_state(run, parts)


def _is_meant(run: RunRecord, params: SendCampaign) -> bool:
    """Whether this start is for this very run, so that what is left of it is to be sent: a Retry, or its key by hand."""
    return is_retry() or (
        occurrence() is None and params.run_key is not None and params.run_key == run.run_key
    )


def _work_of(store: Store, run: RunRecord, *, is_again: bool) -> Work:
    unfinished = claimable_batches(store, run.run, now=time.time())
    return Work(
        run=run.run,
        parts=[PartToRun(part) for part in range(n_parts(run.n_batches))],
        key=f"run-{run.run}",
        unfinished=frozenset(part_of(batch) for batch in unfinished),
        is_again=is_again,
    )


def _is_planned_by_another(run: RunRecord) -> bool:
    """A second start under the same key must not plan beside the first: both would write the same files."""
    by = run.flow_run_id
    return run.state is RunState.PLANNING and by not in {None, str(flow_run.id)} and not has_ended(str(by))


def _name_of_end(run: RunRecord) -> str:
    return "Already sent" if run.is_frozen and run.state.is_over else run.state.in_words.capitalize()


def _not_sent(run: RunRecord) -> str:
    reason = f" ({run.state_reason})" if run.state_reason else ""
    return f"run {run.run} is {run.state.in_words}{reason}; this start sends nothing"


def as_state(run: RunRecord, parts: list[PartResult]) -> State[Any]:
    """How a run stands after its parts, as its flow ends."""
    if run.state is RunState.CANCELLED:
        return Cancelled(message=_not_sent(run))
    failed = [part for part in parts if not part.is_done]
    reason = f" ({run.state_reason})" if run.state_reason else ""
    words = f"run {run.run} {run.state.in_words}{reason}: {run.n_messages:,} messages"
    if not failed and run.state is RunState.STOPPED:
        return Failed(message=f"{words}; `tidings resume {run.run}` lets it go on")
    if not failed:
        return Completed(message=words)
    named = "; ".join(f"part {part.part + 1}: {part.message}" for part in failed[:5])
    return Failed(message=f"{words}; {len(failed)} of {len(parts)} parts failed: {named}")
