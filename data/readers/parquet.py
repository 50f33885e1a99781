"""Parquet: typed columns to text, as a person would write them."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from polars import selectors as cs

from data.readers.grid import Found, Grid, Piece, column_names
from data.spool import ROWS_OF_A_CHUNK
from messaging.errors import SourceError


def read_parquet(file: Found) -> Grid:
    """Rows are numbered as in a spreadsheet, the first one 2. Columns of lists or records are left out with a notice.

    Raises SourceError, here or from the pieces, for a file that is damaged.
    """
    try:
        sample = pl.DataFrame(schema=pl.read_parquet_schema(file.rewound()))
        parquet = pq.ParquetFile(file.rewound())
    except (pl.exceptions.PolarsError, OSError, pa.ArrowException):
        raise _damaged(file) from None
    nested = sample.select(cs.nested() | cs.binary() | cs.object()).columns
    flat = [name for name in sample.columns if name not in nested]
    if not flat:
        raise SourceError(f"{file.name}: it has no column of plain values. Write one row per contact.")
    return Grid(
        header=flat,
        pieces=_pieces(file, parquet, flat),
        read_as="Parquet",
        notices=[
            f"{file.name}: the column {name!r} holds no plain values and was left out." for name in nested
        ],
    )


def _pieces(file: Found, parquet: pq.ParquetFile, columns: list[str]) -> Iterator[Piece]:
    first = 2
    try:
        for batch in parquet.iter_batches(batch_size=ROWS_OF_A_CHUNK, columns=columns):
            frame = pl.DataFrame(pl.from_arrow(batch)).select(columns)
            yield Piece(as_rows_of_text(frame, first))
            first += frame.height
    except (pl.exceptions.PolarsError, OSError, pa.ArrowException):
        raise _damaged(file) from None


def as_rows_of_text(frame: pl.DataFrame, first: int) -> pl.DataFrame:
    """Any columns of plain values as a Piece's frame, the first row numbered `first`."""
    source_row = pl.int_range(first, first + frame.height, dtype=pl.UInt32, eager=True).alias("source_row")
    names = column_names(frame.width)
    text = [
        _as_text(column).replace("", None).alias(name)
        for name, column in zip(names, frame.get_columns(), strict=True)
    ]
    return pl.DataFrame([source_row, *text])


def _as_text(column: pl.Series) -> pl.Series:
    """Whole numbers without '.0' or exponent: a phone number in a float column is one."""
    if column.dtype.is_float():
        whole = column.cast(pl.Int64, strict=False)
        is_whole = (whole.cast(column.dtype) == column).fill_null(value=False)
        return whole.cast(pl.String).zip_with(is_whole, column.cast(pl.String))
    return column.cast(pl.String)


def _damaged(file: Found) -> SourceError:
    return SourceError(f"{file.name}: the Parquet file cannot be read; it may be cut off. Write it again.")
