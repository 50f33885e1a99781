"""Finding somebody for a run that may send and that nobody works on: Retry of its flow run, or a new one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from data.orchestrator import Orchestrator
from engine.housekeeping import IDLE_S

if TYPE_CHECKING:
    from data.runs import RunRecord

RERUN_DEPLOYMENT = "rerun-batches/house"
FREE_TRIES = 3  # after so many, the pause between two doubles with each
LONGEST_PAUSE_S = 1_800.0


class Way(StrEnum):
    """What became of a run that waited for somebody."""

    RETRIED = "its campaign run in Prefect was retried"
    STARTED = "a new flow run in Prefect sends what is left of it"
    UNDER_WAY = "its campaign run in Prefect is not over"
    WAITS = "it was tried several times, and is tried again later"
    NOT_DEPLOYED = "it was started without a worker"


@dataclass(frozen=True, slots=True)
class Woken:
    """flow_run_id: of the flow run that was retried or started, or is under way."""

    way: Way
    flow_run_id: str | None = None


def wake_run(
    server: Orchestrator, run: RunRecord, *, by: str, since: float, now: float, is_asked_for: bool = False
) -> Woken:
    """Let Prefect's worker send what is left of a run that nobody has worked on since then.

    Retry of the campaign run, which retries its parts; a new flow run where Prefect no longer knows that one. A run
    without a deployment belongs to a process that we cannot see, so it is started here only when a person asks.
    Asked again for the same `since`, it starts nothing more. Raises OrchestratorError.
    """
    flow_run = server.find_flow_run(run.flow_run_id) if run.flow_run_id else None
    if flow_run is None or (is_asked_for and not flow_run.is_deployed):
        return Woken(Way.STARTED, _start(server, run, by, since))
    if not flow_run.is_deployed:
        return Woken(Way.NOT_DEPLOYED)
    if not flow_run.state.is_final:
        return Woken(Way.UNDER_WAY, flow_run.id)
    if not is_asked_for and now - since < pause_s(flow_run.n_started):
        return Woken(Way.WAITS, flow_run.id)
    is_retried = server.retry(flow_run.id, f"nobody worked on run {run.run}")
    return Woken(Way.RETRIED if is_retried else Way.UNDER_WAY, flow_run.id)


def pause_s(n_started: int) -> float:
    """How long a run is left alone before it is tried once more: a gateway that is down for a night fails every try."""
    return min(LONGEST_PAUSE_S, IDLE_S * 2.0 ** max(0, n_started - FREE_TRIES))


def _start(server: Orchestrator, run: RunRecord, by: str, since: float) -> str:
    asked = {"run": run.run, "which": "failed", "decided_by": by, "why": "nobody worked on it"}
    return server.create_flow_run(
        RERUN_DEPLOYMENT, {"params": asked}, idempotency_key=f"wake-run-{run.run}-{since:.3f}"
    )
