"""CSV and its kin, every cell as text, every row with the number that a spreadsheet shows for it.

Polars reads a file that is well-formed. It pads short rows in silence and stops at long ones, so whatever does not add
up is read again record by record, which is slower and names the rows.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from data.readers.encodings import to_utf8
from data.readers.grid import Found, Grid, LongRow, Told, filled_cells, rows_in_words
from messaging.errors import SourceError

SEPARATORS = (",", ";", "\t", "|")
_IN_WORDS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_LOOKED_AT_BYTES = 256 * 1024
_LOOKED_AT_RECORDS = 20
_QUOTED = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')
_END = "\x1e"  # a record of its own after the last one: it is not reached when a quote is left open


@dataclass(frozen=True, slots=True)
class _Text:
    """The text of a file below its header, and how it is cut."""

    name: str
    separator: str
    header: list[str]
    header_row: int
    n_header_lines: int  # physical lines up to and with the header's last
    body: bytes  # without empty lines at its end

    @property
    def width(self) -> int:
        return len(self.header)


def read_csv(file: Found, told: Told) -> Grid:
    """Raises SourceError for a file that is empty, no text, or has a quote that nobody closes."""
    text = to_utf8(file.content, file.name, told.encoding)
    content, notices = _without_nul_bytes(text.content, file.name)
    content, separator = _separator_line(content, told.separator)
    if not content or content.isspace():
        raise SourceError(f"{file.name}: the file is empty. Export it again with a header row and contacts.")
    separator = separator or find_separator(content)
    opened = _open(file.name, content, separator)
    grid = _read_whole(opened) or _read_by_record(opened)
    return Grid(
        header=grid.header,
        frame=grid.frame,
        long_rows=grid.long_rows,
        notices=[*text.notices, *notices, *grid.notices],
    )


def find_separator(content: bytes) -> str:
    """The separator under which the first records have the same number of cells; of several the one with most cells.

    A file of one column has none: a comma does no harm there.
    """
    head = content[:_LOOKED_AT_BYTES].decode(errors="ignore")
    return max(SEPARATORS, key=lambda separator: _evidence(head, separator))


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


def _separator_line(content: bytes, told: str | None) -> tuple[bytes, str | None]:
    """Excel reads a first line "sep=;" and shows it to nobody, so it is no row."""
    if content[:4].lower() == b"sep=" and content[5:6] == b"\n":
        return content[6:], told or content[4:5].decode()
    return content, told


def _without_nul_bytes(content: bytes, name: str) -> tuple[bytes, list[str]]:
    n = content.count(b"\0")
    if not n:
        return content, []
    return content.replace(b"\0", b""), [f"{name}: {n:,} NUL bytes were left out; the file may be damaged."]


def _open(name: str, content: bytes, separator: str) -> _Text:
    """Find the header: the first record with anything in it."""
    head = content[:_LOOKED_AT_BYTES].decode(errors="ignore")
    reader = csv.reader(io.StringIO(head, newline="\n"), delimiter=separator)
    try:
        for number, record in enumerate(reader, start=1):
            if any(cell.strip() for cell in record):
                body = content[_end_of_line(content, reader.line_num) :].rstrip(b"\n")
                return _Text(name, separator, record, number, reader.line_num, body)
    except csv.Error:
        pass
    raise SourceError(
        f"{name}: no header row was found at its beginning. Put the names of the columns into the first row."
    )


def _end_of_line(content: bytes, n_lines: int) -> int:
    """Where the line after the first n_lines begins."""
    end = 0
    for _ in range(n_lines):
        end = content.find(b"\n", end) + 1 or len(content)
    return end


def _read_whole(text: _Text) -> Grid | None:
    """The file by Polars; None when it does not add up: a row too long or too short, a quote amiss, a blank line."""
    has_quotes = b'"' in text.body
    if has_quotes and not _are_quotes_plain(text.body, text.separator.encode()):
        return None
    names = [f"column_{k}" for k in range(text.width)]
    try:
        frame = pl.read_csv(
            text.body,
            has_header=False,
            separator=text.separator,
            schema=dict.fromkeys(names, pl.String),
            extra_columns="raise",
            raise_if_empty=False,
        )
    except pl.exceptions.PolarsError:
        return None
    n_separators = text.body.count(text.separator.encode())
    if has_quotes:
        inside = frame.select(pl.all().str.count_matches(text.separator, literal=True).sum()).row(0)
        n_separators -= sum(n or 0 for n in inside)
        frame = frame.select(filled_cells(pl.all()))  # a quoted nothing is one too
    # Short rows are padded without a word, so count: every row has a separator less than it has cells.
    if n_separators != frame.height * (text.width - 1):
        return None
    return Grid(header=text.header, frame=_numbered(frame, range(frame.height), text.header_row + 1))


def _are_quotes_plain(body: bytes, separator: bytes) -> bool:
    """Every quoted value fills its cell. Of others, readers make different things, and some of them in silence."""
    if body.count(b'"') % 2:
        return False
    outside = b"[^%s\\n]" % re.escape(separator)
    # Both ways begin with the quote itself: the search for a single byte is what makes this fast.
    misplaced = b'"(?:%s|(?<=%s"))' % (outside, outside)
    return re.search(misplaced, _QUOTED.sub(b'"', body)) is None


def _read_by_record(text: _Text) -> Grid:
    """The file by Python's csv, which shows every record as it stands."""
    rows: list[list[str]] = []
    numbers: list[int] = []
    long_rows: list[LongRow] = []
    short_rows: list[int] = []
    for number, record in _records(text):
        if any(record[text.width :]):
            long_rows.append(LongRow(source_row=number, raw_value=text.separator.join(record)))
            continue
        if any(record) and len(record) < text.width:
            short_rows.append(number)
        rows.append((record + [""] * text.width)[: text.width])
        numbers.append(number)
    columns = list(zip(*rows, strict=True)) or [()] * text.width
    frame = pl.DataFrame(
        {f"column_{k}": column for k, column in enumerate(columns)},
        schema=dict.fromkeys([f"column_{k}" for k in range(text.width)], pl.String),
    ).select(filled_cells(pl.all()))
    notices = []
    if short_rows:
        notices.append(f"{text.name}: {rows_in_words(short_rows)} ended early; their last columns are empty.")
    return Grid(header=text.header, frame=_numbered(frame, numbers, 0), long_rows=long_rows, notices=notices)


def _records(text: _Text) -> Iterator[tuple[int, list[str]]]:
    """Every record below the header with the number of its row; raises SourceError at a quote left open."""
    lines = io.StringIO(f"{text.body.decode()}\n{_END}\n", newline="\n")
    reader = csv.reader(lines, delimiter=text.separator)
    number, line = text.header_row, text.n_header_lines + 1
    try:
        for number, record in enumerate(reader, start=text.header_row + 1):
            if record == [_END]:
                return
            if record and record[-1].endswith(f"\n{_END}\n"):
                raise _open_quote(text.name, number, line)
            yield number, record
            line = text.n_header_lines + reader.line_num + 1
    except csv.Error:  # beyond csv's limit of 131,072 characters in a cell
        raise _open_quote(text.name, number + 1, line) from None


def _open_quote(name: str, row: int, line: int) -> SourceError:
    return SourceError(
        f'{name}: a quote (") that opens in row {row}, line {line}, is never closed. '
        "Close it, or write it twice if it belongs to the text."
    )


def _numbered(frame: pl.DataFrame, numbers: Sequence[int], first: int) -> pl.DataFrame:
    source_row = pl.Series("source_row", numbers, dtype=pl.UInt32) + first
    return frame.insert_column(0, source_row.cast(pl.UInt32))
