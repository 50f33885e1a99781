"""The rows of an answer as plain tuples, some at a time, for who makes columns of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy.engine import CursorResult


def plain_rows(answer: CursorResult[Any], at_once: int) -> Iterator[list[Any]]:
    """Past SQLAlchemy where it has put nothing aside yet: its rows cost as much again as reading them does.

    Of PostgreSQL it has, when the answer is streamed.
    """
    cursor: Any = answer.cursor
    if answer.context.dialect.name != "sqlite":
        for some in answer.partitions(at_once):
            yield [tuple(row) for row in some]
        return
    while rows := cursor.fetchmany(at_once):
        yield rows
