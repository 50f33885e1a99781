"""Messages that are never to be sent any more, each with its reason. What is in flight is left to its settle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from data.ledger.events import write_event
from data.ledger.records import StopReason
from data.ledger.standing import NOTHING_YET, Standing, read_standings, write_standings
from data.ledger.statements import statement
from messaging.batches import BatchRef
from messaging.outcomes import OutcomeStatus

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


def stop_run(connection: Connection, run: int, reason: StopReason, now: float) -> int:
    """Stop whatever of a run nobody has claimed, in the caller's transaction. Returns how many messages that is.

    To be asked again once claims that were open have settled: what comes back unsent is stopped then.
    """
    unfinished = connection.execute(statement("unfinished_batches"), {"run": run}).scalars().all()
    return sum(stop_batch(connection, BatchRef(run, batch), reason, now) for batch in unfinished)


def stop_batch(connection: Connection, ref: BatchRef, reason: StopReason, now: float) -> int:
    """Stop what is unsent or was never claimed in one batch, and move its cursor to the end."""
    key = {"run": ref.run, "batch": ref.batch}
    n_messages, next_row = connection.execute(statement("batch_extent"), key).one()
    standings = read_standings(connection, ref, 0, n_messages)
    unsent = [row for row, standing in standings.items() if standing.status == OutcomeStatus.UNSENT]
    unclaimed = [row for row in range(next_row, n_messages) if row not in standings]
    stop_rows(connection, ref, standings, unsent + unclaimed, reason, now)
    connection.execute(statement("end_cursor"), key)
    return len(unsent) + len(unclaimed)


def stop_rows(
    connection: Connection,
    ref: BatchRef,
    standings: Mapping[int, Standing],
    rows: Sequence[int],
    reason: StopReason,
    now: float,
) -> None:
    """standings: as read in this transaction, of those rows that have one."""
    if not rows:
        return
    stopped = [
        standings.get(row, NOTHING_YET._replace(row=row))._replace(
            status=int(OutcomeStatus.STOPPED), stop_reason=reason.value, retry_at=None, settled_at=now
        )
        for row in rows
    ]
    write_standings(connection, ref, standings, stopped)
    write_event(connection, "stop", ref, {"rows": rows, "reason": [reason.value] * len(rows)}, now=now)
