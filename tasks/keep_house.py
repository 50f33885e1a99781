"""What is swept every two minutes, each safe to repeat and to run beside sending flows."""

from __future__ import annotations

import time

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.settings import PREFECT_API_URL

from data.flight_record import FlightRecords
from data.orchestrator import Orchestrator
from data.owed_forgetting import read_owed
from data.runs import read_run
from data.unattended import Idle
from engine.forgetting import finish_forgetting
from engine.housekeeping import Swept, sweep
from engine.loading import tidy_lake
from engine.run_control import cancel_run
from engine.waking import Way, wake_run
from tasks.discretion import discreet
from tasks.workplace import this_workplace


@task(name="sweep the ledger", task_run_name="sweep", cache_policy=NO_CACHE, persist_result=False)
@discreet
def sweep_ledger() -> Swept:
    """Leases of the dead, leftovers of cancelled runs, plans that never froze, runs that are over."""
    instance = this_workplace().instance
    store = instance.store
    return sweep(store, now=store.now(), flights=FlightRecords(instance.var_dir))


@task(
    name="take up a run", task_run_name="take-up-run-{idle.run}", cache_policy=NO_CACHE, persist_result=False
)
@discreet
def take_up(idle: Idle) -> Way:
    """Let somebody send what is left of a run that nobody works on."""
    store = this_workplace().instance.store
    run = read_run(store, idle.run)
    server = Orchestrator(str(PREFECT_API_URL.value()))
    woken = wake_run(server, run, by="keep_house", since=idle.since, now=store.now())
    if woken.way is Way.CANCELLED:  # somebody pressed Cancel before its process could tell the ledger
        cancel_run(store, run.run, by="Prefect", now=store.now())
    return woken.way


@task(name="forget what is owed", task_run_name="forget", cache_policy=NO_CACHE, persist_result=False)
@discreet
def forget_owed() -> int:
    """People who asked to be forgotten while a run was not over, or when a crash came. How many still wait."""
    instance = this_workplace().instance
    finish_forgetting(instance)
    return len(read_owed(instance.var_dir))


@task(name="tidy the lake", task_run_name="tidy", cache_policy=NO_CACHE, persist_result=False)
@discreet
def tidy() -> int:
    """Files of the lake that nobody names, such as those of a plan that was never frozen. How many were removed."""
    instance = this_workplace().instance
    return len(tidy_lake(instance.store, instance.lake, now=time.time()))
