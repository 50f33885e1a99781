"""Before a process ends whose Prefect server ends with it: what it still has to tell that server."""

from __future__ import annotations

from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker

PATIENCE_S = 10.0


def hand_over_logs_and_events() -> None:
    """Send what waits to Prefect's server now; at exit it would be gone, and each try would wait for its time-out."""
    APILogWorker.drain_all(timeout=PATIENCE_S)
    EventsWorker.drain_all(timeout=PATIENCE_S)
