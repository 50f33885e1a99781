"""Finding somebody for a run that may send and that nobody works on: Retry of its flow run, or a new one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from data.orchestrator import FlowRun, Orchestrator
from engine.housekeeping import IDLE_S

if TYPE_CHECKING:
    from data.runs import RunRecord

RERUN_DEPLOYMENT = "rerun-batches/house"
FREE_TRIES = 3  # after so many, the pause between two doubles with each
LONGEST_PAUSE_S = 1_800.0
SILENT_S = (
    180.0  # six heartbeats; Prefect's automation forgets what it waited for when its server is restarted
)


class Way(StrEnum):
    """What became of a run that waited for somebody."""

    RETRIED = "its campaign run in Prefect was retried"
    STARTED = "a new flow run in Prefect sends what is left of it"
    UNDER_WAY = "its campaign run in Prefect is not over"
    WAITS = "it was tried several times, and is tried again later"
    CANCELLED = "its campaign run was cancelled in Prefect, and so is the run"
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

    Retry of the campaign run, which retries its parts; a new flow run where Prefect no longer knows that one. One that
    only seems to run is crashed first. A run without a deployment belongs to a process that we cannot see, so it is started here only when a person asks.
    Asked again for the same `since`, it starts nothing more. Raises OrchestratorError.
    """
    flow_run = server.find_flow_run(run.flow_run_id) if run.flow_run_id else None
    if flow_run is None or (is_asked_for and not flow_run.is_deployed):
        return Woken(Way.STARTED, _start(server, run, by, since))
    if not flow_run.is_deployed:
        return Woken(Way.NOT_DEPLOYED)
    if flow_run.state.type == "CANCELLED" and not is_asked_for:
        return Woken(Way.CANCELLED, flow_run.id)
    if not flow_run.state.is_final and not _is_lost(server, flow_run, now):
        return Woken(Way.UNDER_WAY, flow_run.id)
    if not is_asked_for and now - since < pause_s(flow_run.n_started):
        return Woken(Way.WAITS, flow_run.id)
    _crash_the_lost(server, flow_run, now)
    is_retried = server.retry(flow_run.id, f"nobody worked on run {run.run}")
    return Woken(Way.RETRIED if is_retried else Way.UNDER_WAY, flow_run.id)


def _crash_the_lost(server: Orchestrator, campaign_run: FlowRun, now: float) -> None:
    """A retried campaign run would wait for ever for a part that only seems to run."""
    for flow_run in (campaign_run, *server.find_children(campaign_run.id)):
        if _is_lost(server, flow_run, now):
            server.crash(
                flow_run.id, f"no heartbeat for {SILENT_S:.0f} s: its process or its machine is gone"
            )


def _is_lost(server: Orchestrator, flow_run: FlowRun, now: float) -> bool:
    """It should have a process, and nothing has been heard of one for long."""
    since = now - SILENT_S
    if flow_run.state.type not in {"RUNNING", "PENDING"} or flow_run.state_at > since:
        return False
    return not server.has_heartbeat_since(flow_run.id, since)


def pause_s(n_started: int) -> float:
    """How long a run is left alone before it is tried once more: a gateway that is down for a night fails every try."""
    return min(LONGEST_PAUSE_S, IDLE_S * 2.0 ** max(0, n_started - FREE_TRIES))


def _start(server: Orchestrator, run: RunRecord, by: str, since: float) -> str:
    asked = {"run": run.run, "which": "failed", "decided_by": by, "why": "nobody worked on it"}
    return server.create_flow_run(
        RERUN_DEPLOYMENT, {"params": asked}, idempotency_key=f"wake-run-{run.run}-{since:.3f}"
    )
