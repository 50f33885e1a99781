"""The ways in which messages are sent, gateways misbehave and processes are hindered while senders are killed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# Of the requests, each. In bulk one fault is doubt for the whole request.
FAULTS = {
    kind: {"share": share}
    for kind, share in (
        ("drop_before_reading", 0.01),
        ("drop_after_reading", 0.01),
        ("drop_after_accepting", 0.01),
        ("half_answer", 0.01),
        ("error_500_taken", 0.005),
        ("error_500_not_taken", 0.005),
        ("unavailable", 0.01),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """How the messages of a trial are sent, and what is done to the processes besides killing them."""

    name: str
    bulk_size: int = 1
    n_messages: int = 1_200
    batch_size: int = 300
    settings: dict[str, Any] = field(default_factory=lambda: {"latency_ms": 5})
    n_racing: int = 1  # senders on the same batches at the same time
    has_sleepers: bool = False  # stopped for longer than the lease, and woken while others send
    on_postgres: bool = False  # and its connections are ended from outside
    lease_s: float = 0.6


ONE_BY_ONE = Mode(name="one by one")
BULK = Mode(name="bulk of 50", bulk_size=50, n_messages=6_000, batch_size=500, settings={"latency_ms": 10})
ONE_BY_ONE_FAULTS = Mode(
    name="one by one, faults", settings={"latency_ms": 5, "faults": FAULTS, "retry_after_s": 0.05}
)
BULK_FAULTS = Mode(
    name="bulk of 50, faults",
    bulk_size=50,
    n_messages=6_000,
    batch_size=500,
    settings={"latency_ms": 10, "faults": FAULTS, "retry_after_s": 0.05},
)
RACING = Mode(
    name="two racing, faults",
    n_racing=2,
    settings={"latency_ms": 5, "faults": FAULTS, "retry_after_s": 0.05},
)
SLEEPERS = Mode(
    name="two racing, sleepers",
    n_racing=2,
    has_sleepers=True,
    n_messages=2_400,
    batch_size=300,
    settings={"latency_ms": 20},
)
POSTGRES = Mode(name="postgres, cut, racing", n_racing=2, on_postgres=True)
POSTGRES_BULK = Mode(
    name="postgres, cut, bulk",
    bulk_size=50,
    n_messages=6_000,
    batch_size=500,
    settings={"latency_ms": 10},
    on_postgres=True,
)

MODES = (ONE_BY_ONE, BULK, ONE_BY_ONE_FAULTS, BULK_FAULTS, RACING, SLEEPERS, POSTGRES, POSTGRES_BULK)
