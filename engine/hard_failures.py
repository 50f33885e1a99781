"""Numbers that nobody has: whoever's texts met that so many times in a row is suppressed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import sqlalchemy as sa

from data.files import RunFolder
from data.lake.hard_failures import failed_in_run, failures_in_a_row
from data.sql import sql
from data.suppressions import EVERYWHERE, Suppression, suppress
from gateway_clients.failure_codes import no_such_number

if TYPE_CHECKING:
    from data.store.engine import Store

HARD_FAILURE = "hard failure"


def suppress_unreachable(
    store: Store,
    var_dir: Path,
    run: int,
    newer: Path,
    *,
    older: Sequence[Path],
    others: Sequence[Path],
    in_a_row: int,
    now: float,
) -> int:
    """Suppress those to whom a run's newer messages file says it happened, once it happened `in_a_row` times.

    older: the run's files before; what they told already counts once. others: messages of other runs. in_a_row 0: nobody
    is. A number that a simulator calls so is suppressed there only. Returns how many were not suppressed before.
    """
    if not in_a_row:
        return 0
    gateways = _gateways(store)
    if run not in gateways:
        return 0
    codes = {row.kind: no_such_number(row.kind) for row in gateways.values()}
    gateway = gateways[run]
    people = failed_in_run([newer], codes[gateway.kind]) - failed_in_run(older, codes[gateway.kind])
    if people and in_a_row > 1:
        kinds = {number: row.kind for number, row in gateways.items()}
        counted = failures_in_a_row([newer, *others], people, kinds=kinds, codes=codes)
        people = {person for person, n in counted.items() if n >= in_a_row}
    if not people:
        return 0
    numbers = _numbers(var_dir, gateway.folder, people)
    entries = [
        Suppression(
            person_key=person,
            msisdn=numbers.get(person),
            reason=HARD_FAILURE,
            source=f"run {run}",
            scope=gateway.account if gateway.is_simulated else EVERYWHERE,
        )
        for person in sorted(people)
    ]
    return suppress(store, entries, now)


def _gateways(store: Store) -> dict[int, Any]:
    with store.read.connect() as connection:
        return {row.run: row for row in connection.execute(sa.text(sql("runs/gateways")))}


def _numbers(var_dir: Path, folder: str | None, people: Collection[str]) -> dict[str, str]:
    """As the run's own file has them; the lake knows no number. Without that file the key alone is suppressed."""
    audience = None if folder is None else RunFolder(var_dir / folder).audience
    if audience is None or not audience.exists():
        return {}
    wanted = pl.col("person_key").is_in(pl.Series(sorted(people)).implode())
    found = pl.scan_parquet(audience).filter(wanted).select("person_key", "msisdn").collect()
    return dict(found.drop_nulls().iter_rows())
