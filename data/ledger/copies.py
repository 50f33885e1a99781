"""Second copies: what a gateway says of one that it was asked for, and the evidence of one that nobody wanted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from data.ledger.events import write_event
from data.ledger.standing import StoredReceipt
from data.ledger.statements import statement
from messaging.outcomes import ErrorKind, Outcome, OutcomeStatus

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from messaging.batches import BatchRef


def said_of_the_first(outcome: Outcome) -> Outcome:
    """What the answer to a resubmitted message says of the message: it is accepted, or in doubt as before.

    That this copy was surely not taken, or refused, proves nothing of the one before it.
    """
    if outcome.status == OutcomeStatus.ACCEPTED or is_known_to_the_gateway(outcome):
        return as_known_to_the_gateway(outcome)
    return replace(outcome, status=OutcomeStatus.UNCONFIRMED)


def is_known_to_the_gateway(outcome: Outcome) -> bool:
    """It refused this copy because it has the message: whoever asked for it, it was taken before."""
    return outcome.error is not None and outcome.error.kind == ErrorKind.DUPLICATE


def as_known_to_the_gateway(outcome: Outcome) -> Outcome:
    """A copy that was refused as a second one, told of the message: accepted. Any other outcome as it is."""
    if not is_known_to_the_gateway(outcome):
        return outcome
    return replace(outcome, status=OutcomeStatus.ACCEPTED, error=None)


def write_copies(
    connection: Connection,
    ref: BatchRef,
    copies: Sequence[StoredReceipt],
    *,
    claim_no: int | None,
    now: float,
) -> None:
    """Receipts that name another message of the gateway than the one we know of."""
    if not copies:
        return
    n = len(copies)
    payload = {
        "rows": [copy.row for copy in copies],
        "status": [int(OutcomeStatus.ACCEPTED)] * n,
        "gateway_message_id": [copy.gateway_message_id for copy in copies],
        "error_kind": [None] * n,
        "error_code": [None] * n,
        "attempt": [0] * n,
        "possible_duplicate": [True] * n,
    }
    write_event(connection, "late", ref, payload, claim_no=claim_no, now=now)
    mark_possible_duplicates(connection, ref, (copy.row for copy in copies), now)


def mark_possible_duplicates(connection: Connection, ref: BatchRef, rows: Iterable[int], now: float) -> None:
    """Count these messages among the possible duplicates of their run, each once however often it is said."""
    marks = [{"run": ref.run, "batch": ref.batch, "row": row, "at": now} for row in sorted(set(rows))]
    if marks:
        connection.execute(statement("mark_possible_duplicate"), marks)
