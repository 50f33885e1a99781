"""Contacts of a CRM or any service that lists them in pages of JSON, as one table of text.

How they are fetched: data.readers.rest_pages, by dlt, which not everybody has installed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from data.readers.grid import Grid, Piece
from data.readers.values import as_text, rows_of_text
from data.spool import Spool
from messaging.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

    from data.connections import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Where a service has its list. Places within an answer are written with dots, paging.next.after, or as JSONPath.

    path: of the first page, with its parameters. rows: where the list stands; "": the answer is the list. next: where
    the value stands that asks for the next page, or its address; "": there is one page. next_parameter: what the value
    is sent as; "": it is an address. paginator: instead of next, the type of one of dlt's and its arguments.
    """

    path: str
    rows: str = ""
    next: str = ""
    next_parameter: str = ""
    paginator: Mapping[str, str | int | bool] = field(default_factory=dict)


@contextmanager
def pages_grid(connection: Connection, pages: Pages, *, folder: Path | None = None) -> Iterator[Grid]:
    """All pages are fetched before the first row is given out: a service that fails half-way plans nothing.

    The header is every key that occurs; nested objects are taken apart and named by their last key, with the ones above
    it where that stands there twice. Raises SourceError.
    """
    with _dlt_or_a_sentence(connection):
        from data.readers.rest_pages import fetch_pages
    digest = hashlib.sha256()
    fetched = Spool(folder)
    keys: dict[str, None] = {}
    first = 2
    for objects in fetch_pages(connection, pages):
        flat = [dict(_flat(one)) for one in objects]
        for one in flat:
            keys.update(dict.fromkeys(one))
        lines = [json.dumps(one, ensure_ascii=False) for one in flat]
        digest.update("\n".join(lines).encode())
        fetched.append(rows_of_text(list(range(first, first + len(lines))), [lines]))
        first += len(lines)
    if not keys:
        raise SourceError(
            f"{connection.name}: the service lists nobody. Check the path and where its rows stand."
        )
    yield Grid(
        header=_short_names(list(keys)),
        pieces=_pieces(fetched, list(keys)),
        read_as=f"HTTP, {first - 2:,} rows of JSON",
        digest=digest,
    )


def ask_once(connection: Connection, path: str) -> None:
    """Fetch one page of whatever kind. Raises SourceError unless the service gives it."""
    with _dlt_or_a_sentence(connection):
        from data.readers.rest_pages import ask_for
    ask_for(connection, path)


@contextmanager
def _dlt_or_a_sentence(connection: Connection) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as missing:
        raise SourceError(
            f"{connection.name}: services are read with dlt, and {str(missing.name).partition('.')[0]} is not "
            "installed here. "
            "In Tidings' folder: .venv/bin/python -m pip install --editable '.[crm]'"
        ) from None


def _pieces(fetched: Spool, keys: list[str]) -> Iterator[Piece]:
    for frame in fetched:
        objects = [json.loads(line) for line in frame["column_0"]]
        columns = [[as_text(one.get(key)) for one in objects] for key in keys]
        yield Piece(rows_of_text(frame["source_row"].to_list(), columns))


def _flat(one: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in one.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _short_names(keys: list[str]) -> list[str]:
    last = [key.rpartition(".")[2] for key in keys]
    return [short if last.count(short) == 1 else key for key, short in zip(keys, last, strict=True)]
