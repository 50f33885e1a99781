"""Many rows at once: as the driver takes them, or by PostgreSQL's COPY. SQLAlchemy's own way costs more than the writing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from data.sql import sql

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


def insert_many(connection: Connection, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """data/sql/<name>.sql for each row, with its parameters in the order they stand in the text.

    On PostgreSQL data/sql/<name>_on_postgresql.sql, a `copy … from stdin` of the same columns: an insert for each row takes
    ten times as long there.
    """
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        execute_many(connection, name, rows)
        return
    cursor: Any = connection.connection.cursor()
    with cursor, cursor.copy(sql(f"{name}_on_postgresql")) as copy:
        for row in rows:
            copy.write_row(row)


def execute_many(connection: Connection, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """data/sql/<name>.sql for each row, with its parameters in the order they stand in the text."""
    if rows:
        connection.exec_driver_sql(_driver_text(name, connection.dialect.name), list(rows))


@cache
def _driver_text(name: str, dialect: str) -> str:
    return re.sub(r":(\w+)", "?" if dialect == "sqlite" else "%s", sql(name))
