"""What a flow asks Prefect about its own flow run."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.context import get_run_context
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.runtime import deployment, flow_run
from prefect.settings import PREFECT_API_URL

from data.orchestrator import Orchestrator, OrchestratorError

REST_PATIENCE_S = 10.0


def is_deployed() -> bool:
    """Whether a worker runs it for a deployment; else it runs in the process that called it."""
    return deployment.id is not None


def is_retry() -> bool:
    return (flow_run.run_count or 1) > 1


def occurrence() -> datetime | None:
    """The time of an occurrence that Prefect's scheduler made, the same after a Retry; None for a start by hand."""
    made = getattr(get_run_context(), "flow_run", None)
    is_scheduled = made is not None and made.auto_scheduled
    return flow_run.scheduled_start_time if is_scheduled else None


def is_alone_in_charge() -> bool:
    """A part whose campaign run has ended, or that a person started by itself: nobody else reopens and closes the run."""
    parent = flow_run.parent_flow_run_id
    return parent is None or has_ended(parent)


def is_being_cancelled() -> bool:
    """A server that does not answer has cancelled nothing. Asked once: a flow that is told to end has no time."""
    try:
        return _server().state_of(flow_run.id).type in {"CANCELLING", "CANCELLED"}
    except OrchestratorError:
        return False


def has_ended(flow_run_id: str) -> bool:
    """Whether another flow run is over; so is one that the server no longer knows."""
    try:
        return _server().state_of(flow_run_id).is_final
    except OrchestratorError:
        return True


def is_server_up() -> bool:
    return _server().is_up()


def rename(name: str) -> None:
    """Give this flow run a name that people recognise, once it is known."""
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(flow_run.id), name=name)


def tell_the_rest() -> None:
    """Send the server the logs and events that still wait for it; for a process that ends together with its server.

    Else its exit waits a minute for a server that is gone.
    """
    for worker in (APILogWorker, EventsWorker):
        worker.drain_all(timeout=REST_PATIENCE_S)


def _server() -> Orchestrator:
    return Orchestrator(str(PREFECT_API_URL.value()))
