"""What people ask of one run beyond the ledger's equations: reasons, pace, and what its plan left out."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl
import sqlalchemy as sa

from data.files import lake_twin_path
from data.sql import sql
from messaging.outcomes import OutcomeStatus

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


class Pace(NamedTuple):
    """Seconds since 1970, UTC; None: nothing was claimed, or nothing settled."""

    first_claimed_at: float | None
    last_settled_at: float | None


def reasons_of(connection: Connection, run: int) -> dict[str, dict[str, int]]:
    """Status in words → reason → messages, the largest first, for what was not accepted; '' is no reason given."""
    found: dict[str, dict[str, int]] = {}
    for status, reason, n in connection.execute(_statement("reasons"), {"run": run}):
        found.setdefault(OutcomeStatus(status).name.lower(), {})[reason] = n
    return found


def pace_of(connection: Connection, run: int) -> Pace:
    return Pace._make(connection.execute(_statement("pace"), {"run": run}).one())


def rejects_by_rule(lake: Path, run: int) -> dict[str, int]:
    """Rule → source rows, the largest first; empty while the run is not frozen."""
    return _counted(lake_twin_path(lake, "rejects", run), "rule")


def excluded_by_reason(lake: Path, run: int) -> dict[str, int]:
    """Reason → contact rows, the largest first; empty while the run is not frozen."""
    return _counted(lake_twin_path(lake, "excluded", run), "reason")


def _counted(twin: Path, column: str) -> dict[str, int]:
    if not twin.exists():
        return {}
    counts = (
        pl.scan_parquet(twin).group_by(column).len().collect().sort(["len", column], descending=[True, False])
    )
    return dict(counts.iter_rows())


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(f"reports/{name}"))
