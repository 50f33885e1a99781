"""Runs that wait for somebody: nobody works on them, or what their end was to do is not done."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from data.sql import sql

if TYPE_CHECKING:
    from data.store.engine import Store


class Idle(NamedTuple):
    """A sending run that nobody works on. since: when its last lease expired, or it came to be sending."""

    run: int
    since: float


def idle_runs(store: Store, *, before: float, too_far: float) -> list[Idle]:
    """Runs that may send and that nobody has held a lease of since `before`, whatever is left of them."""
    with store.read.connect() as connection:
        found = connection.execute(_statement("idle"), {"before": before, "too_far": too_far})
        return [Idle(*row) for row in found]


def claimable_batches(store: Store, run: int, *, now: float) -> list[int]:
    """The batches of a run in which somebody could claim a message at this moment, its state apart."""
    with store.read.connect() as connection:
        found = connection.execute(_statement("claimable_batches"), {"run": run, "now": now})
        return list(found.scalars())


def overdue_plans(store: Store, *, before: float) -> list[int]:
    """Runs that have been in planning since then, so whoever planned them is gone."""
    with store.read.connect() as connection:
        return list(connection.execute(_statement("overdue_plans"), {"before": before}).scalars())


def runs_with_leftovers(store: Store, *, since: float) -> list[int]:
    """Runs cancelled since then with messages that came back unsent from claims open at the cancel."""
    with store.read.connect() as connection:
        return list(connection.execute(_statement("with_leftovers"), {"since": since}).scalars())


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(f"runs/{name}"))
