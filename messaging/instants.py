"""Times as exports write them, where they mean one instant and no other."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import polars as pl

A_DAY_S = 86_400.0

_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:,? +(\d{1,2}:\d{2}(?::\d{2})?))?")
_SECONDS, _MILLISECONDS = re.compile(r"\d{10}"), re.compile(r"\d{13}")


def read_instants(cells: pl.Series) -> pl.Series:
    """Seconds since 1970, UTC; null for a cell that is empty, or that could mean two days (03/04/2026).

    Read: ISO 8601 (2026-04-03, 2026-04-03 14:05, 2026-04-03T14:05:00+02:00), 3.4.2026 14:05, and seconds or
    milliseconds since 1970. What names no zone is UTC.
    """
    distinct = cells.drop_nulls().unique()
    instants = pl.Series([_instant(text.strip()) for text in distinct], dtype=pl.Float64)
    return cells.replace_strict(distinct, instants, default=None, return_dtype=pl.Float64)


def are_days(cells: pl.Series) -> pl.Series:
    """Whether a cell that read_instants reads names a day and no time of it; null for null."""
    return cells.str.contains(r"^\s*[\dW.-]+\s*$") & ~cells.str.contains(r"^\s*(\d{10}|\d{13})\s*$")


def _instant(text: str) -> float | None:
    if _SECONDS.fullmatch(text):
        return float(text)
    if _MILLISECONDS.fullmatch(text):
        return int(text) / 1000
    try:
        found = datetime.fromisoformat(_as_iso(text))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _as_iso(text: str) -> str:
    """3.4.2026 14:05 → 2026-04-03 14:05. A day stands before its month wherever dots are between them."""
    found = _DAY_FIRST.fullmatch(text)
    if found is None:
        return text
    day, month, year, time = found.groups()
    return f"{year}-{month:0>2}-{day:0>2} {time or '0:00':0>5}"
