"""What the store knows of one person beside the contact: their messages' outcomes and receipts, replies, behaviour."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data.sql import sql
from messaging.outcomes import OutcomeStatus, ReceiptStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

NOT_ATTEMPTED = "not yet"  # the status of a message that no claim has come to


def runs_to_search(connection: Connection) -> list[dict[str, Any]]:
    """Every run with its folder, the first one first."""
    return _rows(connection, "runs", {})


def outcome_of(connection: Connection, run: int, batch: int, row: int) -> dict[str, Any]:
    """What became of one message, with every receipt, in words."""
    place = {"run": run, "batch": batch, "row": row}
    told = next(iter(_rows(connection, "outcome", place)), {"status": None})
    status, receipt = told.pop("status"), told.pop("receipt", None)
    receipts = _rows(connection, "receipts", place)
    return {
        "status": NOT_ATTEMPTED if status is None else OutcomeStatus(status).name.lower(),
        "receipt": _in_words(receipt),
        **told,
        "receipts": [{**one, "status": _in_words(one["status"])} for one in receipts],
    }


def replies_of(connection: Connection, person_key: str) -> list[dict[str, Any]]:
    return _rows(connection, "replies", {"person_key": person_key})


def behaviour_of(connection: Connection, person_key: str) -> list[dict[str, Any]]:
    return _rows(connection, "behaviour", {"person_key": person_key})


def _in_words(receipt: int | None) -> str | None:
    return None if receipt is None else ReceiptStatus(receipt).name.lower()


def _rows(connection: Connection, name: str, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(_statement(name), asked).mappings()]


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(f"people/{name}"))
