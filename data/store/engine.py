"""Two engines on one store: one that writes, one that only reads.

On SQLite a transaction of the write engine begins IMMEDIATE, so it waits for its turn instead of failing at its
first write; the read engine begins DEFERRED, so a page that reads never holds the write lock. Nobody writes on
the read engine: a stale snapshot that starts to write fails at once, whatever the timeout.
"""

from __future__ import annotations

import sqlite3
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

BUSY_TIMEOUT_S = 60
_WAL_PAUSE_S = 0.01
PRAGMAS = ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON")


@dataclass(frozen=True, slots=True)
class Store:
    """The doors to one SQL store. Close it when done."""

    url: str
    read: sa.Engine
    write: sa.Engine

    @property
    def is_sqlite(self) -> bool:
        return self.write.dialect.name == "sqlite"

    def now(self) -> float:
        """Seconds since 1970 by the clock that leases are written by; see `clock_of`."""
        if self.is_sqlite:
            return time.time()
        with self.read.connect() as connection:
            return clock_of(connection)

    def close(self) -> None:
        self.read.dispose()
        self.write.dispose()


def clock_of(connection: Connection) -> float:
    """The store's clock. PostgreSQL may serve several machines whose clocks differ: then its own counts for all."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.execute(sa.text("select extract(epoch from clock_timestamp())")).scalar_one())


def let_go(error: BaseException | None) -> None:
    """Forget what the frames of an exception know, before the store is written to while it is handled.

    Of a statement that a signal cut off SQLAlchemy closes the connection and not the cursor, and SQLite keeps the write
    lock for as long as a frame knows that.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


def open_store(url: str) -> Store:
    """Open without creating or migrating anything; `data.store.migrate.prepare_store` does that."""
    if not url.startswith("sqlite"):
        engine = sa.create_engine(url, pool_size=4, pool_pre_ping=True, hide_parameters=True)
        return Store(url, engine, engine)
    return Store(url, _sqlite(url, begin="BEGIN"), _sqlite(url, begin="BEGIN IMMEDIATE"))


def _sqlite(url: str, *, begin: str) -> sa.Engine:
    in_memory = ":memory:" in url or url == "sqlite://"
    pool: dict[str, Any] = {"poolclass": sa.StaticPool} if in_memory else {}
    engine = sa.create_engine(
        url,
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
        hide_parameters=True,  # an error of the driver would print numbers and texts
        **pool,
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # else the driver begins by itself, and not IMMEDIATE
        _write_ahead(connection)
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Of several who turn a fresh file to a write-ahead log at once, SQLite refuses all but one, without any waiting."""
    patience_ends = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY  # the higher bits tell more of it
            if not is_busy or time.monotonic() > patience_ends:
                raise
        time.sleep(_WAL_PAUSE_S)
