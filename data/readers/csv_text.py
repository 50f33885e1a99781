"""CSV and its kin, every cell as text, every row with the number that a spreadsheet shows for it.

Polars reads blocks of records that are well-formed. It pads short rows in silence and stops at long ones, so a block
that does not add up is read again record by record, which is slower and names the rows.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from data.readers.counting import neighbours
from data.readers.encodings import find_encoding, utf8_blocks
from data.readers.grid import Found, Grid, Piece, RowsToTell, Told, UnreadRow, column_names, filled_cells
from data.readers.tape import Tape
from messaging.errors import SourceError

SEPARATORS = (",", ";", "\t", "|")
_IN_WORDS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_LOOKED_AT_BYTES = 256 * 1024
_LOOKED_AT_RECORDS = 20
_BLOCK_BYTES = 3 << 20  # at least, so that one of the file's blocks is taken as it is
_SMALL_BLOCK_BYTES = 128 << 10  # after a block that did not add up: one bad row costs its neighbours little
_LARGEST_BLOCK_BYTES = 32 << 20  # for a record that is longer than the others
_SMALL_BLOCKS_AFTER_A_BAD_ONE = 32
_LONGEST_CELL = 131_072  # characters; where a quote is left open, the rest of the file is one
_QUOTE = ord('"')
_END = "\x1e"  # a record of its own after the last one: it is not reached when a quote is left open


def read_csv(file: Found, told: Told) -> Grid:
    """Raises SourceError, here or from the pieces, for a file that is empty, no text, or has a quote that nobody closes."""
    if told.separator is not None and told.separator in '"\r\n':
        raise SourceError(
            f"{file.name}: {told.separator!r} separates no values; write a comma, semicolon, tab or bar."
        )
    encoding = find_encoding(file, told.encoding)
    nul_bytes = _NulBytes()
    tape = Tape(file.name, nul_bytes.left_out_of(utf8_blocks(file, encoding)))
    separator = _separator_line(tape, told.separator) or find_separator(tape.peek(_LOOKED_AT_BYTES))
    reader = _Reader(file.name, tape, separator)
    header = reader.header()
    grid = Grid(
        header=header,
        pieces=iter(()),
        read_as=f"CSV, {encoding.in_words}, separated by {_IN_WORDS.get(separator, repr(separator))}",
        notices=list(encoding.notices),
    )
    grid.pieces = _pieces(reader, grid, nul_bytes)
    return grid


def _pieces(reader: _Reader, grid: Grid, nul_bytes: _NulBytes) -> Iterator[Piece]:
    yield from reader.pieces()
    if nul_bytes.n:
        grid.notices.append(
            f"{reader.name}: {nul_bytes.n:,} NUL bytes were left out; the file may be damaged."
        )
    if reader.short_rows.n:
        grid.notices.append(f"{reader.name}: {reader.short_rows} ended early; their last columns are empty.")


def find_separator(head: bytes) -> str:
    """The separator under which the first records have the same number of cells; of several the one with most cells.

    A file of one column has none: a comma does no harm there.
    """
    text = head.decode(errors="ignore")
    return max(SEPARATORS, key=lambda separator: _evidence(text, separator))


def _evidence(head: str, separator: str) -> tuple[float, int]:
    widths = [len(record) for record in _first_records(head, separator) if record]
    if not widths or widths[0] == 1:
        return 0.0, 0
    return sum(width == widths[0] for width in widths) / len(widths), widths[0]


def _first_records(head: str, separator: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(head, newline="\n"), delimiter=separator)
    try:
        for _, record in zip(range(_LOOKED_AT_RECORDS), reader, strict=False):
            yield record
    except csv.Error:  # a cell beyond csv's limit: what was seen until here has to do
        return


def _separator_line(tape: Tape, told: str | None) -> str | None:
    """Excel reads a first line "sep=;" and shows it to nobody, so it is no row."""
    head = tape.peek(6)
    if head[:4].lower() == b"sep=" and head[5:6] == b"\n":
        tape.line()
        tape.n_lines -= 1
        return told or head[4:5].decode()
    return told


@dataclass(slots=True)
class _NulBytes:
    """They are no text, and some programs end a value at one."""

    n: int = 0

    def left_out_of(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            if b"\0" in block:
                self.n += block.count(b"\0")
                block = block.replace(b"\0", b"")  # noqa: PLW2901
            yield block


@dataclass(slots=True)
class _Reader:
    """The records of one file, from the front to the end. n_records: how many were read, the header among them."""

    name: str
    tape: Tape
    separator: str
    width: int = 0
    n_records: int = 0
    short_rows: RowsToTell = field(default_factory=RowsToTell)

    def header(self) -> list[str]:
        """The first record with anything in it."""
        for record in self._records():
            if any(cell.strip() for cell in record):
                self.width = len(record)
                return record
        raise SourceError(f"{self.name}: the file is empty. Export it again with a header row and contacts.")

    def pieces(self) -> Iterator[Piece]:
        n_small = 0  # blocks that are still to be small
        while not self.tape.is_over():
            size = _SMALL_BLOCK_BYTES if n_small else _BLOCK_BYTES
            block = self.tape.records(size) or self.tape.records(_LARGEST_BLOCK_BYTES)
            frame = read_block(block, self.separator, self.width) if block else None
            if frame is not None:
                self.tape.skip(len(block))
                n_small = max(n_small - 1, 0)
                yield Piece(self._numbered(frame))
            elif n_small or len(block) <= _SMALL_BLOCK_BYTES:
                yield self.read_by_record(_SMALL_BLOCK_BYTES)
            else:
                n_small = _SMALL_BLOCKS_AFTER_A_BAD_ONE

    def _numbered(self, frame: pl.DataFrame) -> pl.DataFrame:
        first = self.n_records + 1
        self.n_records += frame.height
        rows = pl.int_range(first, first + frame.height, dtype=pl.UInt32, eager=True)
        return frame.insert_column(0, rows.alias("source_row"))

    def read_by_record(self, n_bytes: int) -> Piece:
        """About so many bytes by Python's csv, which shows every record as it stands."""
        rows: list[list[str]] = []
        unread: list[UnreadRow] = []
        numbers: list[int] = []
        for record in self._records(n_bytes):
            if any(record[self.width :]):
                unread.append(UnreadRow(source_row=self.n_records, raw_value=self.separator.join(record)))
                continue
            if any(record) and len(record) < self.width:
                self.short_rows.add([self.n_records])
            rows.append((record + [""] * self.width)[: self.width])
            numbers.append(self.n_records)
        names = column_names(self.width)
        columns = list(zip(*rows, strict=True)) or [()] * self.width
        cells = dict(zip(names, columns, strict=True))
        frame = pl.DataFrame(cells, schema=dict.fromkeys(names, pl.String)).select(filled_cells(pl.all()))
        return Piece(frame.insert_column(0, pl.Series("source_row", numbers, dtype=pl.UInt32)), unread)

    def _records(self, n_bytes: int | None = None) -> Iterator[list[str]]:
        """Record after record, until n_bytes are taken; raises SourceError at a quote left open."""
        csv.field_size_limit(_LONGEST_CELL)  # it is the whole process's, and other libraries change it
        reader = csv.reader(self._lines(), delimiter=self.separator)
        end = None if n_bytes is None else self.tape.n_bytes + n_bytes
        line = self.tape.n_lines + 1
        try:
            for record in reader:
                if record == [_END]:
                    return
                self.n_records += 1
                if record and record[-1].endswith(f"\n{_END}\n"):
                    raise self._open_quote(self.n_records, line)
                yield record
                line = self.tape.n_lines + 1
                if end is not None and self.tape.n_bytes >= end:
                    return
        except csv.Error:  # beyond the limit
            raise self._open_quote(self.n_records + 1, line) from None

    def _lines(self) -> Iterator[str]:
        while (line := self.tape.line()) is not None:
            yield line
        yield f"{_END}\n"

    def _open_quote(self, row: int, line: int) -> SourceError:
        return SourceError(
            f'{self.name}: a quote (") that opens in row {row}, line {line}, is never closed, or the cell is longer '
            f"than {_LONGEST_CELL:,} characters. Close it, or write it twice if it belongs to the text."
        )


