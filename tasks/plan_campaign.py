"""Plan a run and freeze it: from here on nobody is added to it, whatever the source holds by then."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from config.settings import CHECKOUT
from data.definitions import load_campaign
from data.runs import AlreadyPlanned, RunRecord, give_way, move_run, read_run
from data.segments import read_segment
from engine.consent import require_consent
from engine.freeze import freeze
from engine.loading import load_all_news
from engine.plan import make_plan
from messaging.campaign import Campaign, Consent
from messaging.errors import TidingsError
from messaging.runs import RunState
from messaging.segment_filter import asks_for
from tasks.discretion import discreet
from tasks.quality_gate import quality_gate
from tasks.workplace import this_workplace

if TYPE_CHECKING:
    from data.store.engine import Store


@task(name="plan", task_run_name="plan", cache_policy=NO_CACHE, persist_result=False)
@discreet
def plan_campaign(run: int, campaign: str, *, consent: str | None, again: bool) -> int:
    """The number of the frozen run to send: this one, or the earlier one that this very plan was frozen as.

    Whatever keeps a plan from being sent (a file, a template, quality, a guard, consent) ends the run as `failed in
    planning` with the reason, and is raised again.
    """
    workplace = this_workplace()
    instance = workplace.instance
    store = instance.store
    bound = _in_planning(store, read_run(store, run))
    try:
        loaded = load_campaign(campaign, here=CHECKOUT)
        definition = _with_consent(loaded.campaign, consent)
        require_consent(definition, is_simulated=bound.is_simulated)
        if _asks_what_people_did(store, definition):
            # Whoever was texted a moment ago counts as texted: a schedule has nobody who could load first.
            load_all_news(
                store,
                instance.lake,
                instance.analytics,
                hard_failures=workplace.settings.hard_failures,
            )
        plan = make_plan(
            definition, base=loaded.base, store=store, keys=instance.keys, folder=instance.var_dir
        )
        with workplace.planned(plan):
            quality = quality_gate(run)
        frozen = freeze(
            plan,
            bound,
            quality=quality,
            store=store,
            keys=instance.keys,
            var_dir=instance.var_dir,
            again=again,
            now=time.time(),
        )
    except AlreadyPlanned as earlier:
        give_way(store, run, earlier.run, now=time.time())
        return earlier.run.run
    except TidingsError as error:
        move_run(store, run, RunState.FAILED_IN_PLANNING, reason=str(error), now=time.time())
        raise
    except Exception:
        move_run(store, run, RunState.FAILED_IN_PLANNING, reason="an unexpected error", now=time.time())
        raise
    return frozen.run


def _asks_what_people_did(store: Store, campaign: Campaign) -> bool:
    segment = campaign.audience.segment
    return segment is not None and bool(asks_for(read_segment(store, segment).filter))


def _with_consent(campaign: Campaign, note: str | None) -> Campaign:
    """The word of whoever starts the run, where it gives one."""
    if not note:
        return campaign
    return campaign.model_copy(
        update={"consent": Consent(basis="attested", note=note, purpose=campaign.purpose)}
    )


def _in_planning(store: Store, run: RunRecord) -> RunRecord:
    """A Retry plans anew what failed in planning: nothing of it was frozen."""
    if run.state is RunState.FAILED_IN_PLANNING:
        move_run(store, run.run, RunState.PLANNING, reason="planned again", now=time.time())
        return read_run(store, run.run)
    return run
