"""Pull what a gateway account has to tell: receipts and replies."""

from __future__ import annotations

import time

from prefect import task
from prefect.cache_policies import NO_CACHE

from data.accounts import read_account
from engine.receipts import Collected, collect_once
from tasks.discretion import discreet
from tasks.workplace import this_workplace


@task(
    name="collect receipts",
    task_run_name="receipts-of-{account}",
    retries=2,
    retry_delay_seconds=5,
    cache_policy=NO_CACHE,
    persist_result=False,
)
@discreet
def collect_receipts(account: str) -> Collected:
    """Pages are stored as they come before they are read, so a crash loses none and reads none twice."""
    workplace = this_workplace()
    instance = workplace.instance
    opened = read_account(instance.store, account, sealing_key=instance.keys.sealing)
    return collect_once(
        instance.store,
        lambda: workplace.client_for(opened),
        account,
        instance.keys,
        var_dir=instance.var_dir,
        clock=time.time,
    )
