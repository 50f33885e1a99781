"""Collecting receipts beside a run that is sent by deployed parts."""

from __future__ import annotations

from prefect.deployments import run_deployment
from prefect.runtime import flow_run

COLLECT_DEPLOYMENT = "collect-and-load/house"


def collect_beside(run: int) -> None:
    """Start one collector for this run and do not wait for it; a Retry, which sends more, starts another."""
    run_deployment(
        COLLECT_DEPLOYMENT,
        parameters={"params": {"run": run}},
        timeout=0,
        as_subflow=False,
        idempotency_key=f"collect-run-{run}-{flow_run.id}-{flow_run.run_count}",
    )
