"""JSON lines: one object per contact, every value as it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from data.readers.encodings import find_encoding, utf8_blocks
from data.readers.grid import Found, Grid, Piece, ReadRule, Told, UnreadRow
from data.readers.tape import Tape
from data.readers.values import as_text, rows_of_text
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
    header: dict[str, None] = {}
    for one in _objects(tape):
        header.update(dict.fromkeys(one or ()))
    if not header:
        raise SourceError(
            f"{file.name}: no line of it is a JSON object with values. Write one object per line."
        )
    return Grid(
        header=list(header),
        pieces=_pieces(Tape(file.name, utf8_blocks(file, encoding)), list(header)),
        read_as=f"JSON lines, {encoding.in_words}",
        notices=list(encoding.notices),
    )


def _pieces(tape: Tape, keys: list[str]) -> Iterator[Piece]:
    numbers: list[int] = []
    objects: list[dict[str, Any]] = []
    unread: list[UnreadRow] = []
    while (line := tape.line()) is not None:
        one = _object(line)
        if one is None:
            row = UnreadRow(source_row=tape.n_lines, raw_value=line.strip(), rule=ReadRule.BROKEN_LINE)
            unread.append(row)
        else:
            numbers.append(tape.n_lines)
            objects.append(one)
        if len(objects) + len(unread) == _ROWS_OF_A_PIECE:
            yield Piece(_frame(numbers, objects, keys), unread)
            numbers, objects, unread = [], [], []
    yield Piece(_frame(numbers, objects, keys), unread)


def _objects(tape: Tape) -> Iterator[dict[str, Any] | None]:
    while (line := tape.line()) is not None:
        yield _object(line)


def _object(line: str) -> dict[str, Any] | None:
    """None: no object. Numbers stay the text they were: 447400123456 gains no exponent and 0042 is no number."""
    if not line.strip():
        return {}
    try:
        value = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _frame(numbers: list[int], objects: list[dict[str, Any]], keys: list[str]) -> pl.DataFrame:
    return rows_of_text(numbers, [[as_text(one.get(key)) for one in objects] for key in keys])
