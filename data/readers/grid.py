"""What every reader makes of its source before names matter: a header, pieces of rows of text, and what did not fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO, Protocol

import polars as pl


class Digest(Protocol):
    """One of hashlib's."""

    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class ReadRule(StrEnum):
    """Why a row of a source could not be read."""

    RAGGED_ROW = "ragged_row"
    BROKEN_LINE = "broken_line"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES = {
    ReadRule.RAGGED_ROW: (
        "The row has more values than the file has columns; put quotes around a value that holds the separator, "
        "or remove what is too much."
    ),
    ReadRule.BROKEN_LINE: "The line is no JSON object; write one object with its values in braces.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadRow:
    """A row that cannot be cut into values: which one belongs where is anybody's guess."""

    source_row: int
    raw_value: str  # the row as written
    rule: ReadRule = ReadRule.RAGGED_ROW


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows on end. frame: source_row (UInt32) and text columns column_0, column_1, … in the header's order; empty
    cells are null, and rows in which all are null still stand.
    """

    frame: pl.DataFrame
    unread: list[UnreadRow] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Grid:
    """One table of text, read piece by piece. header and notices are complete once all pieces have been taken.

    header: the names as written, one per column. read_as: what was found or told of the file, in words.
    """

    header: list[str]
    pieces: Iterator[Piece]
    read_as: str
    notices: list[str] = field(default_factory=list)
    digest: Digest | None = None  # of what was read, where there is no file to take one of


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a person says of a file, instead of what would be found."""

    separator: str | None = None
    encoding: str | None = None
    sheet: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """An open file, and its name for errors. One reader reads it at a time, each from its beginning."""

    name: str
    _file: BinaryIO
    is_utf8: bool | None = None  # throughout; None: nobody has looked

    def rewound(self) -> BinaryIO:
        self._file.seek(0)
        return self._file

    def head(self, n: int) -> bytes:
        return self.rewound().read(n)

    def close(self) -> None:
        self._file.close()

    def fileno(self) -> int:
        return self._file.fileno()

    def content(self) -> bytes:
        """All of it: for formats that cannot be read in pieces."""
        return self.rewound().read()


def column_names(n: int) -> list[str]:
    return [f"column_{k}" for k in range(n)]


def filled_cells(cells: pl.Expr) -> pl.Expr:
    """Null for every empty text."""
    return pl.when(cells != "").then(cells)


def rows_in_words(rows: list[int], *, most: int = 5, n: int | None = None) -> str:
    """[3, 8] → "rows 3, 8"; of many the first few. n: how many there are, when `rows` are only the first of them."""
    n = len(rows) if n is None else n
    shown = rows[:most]
    more = f" and {n - len(shown):,} more" if n > len(shown) else ""
    return f"{'row' if n == 1 else 'rows'} {', '.join(map(str, shown))}{more}"


@dataclass(slots=True)
class RowsToTell:
    """Numbers of rows for a notice: the first few, and how many there are."""

    first: list[int] = field(default_factory=list)
    n: int = 0

    def add(self, rows: list[int]) -> None:
        self.n += len(rows)
        self.first.extend(rows[: 5 - len(self.first)])

    def __str__(self) -> str:
        return rows_in_words(self.first, n=self.n)
