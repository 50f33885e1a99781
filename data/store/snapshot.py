"""Reading as of one instant, however long it takes and whoever writes meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.store.engine import Store


@contextmanager
def one_snapshot(store: Store) -> Iterator[Connection]:
    """A connection whose every query sees the store as its first one did. It writes nothing and blocks nobody."""
    with store.read.connect() as connection:
        if not store.is_sqlite:  # where each statement would see what was committed before it
            connection = connection.execution_options(  # noqa: PLW2901 - the same one
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        yield connection
