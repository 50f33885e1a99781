"""What a scenario's run was planned to be: its messages and whom they go to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from data.ledger.records import Recipients
from engine.sender.core import BatchToSend
from messaging.batches import BatchRef
from messaging.outcomes import OutgoingMessage
from messaging.sealed import Sealer
from tests.simulation.memory_store import RUN
from tests.simulation.scenario import Scenario

SENDER_ID = "Shop"
SEALER = Sealer(b"a key of the simulation")


def planned_batches(scenario: Scenario) -> Iterator[BatchToSend]:
    """Every second message has a sender ID."""
    for batch, size in enumerate(scenario.batch_sizes):
        yield BatchToSend(
            ref=BatchRef(RUN, batch),
            messages=[
                OutgoingMessage(reference=_reference(batch, row), msisdn=f"+44{batch}{row}", text="hi")
                for row in range(size)
            ],
            recipients=Recipients(
                person_keys=[f"person {batch}-{row}" for row in range(size)],
                sender_ids=[SENDER_ID if row % 2 else None for row in range(size)],
            ),
        )


@cache
def _reference(batch: int, row: int) -> str:
    return SEALER.seal(RUN, batch, row)
