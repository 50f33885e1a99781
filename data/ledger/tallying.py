"""The counts of one batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.ledger.statements import statement
from messaging.outcomes import OutcomeStatus
from messaging.tally import BatchTally

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from messaging.batches import BatchRef

_NOT_CLAIMED = 0  # as data/sql/ledger/tally.sql has it


def tally_batch(connection: Connection, ref: BatchRef, ended: str, now: float) -> BatchTally:  # noqa: ARG001 - all requests have one
    """The batch as the store has it now, by one SQL statement. ended: why the work on it ended."""
    counts: dict[int, int] = {}
    reasons: dict[str, dict[str, int]] = {}
    for status, reason, n in connection.execute(statement("tally"), {"run": ref.run, "batch": ref.batch}):
        counts[status] = counts.get(status, 0) + int(n)
        if status not in {_NOT_CLAIMED, OutcomeStatus.ACCEPTED, OutcomeStatus.IN_FLIGHT}:
            reasons.setdefault(OutcomeStatus(status).name.lower(), {})[reason] = int(n)
    return BatchTally(
        batch=ref.batch,
        accepted=counts.get(OutcomeStatus.ACCEPTED, 0),
        rejected=counts.get(OutcomeStatus.REJECTED, 0),
        unsent=counts.get(OutcomeStatus.UNSENT, 0),
        unconfirmed=counts.get(OutcomeStatus.UNCONFIRMED, 0),
        stopped=counts.get(OutcomeStatus.STOPPED, 0),
        in_flight=counts.get(OutcomeStatus.IN_FLIGHT, 0),
        not_claimed=counts.get(_NOT_CLAIMED, 0),
        ended=ended,
        reasons=reasons,
    )
