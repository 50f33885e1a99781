"""JSON lines: one object per contact, every value as it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from data.readers.encodings import find_encoding, utf8_blocks
from data.readers.grid import Found, Grid, Piece, ReadRule, Told, UnreadRow, column_names
from data.readers.tape import Tape
from messaging.errors import SourceError

_ROWS_OF_A_PIECE = 20_000


def read_json_lines(file: Found, told: Told) -> Grid:
    """The header is every key that occurs, in the order of their first appearance; a line is a row, the first one 1.

    Lists and objects within an object stay as their JSON. A line that is no object is a row that cannot be read.
    Raises SourceError for an array of objects, and for bytes that are no text.
    """
    encoding = find_encoding(file, told.encoding)
    tape = Tape(file.name, utf8_blocks(file, encoding))
    if tape.peek(64).lstrip().startswith(b"["):
        raise SourceError(
            f"{file.name}: it is a JSON array, which cannot be read line by line. Write one object per line."
        )
    header: list[str] = []
    return Grid(
        header=header,
        pieces=_pieces(tape, header),
        read_as=f"JSON lines, {encoding.in_words}",
        notices=list(encoding.notices),
    )


def rows_of_objects(objects: list[tuple[int, dict[str, Any]]], header: list[str]) -> pl.DataFrame:
    """A Piece's frame of numbered objects; keys that are new are added to the header."""
    places = {name: place for place, name in enumerate(header)}
    for _, one in objects:
        for key in one:
            if key not in places:
                places[key] = len(header)
                header.append(key)
    columns = {
        name: pl.Series([_as_text(one.get(key)) for _, one in objects], dtype=pl.String)
        for name, key in zip(column_names(len(header)), header, strict=True)
    }
    numbers = pl.Series("source_row", [number for number, _ in objects], dtype=pl.UInt32)
    return pl.DataFrame([numbers, *(column.alias(name) for name, column in columns.items())])


def _pieces(tape: Tape, header: list[str]) -> Iterator[Piece]:
    objects: list[tuple[int, dict[str, Any]]] = []
    unread: list[UnreadRow] = []
    while (line := tape.line()) is not None:
        one = _object(line)
        if one is None:
            unread.append(
                UnreadRow(source_row=tape.n_lines, raw_value=line.strip(), rule=ReadRule.BROKEN_LINE)
            )
        else:
            objects.append((tape.n_lines, one))
        if len(objects) + len(unread) == _ROWS_OF_A_PIECE:
            yield Piece(rows_of_objects(objects, header), unread)
            objects, unread = [], []
    yield Piece(rows_of_objects(objects, header), unread)


def _object(line: str) -> dict[str, Any] | None:
    """None: no object. Numbers stay the text they were: 447400123456 gains no exponent and 0042 is no number."""
    if not line.strip():
        return {}
    try:
        value = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _as_text(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
