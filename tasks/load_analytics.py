"""Bring the lake and the analytics file up to the store."""

from __future__ import annotations

import time

from prefect import task
from prefect.cache_policies import NO_CACHE

from engine.loading import Loaded, load_lake
from tasks.discretion import discreet
from tasks.workplace import this_workplace


@task(
    name="load analytics",
    task_run_name="load-analytics",
    retries=2,
    retry_delay_seconds=5,
    cache_policy=NO_CACHE,
    persist_result=False,
)
@discreet
def load_analytics(*, fold_all: bool = False) -> Loaded:
    """Safe to repeat at any time: each event reaches the lake once."""
    workplace = this_workplace()
    instance = workplace.instance
    return load_lake(
        instance.store,
        instance.lake,
        instance.analytics,
        now=time.time(),
        fold_all=fold_all,
        hard_failures=workplace.settings.hard_failures,
    )
