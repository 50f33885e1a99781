"""The append-only account of what happened: one row per claim, arrays with one element a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from data.ledger.statements import statement

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.ledger.standing import StoredReceipt
    from messaging.batches import BatchRef


def write_event(
    connection: Connection,
    kind: str,
    ref: BatchRef,
    payload: Mapping[str, Any],
    *,
    now: float,
    claim_no: int | None = None,
) -> None:
    """Append one event to the transaction of what it tells. Kinds and payloads: docs/data-path.md."""
    connection.execute(
        statement("write_event"),
        {
            "run": ref.run,
            "batch": ref.batch,
            "kind": kind,
            "claim_no": claim_no,
            "at": now,
            "payload": orjson.dumps(payload).decode(),
        },
    )


def write_receipts(
    connection: Connection, ref: BatchRef, receipts: Sequence[StoredReceipt], now: float
) -> None:
    """What gateways reported of messages of one batch."""
    payload = {
        "rows": [receipt.row for receipt in receipts],
        "status": [receipt.status for receipt in receipts],
        "code": [receipt.code for receipt in receipts],
        "done_at": [receipt.done_at for receipt in receipts],
        "gateway_message_id": [receipt.gateway_message_id for receipt in receipts],
        "part": [receipt.part for receipt in receipts],
    }
    write_event(connection, "receipts", ref, payload, now=now)
