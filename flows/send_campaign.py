"""A campaign, from its source to its account: late? → plan → parts → close → receipts."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.context import get_run_context
from prefect.runtime import deployment, flow_run
from prefect.states import Completed, Failed, State

from config.settings import CHECKOUT
from data.accounts import read_account
from data.definitions import LoadedCampaign, load_campaign
from data.runs import RunRecord, bind_run, read_run
from engine.closing import close_run, reopen_run
from engine.consent import require_consent
from flows.clean_stop import clean_stop, end_with_worker
from flows.collect_and_load import collect_and_load
from flows.collecting import collect_beside
from flows.parameters import CollectAndLoad, SendCampaign
from flows.parts import PartResult, rename_this_run, run_parts
from messaging.batches import n_parts
from messaging.errors import TidingsError
from messaging.runs import RunState, run_key
from tasks.plan_campaign import plan_campaign
from tasks.workplace import Workplace, open_workplace

if TYPE_CHECKING:
    from data.instance import Instance


@flow(name="send-campaign", flow_run_name="{params.campaign}", persist_result=False)
def send_campaign(params: SendCampaign) -> State[Any]:
    """Send a campaign.

    Args:
        params: what to send
    """
    end_with_worker()
    try:
        with open_workplace() as workplace:
            loaded = load_campaign(params.campaign, here=CHECKOUT)
            late = lateness(loaded.campaign.schedule.max_lateness_s)
            if late is not None:
                return Completed(name="Skipped", message=late)
            run = _bind(workplace.instance, loaded, params)
            with clean_stop(workplace.instance, run.run):
                return _send(workplace, run, params)
    except TidingsError as error:  # meant to be read as it is; a traceback would only hide the sentence
        return Failed(message=str(error))


def lateness(max_lateness_s: int) -> str | None:
    """Why an occurrence is too late to be sent, in minutes; None when it is not, or is a Retry of one that was not."""
    due_at = flow_run.scheduled_start_time
    late_s = (datetime.now(UTC) - due_at).total_seconds()
    if (flow_run.run_count or 1) > 1 or late_s <= max_lateness_s:
        return None
    return f"{late_s / 60:.0f} minutes late; more than {max_lateness_s / 60:.0f} minutes is not sent"


def _bind(instance: Instance, loaded: LoadedCampaign, params: SendCampaign) -> RunRecord:
    """The run of this flow run, bound before anything is planned: a Retry finds it again."""
    campaign = loaded.campaign
    account = read_account(instance.store, campaign.gateway.account, sealing_key=instance.keys.sealing)
    require_consent(campaign, is_simulated=account.is_simulated)
    occurrence = _scheduled_at()
    key = params.run_key if occurrence is None else run_key(campaign.name, scheduled_at=occurrence)
    return bind_run(
        instance.store,
        flow_run_id=str(flow_run.id),
        run_key=key,
        campaign=campaign.name,
        account=account.account,
        origin="hand" if occurrence is None else "schedule",
        is_simulated=account.is_simulated,
        scheduled_at=None if occurrence is None else occurrence.timestamp(),
        now=time.time(),
    )


def _scheduled_at() -> datetime | None:
    """The time of an occurrence that Prefect's scheduler made; None for every start by hand."""
    made = getattr(get_run_context(), "flow_run", None)
    return flow_run.scheduled_start_time if made is not None and made.auto_scheduled else None


def _send(workplace: Workplace, run: RunRecord, params: SendCampaign) -> State[Any]:
    store = workplace.instance.store
    if not run.is_frozen:
        run = read_run(store, plan_campaign(run.run, params.campaign, again=params.again))
        _show_plan(run)
    rename_this_run(f"{run.campaign} · run {run.run}")
    run = reopen_run(store, run, now=time.time())
    if run.state not in {RunState.SENDING, RunState.FINISHED}:
        return Completed(name=run.state.in_words.capitalize(), message=_not_sent(run))
    if deployment.id is not None:
        collect_beside(run.run)
    parts = run_parts(run.run, n_parts(run.n_batches), at_once=workplace.settings.parts_at_once)
    run = close_run(store, run.run, now=time.time())
    if deployment.id is None:
        collect_and_load(CollectAndLoad(run=run.run))
        run = close_run(store, run.run, now=time.time())  # a receipt may have proved what was in doubt
    return _as_state(run, parts)


def _not_sent(run: RunRecord) -> str:
    reason = f" ({run.state_reason})" if run.state_reason else ""
    return f"run {run.run} is {run.state.in_words}{reason}; nothing was sent by this start"


def _as_state(run: RunRecord, parts: list[PartResult]) -> State[Any]:
    failed = [part for part in parts if not part.is_done]
    words = f"run {run.run} {run.state.in_words}: {run.n_messages:,} messages"
    if not failed:
        return Completed(message=words)
    named = "; ".join(f"part {part.part + 1}: {part.message}" for part in failed[:5])
    return Failed(message=f"{words}; {len(failed)} of {len(parts)} parts failed: {named}")


def _show_plan(run: RunRecord) -> None:
    create_table_artifact(
        [
            {"step": "source rows", "count": run.n_source_rows},
            {"step": "rejects", "count": run.n_rejects},
            {"step": "excluded", "count": run.n_excluded},
            {"step": "messages", "count": run.n_messages},
            {"step": "batches", "count": run.n_batches},
            {"step": "segments", "count": run.segments},
            {"step": f"cost in {run.currency}", "count": round(run.cost, 2)},
        ],
        key=f"plan-run-{run.run}",
        description=f"What run {run.run} of {run.campaign} was frozen as",
    )
