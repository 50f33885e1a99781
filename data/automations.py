"""What Prefect's server does by itself for us, as its REST API takes it."""

from __future__ import annotations

from typing import Any

# Three heartbeats of 30 s (PREFECT_FLOWS_HEARTBEAT_FREQUENCY): one that comes late is no death.
SILENT_S = 90

# The worker reports the end of its flow runs, so when worker and flow run die together nobody does: the run would
# stay Running for ever, and Prefect's UI offers Retry for runs that are over only.
ZOMBIE_RUNS: dict[str, Any] = {
    "name": "tidings: zombie runs",
    "description": "A flow run without a heartbeat has lost its process or its machine: Crashed, so Retry can be asked for.",
    "enabled": True,
    "trigger": {
        "type": "event",
        "posture": "Proactive",
        "match": {"prefect.resource.id": ["prefect.flow-run.*"]},
        "for_each": ["prefect.resource.id"],
        "after": ["prefect.flow-run.heartbeat"],
        "expect": [
            "prefect.flow-run.heartbeat",
            "prefect.flow-run.Completed",
            "prefect.flow-run.Failed",
            "prefect.flow-run.Cancelled",
            "prefect.flow-run.Crashed",
            "prefect.flow-run.Paused",
            "prefect.flow-run.Suspended",
        ],
        "threshold": 1,
        "within": SILENT_S,
    },
    "actions": [
        {
            "type": "change-flow-run-state",
            "state": "CRASHED",
            "message": f"no heartbeat for {SILENT_S} s: its process or its machine is gone",
        }
    ],
}
