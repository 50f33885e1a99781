"""What every reader makes of its file before names matter: a header, rows of text, and what did not fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class LongRow:
    """A row with more values than there are columns: which value belongs where is anybody's guess."""

    source_row: int
    raw_value: str  # the row as written


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """One table of text.

    header: the names as written, one per column. frame: source_row (UInt32) and text columns in the header's order,
    under any names; empty cells are null, and rows in which all are null still stand.
    """

    header: list[str]
    frame: pl.DataFrame
    long_rows: list[LongRow] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a person says of a file, instead of what would be found."""

    separator: str | None = None
    encoding: str | None = None
    sheet: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A file's bytes, and its name for errors."""

    path: Path
    content: bytes

    @property
    def name(self) -> str:
        return self.path.name


def filled_cells(cells: pl.Expr) -> pl.Expr:
    """Null for every empty text."""
    return pl.when(cells != "").then(cells)


def rows_in_words(rows: list[int], *, most: int = 5) -> str:
    """[3, 8] → "rows 3, 8"; of many the first few."""
    shown = ", ".join(map(str, rows[:most]))
    more = f" and {len(rows) - most:,} more" if len(rows) > most else ""
    return f"{'row' if len(rows) == 1 else 'rows'} {shown}{more}"
