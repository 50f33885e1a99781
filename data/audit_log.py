"""Who decided what, and when: one line for each decision of a person that steers a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa

from data.sql import sql

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


def log_decision(
    connection: Connection, *, who: str, what: str, details: Mapping[str, Any], now: float
) -> None:
    """Append one entry to the transaction of what it tells. what: "pause", "cancel", …; details: nobody's data."""
    entry = {"at": now, "who": who, "what": what, "details": orjson.dumps(details).decode()}
    connection.execute(sa.text(sql("audit_log/insert")), entry)


def has_decided(connection: Connection, *, what: str, mark: str) -> bool:
    """Whether an entry of this kind bears a mark: an id of ours, among its details."""
    asked = {"what": what, "pattern": f'%"{mark}"%'}
    return bool(connection.execute(sa.text(sql("audit_log/decided")), asked).scalar())
