"""Sources of contacts to rows of text: CSV of any kind, XLSX, Parquet, JSON lines, also packed; databases; services.

Nothing is guessed in silence and no row gets lost: what was found without being told is shown, and a row that cannot
be read is a reject.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from data.readers.archives import is_zip_of_a_file, unpack_gzip, unpack_zip
from data.readers.csv_text import read_csv
from data.readers.encodings import is_utf8_throughout
from data.readers.excel import read_excel
from data.readers.grid import Found, Grid, ReadRule, Told
from data.readers.json_lines import read_json_lines
from data.readers.parquet import read_parquet
from data.readers.source import Source
from data.spool import ROWS_OF_A_CHUNK
from messaging.errors import SourceError

if TYPE_CHECKING:
    from data.connections import Connection
    from data.readers.http_pages import Pages

__all__ = ["ReadRule", "SmallSource", "Source", "open_connection", "open_source", "read_source"]

_HEAD_BYTES = 512
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second: with nothing in it


@contextmanager
def open_source(
    path: Path,
    *,
    separator: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    folder: Path | None = None,
    rows_per_chunk: int = ROWS_OF_A_CHUNK,
) -> Iterator[Source]:
    """A contact file, to be read once; what is told goes before what would be found. Its content decides what it is.

    folder: where what a large file needs is put aside (data.spool).
    Raises SourceError, one sentence with the file's name and the next step, when it is missing, empty or unreadable,
    and when it was changed meanwhile.
    """
    with ExitStack() as open_files:
        stream = open_files.enter_context(_opened(path))
        before = _state(stream)
        digest = hashlib.sha256()
        is_utf8 = is_utf8_throughout(Found(path.name, stream), digest)
        file = _unpacked(Found(path.name, stream, is_utf8), folder, open_files)
        grid = _read_grid(file, Told(separator=separator, encoding=encoding, sheet=sheet))
        yield Source(
            grid, name=path.name, fingerprint=digest.hexdigest(), folder=folder, rows_per_chunk=rows_per_chunk
        )
        if _state(stream) != before:
            raise SourceError(
                f"{path.name} was changed while it was being read. Try again when it is complete."
            )


@contextmanager
def open_connection(
    connection: Connection,
    wanted: str | Pages,
    *,
    folder: Path | None = None,
    rows_per_chunk: int = ROWS_OF_A_CHUNK,
) -> Iterator[Source]:
    """One reading of a named connection: the query of a database, or the pages of a service. Otherwise as open_source."""
    if connection.kind != ("sql" if isinstance(wanted, str) else "http"):
        what = (
            "a database: give [audience] query"
            if connection.kind == "sql"
            else "a service: give [audience] path"
        )
        raise SourceError(f"the connection {connection.name} is {what}.")
    # Here, for they bring a network library that a file needs nothing of.
    from data.readers.http_pages import pages_grid
    from data.readers.sql_query import query_grid

    grids = (
        query_grid(connection, wanted)
        if isinstance(wanted, str)
        else pages_grid(connection, wanted, folder=folder)
    )
    with grids as grid:
        # Its rows change by the hour, and a start by hand that repeats another one is to be noticed all the same.
        asked = hashlib.sha256(f"{connection.name} {wanted}".encode()).hexdigest()
        yield Source(grid, name=connection.name, identity=asked, folder=folder, rows_per_chunk=rows_per_chunk)


@dataclass(frozen=True, slots=True)
class SmallSource:
    """A source that was read whole. frame: RAW + its columns as text; the rest as in Source."""

    name: str
    headers: dict[str, str]
    frame: pl.DataFrame
    rejects: pl.DataFrame
    n_rows: int
    fingerprint: str
    read_as: str
    notices: list[str]


def read_source(
    path: Path, *, separator: str | None = None, encoding: str | None = None, sheet: str | None = None
) -> SmallSource:
    """A file that is known to be small, as one frame; otherwise as `open_source`."""
    with open_source(path, separator=separator, encoding=encoding, sheet=sheet) as source:
        frame: pl.DataFrame = pl.concat([source.frame_of_nobody(), *source.chunks()])
    return SmallSource(
        name=source.name,
        headers={name: written for name, written in source.headers.items() if name not in source.hollow},
        frame=frame.drop(source.hollow),
        rejects=source.rejects,
        n_rows=source.n_rows,
        fingerprint=source.fingerprint,
        read_as=source.read_as,
        notices=source.notices,
    )


def _opened(path: Path) -> BufferedReader:
    if path.is_dir():
        raise SourceError(f"{path.name} is a folder. Name the file with the contacts in it.")
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise SourceError(f"{path}: there is no such file. Check the name and the folder.") from None
    except OSError as error:
        raise SourceError(
            f"{path}: the file cannot be read ({error.strerror}). Check who may read it."
        ) from None


def _state(stream: BufferedReader) -> tuple[int, int]:
    state = os.fstat(stream.fileno())
    return state.st_size, state.st_mtime_ns


def _unpacked(file: Found, folder: Path | None, open_files: ExitStack) -> Found:
    head = file.head(4)
    if head.startswith(b"\x1f\x8b"):
        inner = unpack_gzip(file, folder)
    elif head.startswith(_ZIP) and is_zip_of_a_file(file):
        inner = unpack_zip(file, folder)
    else:
        return file
    open_files.callback(inner.close)
    if inner.head(2) == b"\x1f\x8b" or (inner.head(4).startswith(_ZIP) and is_zip_of_a_file(inner)):
        raise SourceError(
            f"{inner.name} is an archive inside an archive. Unpack it and name the list itself."
        )
    return inner


def _read_grid(file: Found, told: Told) -> Grid:
    """By the first bytes, for a file's ending is only what somebody called it."""
    head = file.head(_HEAD_BYTES)
    if head.startswith(b"PAR1"):
        return read_parquet(file)
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return read_excel(file, told)
    for magic, kind in _OTHER_KINDS.items():
        if head.lstrip().lower().startswith(magic):
            raise SourceError(
                f"{file.name} is {kind}. Give the contacts as CSV, XLSX, Parquet or JSON lines."
            )
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b'{"', b"{ ", b"{}", b"[{", b"[ ", b"[\n")):
        return read_json_lines(file, told)
    return read_csv(file, told)


_OTHER_KINDS = {
    b"%pdf": "a PDF, which holds no table",
    b"{\\rtf": "a text document",
    b"<html": "a web page",
    b"<!doctype": "a web page",
    b"<?xml": "an XML document",
    b"sqlite format 3": "an SQLite database",
    b"arrow1": "an Arrow file",
    b"obj\x01": "an Avro file",
    b"bzh": "a bzip2 archive; unpack it first",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it first",
    b"rar!": "a RAR archive; unpack it first",
    b"\xfd7zxz": "an xz archive; unpack it first",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive; unpack it first",
    b"\x89png": "a picture",
    b"\xff\xd8\xff": "a picture",
}
