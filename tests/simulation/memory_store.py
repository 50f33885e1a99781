"""A real store in memory, made once a process: a campaign begins with a copy of the empty one, which takes microseconds.

It keeps the statements that SQLAlchemy has compiled, too. What only looks is asked of the driver directly.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa

from data.store.engine import Store, open_store
from data.store.tables import accounts, batches, metadata, runs
from messaging.runs import RunState
from tests.simulation.scenario import Scenario

RUN = 1
ACCOUNT = "sim"


class MemoryStore:
    """One SQLite in memory behind both engines of a Store: a second one in memory would be another database."""

    def __init__(self) -> None:
        write = open_store("sqlite://").write
        self.store = Store("sqlite://", write, write)
        metadata.create_all(write)
        pooled = write.raw_connection()
        self.driver: sqlite3.Connection = pooled.driver_connection  # type: ignore[assignment]
        pooled.close()  # the pool keeps it: there is only one
        self.connection = write.connect()
        self._empty = self.driver.serialize()

    @staticmethod
    @cache
    def of_this_process() -> MemoryStore:
        return MemoryStore()

    def plan(self, scenario: Scenario, starts_at: float) -> None:
        """Forget what was played before, and write the run of this scenario."""
        self.driver.deserialize(self._empty)
        n = sum(scenario.batch_sizes)
        connection = self.connection
        with connection.begin():
            connection.execute(
                sa.insert(accounts).values(account=ACCOUNT, kind="simulator", rate_mps=scenario.rate_mps)
            )
            connection.execute(
                sa.insert(runs).values(
                    run=RUN,
                    campaign="simulated",
                    state=RunState.SENDING.value,
                    origin="hand",
                    is_simulated=True,
                    account=ACCOUNT,
                    created_at=0,
                    n_source_rows=n,
                    n_contacts=n,
                    n_audience=n,
                    n_messages=n,
                    n_batches=len(scenario.batch_sizes),
                    guards=_guards(scenario.most_failures_in_a_row),
                )
            )
            for batch, size in enumerate(scenario.batch_sizes):
                opens_s, closes_s = scenario.windows[batch]
                connection.execute(
                    sa.insert(batches).values(
                        run=RUN,
                        batch=batch,
                        part=0,
                        n_messages=size,
                        not_before=None if opens_s is None else starts_at + opens_s,
                        not_after=None if closes_s is None else starts_at + closes_s,
                    )
                )

    def one(self, text: str, *values: Any) -> tuple[Any, ...]:
        """The first row of a question. Only between transactions."""
        row: tuple[Any, ...] = self.driver.execute(text, values).fetchone()
        return row

    def all(self, text: str) -> list[tuple[Any, ...]]:
        return self.driver.execute(text).fetchall()


class PlainConnection:
    """As much of a SQLAlchemy connection as a function needs that only reads rows: at a tenth of the cost."""

    def __init__(self, driver: sqlite3.Connection) -> None:
        self._driver = driver

    def execute(self, statement: sa.TextClause, values: Mapping[str, Any]) -> sqlite3.Cursor:
        return self._driver.execute(statement.text, values)


def _guards(most_failures_in_a_row: int | None) -> str | None:
    if most_failures_in_a_row is None:
        return None
    return json.dumps({"max_failures_in_a_row": most_failures_in_a_row, "max_failure_rate": 1.0})
