"""A source of contacts, read to its end: chunks of rows under clean names, rows that could not be read, what to know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from data.readers.grid import Grid, Piece, RowsToTell, column_names
from data.readers.headers import clean_headers
from data.spool import ROWS_OF_A_CHUNK, Spool, chunks_of
from messaging.errors import SourceError
from messaging.formula_cells import unescaped
from messaging.schemas import RAW, REJECTS

_MARKS = (
    REJECTS.names()
)  # the first columns of rejects.csv, and of no other file: behind them stand the source's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source, read.

    headers: cleaned name → as written. fingerprint: SHA-256 of the bytes. read_as: format, encoding, separator, sheet,
    as found or told. n_rows: the rows that hold anything, rejects among them.
    """

    name: str
    headers: dict[str, str]
    fingerprint: str
    read_as: str
    notices: list[str]
    _rows: Spool = field(repr=False)
    _unread: Spool = field(repr=False)
    _kept: list[str] = field(repr=False)  # the columns of _rows that `headers` names, in order

    @property
    def n_rows(self) -> int:
        return self._rows.n_rows + self._unread.n_rows

    def chunks(self) -> Iterator[pl.DataFrame]:
        """RAW + the source's columns as text; empty cells are null, rows with nothing in them are left out."""
        for chunk in self._rows:
            missing = [name for name in self._kept if name not in chunk.columns]
            full = chunk.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in missing)
            yield full.select("source_row", **dict(zip(self.headers, self._kept, strict=True)))

    @property
    def frame(self) -> pl.DataFrame:
        """All chunks as one, for sources that are known to be small."""
        frame: pl.DataFrame = pl.concat([self.frame_of_nobody(), *self.chunks()])
        return frame

    def frame_of_nobody(self) -> pl.DataFrame:
        """A chunk without rows."""
        return pl.DataFrame(schema={**RAW, **dict.fromkeys(self.headers, pl.String())})

    @property
    def rejects(self) -> pl.DataFrame:
        """REJECTS: the rows that could not be cut into values. They have no cells to mend but what is written there."""
        rejects: pl.DataFrame = pl.concat([REJECTS.to_frame(), *self._unread])
        return rejects


def source_of(
    grid: Grid,
    *,
    name: str,
    fingerprint: str,
    folder: Path | None = None,
    rows_per_chunk: int = ROWS_OF_A_CHUNK,
) -> Source:
    """Read a grid to its end. Raises SourceError when there is nobody in it, and what its pieces raise."""
    reading = _Reading(grid, folder)
    for chunk in chunks_of(reading.frames(), rows=rows_per_chunk):
        reading.rows.append(chunk)
    if not (reading.rows.n_rows or reading.unread.n_rows):
        raise SourceError(f"{name}: there is a header row but no contact below it. Export it again.")
    kept = [
        place
        for place, written in enumerate(reading.header)
        if written.strip() or place in reading.filled_places
    ]
    headers, notices = clean_headers(reading.header)
    names = column_names(reading.n_marks + len(reading.header))[reading.n_marks :]
    return Source(
        name=name,
        headers={one: written for place, (one, written) in enumerate(headers.items()) if place in kept},
        fingerprint=fingerprint,
        read_as=grid.read_as,
        notices=[*grid.notices, *notices, *reading.notices(name)],
        _rows=reading.rows,
        _unread=reading.unread,
        _kept=[names[place] for place in kept],
    )


class _Reading:
    """What is gathered of a grid while its pieces pass."""

    def __init__(self, grid: Grid, folder: Path | None) -> None:
        self._grid = grid
        self._blank = RowsToTell()
        self.rows, self.unread = Spool(folder), Spool(folder)
        self.n_marks = len(_MARKS) if grid.header[: len(_MARKS)] == _MARKS else 0
        self.filled_places: set[int] = set()  # of columns without a name

    @property
    def header(self) -> list[str]:
        return self._grid.header[self.n_marks :]

    def frames(self) -> Iterator[pl.DataFrame]:
        for piece in self._grid.pieces:
            if piece.unread:
                self.unread.append(_rejects(piece))
            frame, blank = _without_blank_rows(piece.frame)
            self._blank.add(blank)
            if self.n_marks:
                frame = frame.drop(column_names(self.n_marks)).with_columns(unescaped(pl.col(pl.String)))
            self._look_for_unnamed(frame)
            yield frame

    def notices(self, name: str) -> list[str]:
        told = []
        if self.n_marks:
            told.append(f"{name} is a file of rejects: its first {self.n_marks} columns were left out.")
        if self._blank.n:
            told.append(
                f"{name}: {self._blank} {'is' if self._blank.n == 1 else 'are'} blank and not counted."
            )
        return told

    def _look_for_unnamed(self, frame: pl.DataFrame) -> None:
        for place, written in enumerate(self.header):
            if not written.strip() and place not in self.filled_places:
                column = frame.to_series(1 + place)
                if column.null_count() < len(column):
                    self.filled_places.add(place)


def _without_blank_rows(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[int]]:
    """Asked column by column of the rows that were blank so far: after the first one hardly any is left."""
    blank = pl.int_range(frame.height, dtype=pl.UInt32, eager=True)
    for column in frame.drop("source_row").get_columns():
        cells = column.gather(blank)
        blank = blank.filter(cells.is_null() | ~cells.str.contains(r"\S").fill_null(value=False))
        if not len(blank):
            return frame, []
    is_blank = pl.Series([False]).new_from_index(0, frame.height).scatter(blank, values=True)
    return frame.filter(~is_blank), frame["source_row"].gather(blank).to_list()


def _rejects(piece: Piece) -> pl.DataFrame:
    return pl.DataFrame(
        [(row.source_row, None, row.raw_value, row.rule.value, row.rule.sentence) for row in piece.unread],
        schema=REJECTS,
        orient="row",
    )
