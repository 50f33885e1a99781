"""Values of databases and services as the text that a person would write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal

import polars as pl

from data.readers.grid import column_names


def as_text(value: object) -> str | None:
    """None for nothing. Numbers are written out, and whole floats without '.0': a phone number may be one."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return None  # no text, and nobody can mend it
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def rows_of_text(numbers: Sequence[int], columns: Sequence[Sequence[str | None]]) -> pl.DataFrame:
    """A Piece's frame of columns of text."""
    return pl.DataFrame(
        [pl.Series("source_row", numbers, dtype=pl.UInt32), *columns_of_text(columns).get_columns()]
    )


def columns_of_text(columns: Sequence[Sequence[str | None]]) -> pl.DataFrame:
    """The same without the rows' numbers."""
    return pl.DataFrame(
        [
            pl.Series(name, column, dtype=pl.String)
            for name, column in zip(column_names(len(columns)), columns, strict=True)
        ]
    )
