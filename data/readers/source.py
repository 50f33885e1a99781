"""A source of contacts: chunks of rows under clean names, rows that could not be read, and what to know of it."""

from __future__ import annotations

from collections.abc import Iterator
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


class Source:
    """A source, read once from its front to its end: only then notices, rejects, n_rows, hollow
    and, where there is no file, fingerprint are complete.

    headers: cleaned name → as written. fingerprint: SHA-256 of the file's bytes, or of the rows. read_as: format, encoding, separator, sheet,
    as found or told. hollow: columns without a name in which nothing stands, so that they are none.
    """

    def __init__(
        self,
        grid: Grid,
        *,
        name: str,
        fingerprint: str = "",
        identity: str | None = None,
        folder: Path | None = None,
        rows_per_chunk: int = ROWS_OF_A_CHUNK,
    ) -> None:
        self._grid = grid
        self._rows_per_chunk = rows_per_chunk
        self._n_marks = len(_MARKS) if grid.header[: len(_MARKS)] == _MARKS else 0
        self._blank = RowsToTell()
        self._unread = Spool(folder, schema=REJECTS)
        self._n_read = 0
        self.headers, self._notices = clean_headers(grid.header[self._n_marks :])
        self.hollow = [one for one, written in self.headers.items() if not written]
        self.name = name
        self._fingerprint = fingerprint
        self._identity = identity
        self.read_as = grid.read_as

    def chunks(self) -> Iterator[pl.DataFrame]:
        """RAW + the source's columns as text; empty cells are null, rows with nothing in them are left out.

        Raises SourceError when nobody is in it, and for what makes it unreadable.
        """
        for chunk in chunks_of(self._frames(), rows=self._rows_per_chunk):
            self._n_read += chunk.height
            if chunk.height:
                yield chunk
            del chunk  # or it would stay until the next one is there
        if not self.n_rows:
            raise SourceError(f"{self.name}: there is a header row but no contact below it. Export it again.")

    @property
    def fingerprint(self) -> str:
        return self._grid.digest.hexdigest() if self._grid.digest else self._fingerprint

    @property
    def identity(self) -> str:
        """What tells it from other sources: of a file its content, of a connection what is asked of it."""
        return self.fingerprint if self._identity is None else self._identity

    @property
    def n_rows(self) -> int:
        """The rows that hold anything, rejects among them."""
        return self._n_read + self._unread.n_rows

    @property
    def rejects(self) -> pl.DataFrame:
        """REJECTS: the rows that could not be cut into values. They have no cells to mend but what is written there."""
        return self._unread.frame

    @property
    def notices(self) -> list[str]:
        told = [*self._grid.notices, *self._notices]
        if self._n_marks:
            told.append(f"{self.name} is a file of rejects: its first {self._n_marks} columns were left out.")
        if self._blank.n:
            verb = "is" if self._blank.n == 1 else "are"
            told.append(f"{self.name}: {self._blank} {verb} blank and not counted.")
        return told

    def frame_of_nobody(self) -> pl.DataFrame:
        """A chunk without rows."""
        return pl.DataFrame(schema={**RAW, **dict.fromkeys(self.headers, pl.String())})

    def _frames(self) -> Iterator[pl.DataFrame]:
        names = column_names(self._n_marks + len(self.headers))
        named = ["source_row", *self.headers]
        for piece in self._grid.pieces:
            if piece.unread:
                self._unread.append(_rejects(piece))
            frame, blank = _without_blank_rows(piece.frame)
            self._blank.add(blank)
            if self._n_marks:
                frame = frame.drop(names[: self._n_marks]).with_columns(unescaped(pl.col(pl.String)))
            frame.columns = named
            self.hollow = [name for name in self.hollow if frame[name].null_count() == frame.height]
            yield frame
            del piece, frame


def _without_blank_rows(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[int]]:
    """Asked column by column of the rows that were blank so far: after the first one hardly any is left."""
    blank = pl.int_range(frame.height, dtype=pl.UInt32, eager=True)
    for column in frame.drop("source_row").get_columns():
        blank = blank.gather(_blank(column if len(blank) == frame.height else column.gather(blank)))
        if not len(blank):
            return frame, []
    is_blank = pl.Series([False]).new_from_index(0, frame.height).scatter(blank, values=True)
    return frame.filter(~is_blank), frame["source_row"].gather(blank).to_list()


def _blank(cells: pl.Series) -> pl.Series:
    """The positions of those with nothing in them but white space."""
    # Whatever begins with a visible letter of ASCII is not, and hardly any other has to be searched.
    others = (~cells.is_between("!", "~")).fill_null(value=True).arg_true()
    searched = cells.gather(others).str.contains(r"\S").fill_null(value=False)
    return others.filter(~searched)


def _rejects(piece: Piece) -> pl.DataFrame:
    return pl.DataFrame(
        [(row.source_row, None, row.raw_value, row.rule.value, row.rule.sentence) for row in piece.unread],
        schema=REJECTS,
        orient="row",
    )
