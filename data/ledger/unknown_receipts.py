"""Receipts that came for ids nobody knew yet, matched once the id turns up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from data.ledger.events import write_receipts
from data.ledger.standing import StoredReceipt
from data.ledger.statements import statement

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from messaging.batches import BatchRef


def attach_by_id(
    connection: Connection, account: str, ref: BatchRef, row_of_id: Mapping[str, int], now: float
) -> list[StoredReceipt]:
    """Give receipts that came before their message's id was known to that message, and tell the events.

    row_of_id: gateway ids of messages of this batch. Returns such receipts; they are to be laid on the outcomes by
    whoever asked.
    """
    if not row_of_id or not connection.execute(statement("has_unknown_receipts")).scalar():
        return []
    asked = {"account": account, "gateway_message_ids": list(row_of_id)}
    found = connection.execute(statement("unknown_by_id"), asked).all()
    receipts = {
        one.receipt: StoredReceipt(
            row_of_id[one.gateway_message_id],
            one.gateway_message_id,
            one.part,
            one.status,
            one.code,
            one.done_at,
            one.received_at,
        )
        for one in found
    }
    new = attach(connection, ref, receipts)
    if new:
        write_receipts(connection, ref, new, now)
    return new


def attach(
    connection: Connection, ref: BatchRef, receipts: Mapping[int, StoredReceipt]
) -> list[StoredReceipt]:
    """Write to which message these receipts belong. receipts: their numbers in the store, and what they say.

    Returns those that had no message until now.
    """
    new = []
    for number, receipt in receipts.items():
        place = {"receipt": number, "run": ref.run, "batch": ref.batch, "row": receipt.row}
        if connection.execute(statement("attach_receipt"), place).rowcount:
            new.append(receipt)
    return new
