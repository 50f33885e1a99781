"""Prove what can be proved of a run's messages in doubt; what nothing proves stays unconfirmed."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from engine.reconcile import reconcile_run
from tasks.discretion import discreet
from tasks.workplace import this_workplace


@task(name="reconcile", task_run_name="reconcile-run-{run}", cache_policy=NO_CACHE, persist_result=False)
@discreet
def reconcile(run: int, by: str) -> int:
    """Safe to repeat. How many messages nobody has decided on stay in doubt."""
    workplace = this_workplace()
    instance = workplace.instance
    done = reconcile_run(
        instance.store,
        run,
        by=by,
        var_dir=instance.var_dir,
        keys=instance.keys,
        client_for=workplace.client_for,
    )
    return done.n_undecided
