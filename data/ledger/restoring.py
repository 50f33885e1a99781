"""After a restore: whatever was not final in the backup may have been sent since, so it is in doubt.

The holders of the lost store may still live. Fences and claim numbers go on far above theirs, so nothing that they say
is taken for the word of a claim of ours; what the gateway told them is kept as evidence all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.ledger.events import write_event
from data.ledger.recovering import recover
from data.ledger.rules import Rules
from data.ledger.standing import NOTHING_YET, read_standings, write_standings
from data.ledger.statements import statement
from messaging.batches import BatchRef
from messaging.outcomes import OutcomeStatus

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

NUMBERS_SKIPPED = 1 << 16


def doubt_unfinished(connection: Connection, now: float) -> int:
    """Make unconfirmed what is unsent, in flight or not yet claimed, in every batch. Returns how many messages that is.

    In the caller's transaction, on a store that nobody works with. No batch has a holder afterwards, and no message in
    doubt a claim: sent again with the request of a claim that had failed, it would be a second copy.
    """
    before = _n_unconfirmed(connection)
    for run, batch, next_row, n_messages, fence in connection.execute(statement("batches_to_doubt")).all():
        ref = BatchRef(run, batch)
        recover(connection, ref, fence + NUMBERS_SKIPPED, Rules(), now)
        _doubt_the_rest(connection, ref, next_row, n_messages, now)
    connection.execute(statement("part_from_claims"), {"now": now})
    connection.execute(statement("end_all_leases"), {"skipped": NUMBERS_SKIPPED})
    return _n_unconfirmed(connection) - before


def _n_unconfirmed(connection: Connection) -> int:
    return int(connection.execute(statement("count_unconfirmed")).scalar_one())


def _doubt_the_rest(
    connection: Connection, ref: BatchRef, next_row: int, n_messages: int, now: float
) -> None:
    """What no claim holds: unsent messages, and those whose turn had not come."""
    before = read_standings(connection, ref, 0, n_messages)
    unsent = [standing for standing in before.values() if standing.status == OutcomeStatus.UNSENT]
    unclaimed = [NOTHING_YET._replace(row=row) for row in range(next_row, n_messages) if row not in before]
    after = [
        standing._replace(
            status=int(OutcomeStatus.UNCONFIRMED),
            retry_at=None,
            error_kind=None,
            error_code=None,
            settled_at=now,
        )
        for standing in unsent + unclaimed
    ]
    if after:
        write_standings(connection, ref, before, after)
        doubt = {"rows": [one.row for one in after], "status": [one.status for one in after]}
        write_event(connection, "doubt", ref, doubt, now=now)
