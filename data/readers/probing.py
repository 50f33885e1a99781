"""Whether a named connection answers, without reading anybody."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from data.readers.http_pages import ask_once
from data.readers.sql_query import query_grid
from messaging.errors import SourceError

if TYPE_CHECKING:
    from data.connections import Connection

_TIME_LIMIT_S = 15.0


def probe(connection: Connection, *, path: str = "/") -> str | None:
    """None: it answers; else what is wrong, in a sentence. path: of a service."""
    quick = replace(connection, time_limit_s=min(connection.time_limit_s, _TIME_LIMIT_S))
    try:
        if connection.kind == "sql":
            with query_grid(quick, "select 1 as one") as grid:
                list(grid.pieces)
        else:
            ask_once(quick, path)
    except SourceError as error:
        return str(error)
    return None
