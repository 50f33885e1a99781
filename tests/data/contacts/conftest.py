from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from data.store.engine import Store, open_store
from data.store.tables import contacts, metadata


class House:
    """A store, and its rows as plain values."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        with self.store.read.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(text))]

    def commit(self, fn: Callable[..., Any], *args: Any, **more: Any) -> Any:
        with self.store.write.begin() as connection:
            return fn(connection, *args, **more)

    def people(self, n: int) -> list[int]:
        """Contacts "person 1" … "person n", as an import leaves them; their numbers."""
        told = [
            {
                "contact": one, "person_key": f"person {one}", "msisdn": f"+4474001{one:05}", "region": "GB",
                "number_type": "mobile", "source_hash": one, "created_at": 1.0, "changed_at": 1.0,
                "changed_by": "import 1",
            }
            for one in range(1, n + 1)
        ]  # fmt: skip
        with self.store.write.begin() as connection:
            connection.execute(sa.insert(contacts), told)
        return [int(str(one["contact"])) for one in told]

    def changes(self) -> list[tuple[Any, ...]]:
        """(person_key, at, by, kind, fields) as they were written."""
        found = self.rows('select person_key, at, "by", kind, fields from contact_changes order by change')
        return [(*row, orjson.loads(fields)) for *row, fields in found]


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """The same tests hold on both; SQLite's is a file, since it is read and written by two engines."""
    if request.param == "sqlite":
        store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
        metadata.create_all(store.write)
        yield House(store)
        store.close()
        return
    store = request.getfixturevalue("_ledger_on_postgres")
    names = ", ".join(table.name for table in metadata.sorted_tables)
    with store.write.begin() as connection:
        connection.exec_driver_sql(f"truncate {names} restart identity")
    yield House(store)
