"""Small contact files as the gate sees them."""

from __future__ import annotations

import polars as pl

from data.expectations.suite import compared_columns
from messaging.measures import Measures, Meter
from messaging.quality import Quality

LIMIT = 50  # lowered, so that 60 contacts are a large file


def contacts(**columns):
    """A contact per value of the longest column; the number, its country and the row where nothing is said of them."""
    n = max(len(column) for column in columns.values())
    defaults = {
        "msisdn": [f"+4474001{k:05}" for k in range(n)],
        "region": ["GB"] * n,
    }
    columns = {**defaults, **columns}
    frame = pl.DataFrame(
        {name: column * (n // len(column) if n else 0) for name, column in columns.items()},
        schema=dict.fromkeys(columns, pl.String),
    )
    return frame.with_columns(source_row=pl.int_range(2, n + 2, dtype=pl.UInt32))


def measured(quality: Quality, frame: pl.DataFrame, *, source_rows: int | None = None, sample=20) -> Measures:
    columns = {name: name for name in quality.columns() if name in frame.columns}
    compared = [name for name in compared_columns(quality) if name in columns]
    meter = Meter(columns, distinct=compared, sample=sample if frame.height > LIMIT else None)
    for chunk in frame.iter_slices(17):
        meter.add(chunk)
    return meter.measures(frame.height if source_rows is None else source_rows)
