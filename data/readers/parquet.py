"""Parquet: typed columns to text, as a person would write them."""

from __future__ import annotations

import io

import polars as pl
from polars import selectors as cs

from data.readers.grid import Found, Grid
from messaging.errors import SourceError


def read_parquet(file: Found) -> Grid:
    """Rows are numbered as in a spreadsheet, the first one 2. Columns of lists or records are left out with a notice.

    Raises SourceError for a file that is damaged.
    """
    try:
        frame = pl.read_parquet(io.BytesIO(file.content))
    except (pl.exceptions.PolarsError, OSError):
        raise SourceError(
            f"{file.name}: the Parquet file cannot be read; it may be cut off. Write it again."
        ) from None
    nested = frame.select(cs.nested() | cs.binary() | cs.object()).columns
    flat = frame.drop(nested)
    if not flat.width:
        raise SourceError(f"{file.name}: it has no column of plain values. Write one row per contact.")
    source_row = pl.int_range(2, flat.height + 2, dtype=pl.UInt32, eager=True).alias("source_row")
    text = [
        _as_text(column).replace("", None).alias(f"column_{k}") for k, column in enumerate(flat.get_columns())
    ]
    notices = [f"{file.name}: the column {name!r} holds no plain values and was left out." for name in nested]
    return Grid(header=flat.columns, frame=pl.DataFrame([source_row, *text]), notices=notices)


def _as_text(column: pl.Series) -> pl.Series:
    """Whole numbers without '.0' or exponent: a phone number in a float column is one."""
    if column.dtype.is_float():
        whole = column.cast(pl.Int64, strict=False)
        is_whole = (whole.cast(column.dtype) == column).fill_null(value=False)
        return whole.cast(pl.String).zip_with(is_whole, column.cast(pl.String))
    return column.cast(pl.String)