def read_block(block: bytes, separator: str, width: int) -> pl.DataFrame | None:
    """Whole records by Polars; None when they do not add up: a row too long or too short, a quote amiss, a blank line."""
    if not block.endswith(b"\n"):
        block += b"\n"  # of a last record without one, Polars would leave out a cell too many
    quotes = _quotes(block, separator)
    if quotes is None or block.startswith(
        codecs.BOM_UTF8
    ):  # of a file in another one; Polars would leave it out
        return None
    try:
        frame = pl.read_csv(
            block,
            has_header=False,
            separator=separator,
            schema=dict.fromkeys(column_names(width), pl.String),
            extra_columns="raise",
            raise_if_empty=False,
        )
    except pl.exceptions.PolarsError:
        return None
    # Short rows are padded without a word, so every byte is looked for: in a cell, behind one (a separator or a line
    # end), or as a quote around one.
    n_in_cells = frame.select(pl.sum_horizontal(pl.all().str.len_bytes().sum())).item()
    if n_in_cells + frame.height * width + quotes.n_left_out != len(block):
        return None
    if quotes.has_pair:
        frame = frame.select(filled_cells(pl.all()))  # a quoted nothing is one too
    return frame


@dataclass(frozen=True, slots=True)
class _Quotes:
    """n_left_out: how many of a block's quotes are in no value. has_pair: whether two of them stand on end."""

    n_left_out: int
    has_pair: bool


def _quotes(block: bytes, separator: str) -> _Quotes | None:
    """None where a quoted value does not fill its cell, of which readers make different things, some of them in silence;
    and for separators that Polars does not take.
    """
    if not separator.isascii():
        return None
    before, behind = neighbours(block, b'"')
    if len(before) % 2:
        return None
    # They open and close in turn. Two on end, the one closing and the next opening, are one quote of the value.
    opening, closing = before.gather_every(2), behind.gather_every(2, offset=1)
    edges = {ord(separator), ord("\n"), _QUOTE}
    if not edges.issuperset([*opening.unique(), *closing.unique()]):
        return None
    n_in_values = int((closing == _QUOTE).sum())
    return _Quotes(len(before) - n_in_values, bool((behind == _QUOTE).any()))
