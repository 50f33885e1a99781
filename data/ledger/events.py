"""The append-only account of what happened: one row per claim, arrays with one element a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from data.ledger.statements import statement

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

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
