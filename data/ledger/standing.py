"""How one message stands in the ledger, and the only door through which that changes.

A change is compared with what was read in the same transaction: if the row differs by then, the whole transaction is
undone, because the ledger's lock was not held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from data.ledger.statements import driver_text, statement
from messaging.outcomes import OutcomeStatus, ReceiptStatus

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from messaging.batches import BatchRef


_INSERT = {"sqlite": "first_standings", "postgresql": "first_standings_on_postgresql"}


class LedgerChanged(RuntimeError):
    """A message changed between being read and being written: somebody writes without the ledger's lock."""


class Standing(NamedTuple):
    """The outcome of a message so far: a row of `outcomes`. A message in its first attempt has none yet.

    Fields in the order of data/sql/ledger/read_standings.sql, first_standings.sql and change_standing.sql.
    """

    row: int
    claim_no: int | None  # None: decided without a claim
    status: int
    attempts: int = 0
    attempts_fence: int = 0
    retry_at: float | None = None
    gateway_message_id: str | None = None
    error_kind: str | None = None
    error_code: str | None = None
    decision: str | None = None
    stop_reason: str | None = None
    receipt: int | None = None
    receipt_code: str | None = None
    receipt_at: float | None = None
    settled_at: float | None = None

    @property
    def is_in_flight(self) -> bool:
        return self.status == OutcomeStatus.IN_FLIGHT


# What stands of a message without an outcome: the one to start from.
NOTHING_YET = Standing(row=-1, claim_no=None, status=-1)


class StoredReceipt(NamedTuple):
    """A receipt of a message of ours."""

    row: int
    gateway_message_id: str
    part: int
    status: int
    code: str | None
    done_at: float | None
    received_at: float


def read_standings(
    connection: Connection, ref: BatchRef, first_row: int, last_row: int
) -> dict[int, Standing]:
    """Row → standing for the messages of first_row … last_row - 1 that have one."""
    span = {"run": ref.run, "batch": ref.batch, "first_row": first_row, "last_row": last_row}
    found = connection.execute(statement("read_standings"), span)
    return {standing.row: standing for standing in map(Standing._make, found)}


def write_standings(
    connection: Connection, ref: BatchRef, before: Mapping[int, Standing], after: Sequence[Standing]
) -> None:
    """Write what has changed. before: as read in this transaction. Raises LedgerChanged."""
    first = [standing for standing in after if standing.row not in before]
    changed = [standing for standing in after if standing.row in before] if before else ()
    n_written = _insert(connection, ref, first) + _change(connection, ref, before, changed)
    if n_written != len(after):
        raise LedgerChanged(
            f"{ref}: {len(after) - n_written} messages changed while their outcomes were written"
        )


def _insert(connection: Connection, ref: BatchRef, first: Sequence[Standing]) -> int:
    """Write first outcomes, one statement for all that differ in nothing but row and gateway id. Returns how many.

    Not a statement a row: the driver lets go of the interpreter's lock for each, and gets it back late from a busy loop.
    """
    alike: dict[tuple[Any, ...], dict[str, str | None]] = {}
    for standing in first:
        alike.setdefault(standing[1:6] + standing[7:], {})[str(standing.row)] = standing.gateway_message_id
    text = driver_text(_INSERT[connection.dialect.name], connection.dialect.name)
    n_written = 0
    for shared, gateway_ids in alike.items():
        values = (ref.run, ref.batch, *shared, orjson.dumps(gateway_ids).decode())
        n_written += connection.exec_driver_sql(text, values).rowcount
    return n_written


def _change(
    connection: Connection, ref: BatchRef, before: Mapping[int, Standing], changed: Sequence[Standing]
) -> int:
    """Compare-and-set of later outcomes. Returns how many were written."""
    if not changed:  # a statement is executed once, without values, for an empty list
        return 0
    rows = []
    for standing in changed:
        was = before[standing.row]
        was_claim_no = -1 if was.claim_no is None else was.claim_no
        rows.append((*standing[1:], ref.run, ref.batch, standing.row, was.status, was_claim_no))
    text = driver_text("change_standing", connection.dialect.name)
    return connection.exec_driver_sql(text, rows).rowcount


def read_receipts_of(
    connection: Connection, ref: BatchRef, first_row: int, last_row: int
) -> dict[int, list[StoredReceipt]]:
    """Row → its receipts in the order they came, for the messages of a span that have any."""
    span = {"run": ref.run, "batch": ref.batch, "first_row": first_row, "last_row": last_row}
    found: dict[int, list[StoredReceipt]] = {}
    for receipt in map(StoredReceipt._make, connection.execute(statement("waiting_receipts"), span)):
        found.setdefault(receipt.row, []).append(receipt)
    return found


def with_receipt(standing: Standing, receipt: StoredReceipt, *, now: float) -> Standing:
    """The message after this receipt, which must not be in flight.

    A receipt is proof of acceptance whatever the outcome says, and a status never gives way to a lower one.
    """
    if standing.status != OutcomeStatus.ACCEPTED:
        standing = as_accepted(standing, receipt.gateway_message_id, now=now)
    elif (
        not standing.gateway_message_id and receipt.gateway_message_id
    ):  # accepted as "seen before", without an id
        standing = standing._replace(gateway_message_id=receipt.gateway_message_id)
    if standing.receipt is not None and standing.receipt >= receipt.status:
        return standing
    return standing._replace(
        receipt=int(ReceiptStatus(receipt.status)),
        receipt_code=receipt.code,
        receipt_at=receipt.received_at if receipt.done_at is None else receipt.done_at,
    )


def as_accepted(standing: Standing, gateway_message_id: str | None, *, now: float) -> Standing:
    """The message once something proves that the gateway took it."""
    return standing._replace(
        status=int(OutcomeStatus.ACCEPTED),
        gateway_message_id=gateway_message_id or standing.gateway_message_id,
        retry_at=None,
        error_kind=None,
        error_code=None,
        stop_reason=None,
        settled_at=now,
    )


def is_of_another_copy(standing: Standing, receipt: StoredReceipt) -> bool:
    """The receipt names another message of the gateway than the one we know of: the person may have got it twice.

    Only where it speaks of the whole message: some gateways give each part an id of its own.
    """
    return (
        standing.status == OutcomeStatus.ACCEPTED
        and receipt.part == 0
        and bool(standing.gateway_message_id)
        and bool(receipt.gateway_message_id)
        and standing.gateway_message_id != receipt.gateway_message_id
    )
