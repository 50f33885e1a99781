"""Contact files to rows of text: CSV of any kind, XLSX and Parquet.

Nothing is guessed in silence and no row gets lost: what was found without being told is a notice, and a row that cannot
be read is a reject.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import polars as pl

from data.readers.csv_text import read_csv
from data.readers.excel import read_excel
from data.readers.grid import Found, Grid, Told, rows_in_words
from data.readers.headers import clean_headers
from data.readers.parquet import read_parquet
from messaging.errors import SourceError
from messaging.schemas import REJECTS

__all__ = ["ReadRule", "Source", "read_source"]


class ReadRule(StrEnum):
    """Why a row of a file could not be read."""

    RAGGED_ROW = "ragged_row"

    @property
    def sentence(self) -> str:
        return (
            "The row has more values than the file has columns; put quotes around a value that holds the separator, "
            "or remove what is too much."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A contact file, read.

    frame: RAW + the file's columns as text under cleaned names; empty cells are null, rows with nothing in them are
    left out. rejects: REJECTS. headers: cleaned name → as written. fingerprint: SHA-256 of the bytes.
    n_rows: the rows that hold anything, rejects among them.
    """

    name: str
    frame: pl.DataFrame
    rejects: pl.DataFrame
    headers: dict[str, str]
    fingerprint: str
    notices: list[str]

    @property
    def n_rows(self) -> int:
        return self.frame.height + self.rejects.height


def read_source(
    path: Path, *, separator: str | None = None, encoding: str | None = None, sheet: str | None = None
) -> Source:
    """Read a contact file; what is told goes before what would be found. Its content decides what it is, not its name.

    Raises SourceError, one sentence with the file's name and the next step, when it is missing, empty or unreadable.
    """
    file = Found(path, _bytes_of(path))
    grid = _read_grid(file, Told(separator=separator, encoding=encoding, sheet=sheet))
    headers, notices = clean_headers(grid.header)
    frame = grid.frame.rename(dict(zip(grid.frame.columns[1:], headers, strict=True)))
    frame, blank_rows = _without_blank_rows(frame)
    unnamed = [name for name, written in headers.items() if not written and frame[name].is_null().all()]
    if not (frame.height or grid.long_rows):
        raise SourceError(f"{file.name}: there is a header row but no contact below it. Export it again.")
    return Source(
        name=file.name,
        frame=frame.drop(unnamed),
        rejects=_rejects(grid),
        headers={name: written for name, written in headers.items() if name not in unnamed},
        fingerprint=hashlib.sha256(file.content).hexdigest(),
        notices=[*grid.notices, *notices, *_notice_of_blank_rows(blank_rows, file.name)],
    )


def _bytes_of(path: Path) -> bytes:
    if path.is_dir():
        raise SourceError(f"{path.name} is a folder. Name the file with the contacts in it.")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise SourceError(f"{path}: there is no such file. Check the name and the folder.") from None
    except OSError as error:
        raise SourceError(
            f"{path}: the file cannot be read ({error.strerror}). Check who may read it."
        ) from None


def _read_grid(file: Found, told: Told) -> Grid:
    """By the first bytes, for a file's ending is only what somebody called it."""
    content = file.content
    if content.startswith(b"PAR1"):
        return read_parquet(file)
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return read_excel(file, told)
    for magic, kind in _OTHER_KINDS.items():
        if content.startswith(magic):
            raise SourceError(f"{file.name} is {kind}. Give the contacts as CSV, XLSX or Parquet.")
    return read_csv(file, told)


_OTHER_KINDS = {
    b"\x1f\x8b": "a gzip archive; unpack it first",
    b"%PDF": "a PDF, which holds no table",
    b"{\\rtf": "a text document",
    b"<html": "a web page",
    b"<!DOCTYPE": "a web page",
    b"SQLite format 3": "an SQLite database",
}


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


def _notice_of_blank_rows(rows: list[int], file: str) -> list[str]:
    if not rows:
        return []
    verb = "is" if len(rows) == 1 else "are"
    return [f"{file}: {rows_in_words(rows)} {verb} blank and not counted."]


def _rejects(grid: Grid) -> pl.DataFrame:
    return pl.DataFrame(
        [
            (row.source_row, None, row.raw_value, ReadRule.RAGGED_ROW.value, ReadRule.RAGGED_ROW.sentence)
            for row in grid.long_rows
        ],
        schema=REJECTS,
        orient="row",
    )
