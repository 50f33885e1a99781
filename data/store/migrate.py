"""Bring a store to the schema of this code, or refuse.

Alembic is imported only when there is something to do: a look at one row decides. Under the lock it is looked at once
more, so of two processes that start at once one migrates; an SQLite store is copied first.
"""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data.sql import sql
from data.store.copying import copy_sqlite
from data.store.engine import Store, open_store
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

HEAD = "0002"  # tests hold this against the newest file in data/migrations/versions
MIGRATIONS = Path(__file__).parents[1] / "migrations"
MIGRATION_LOCK = 0x71D1265  # any number that nobody else uses for pg_advisory_xact_lock


class StoreError(TidingsError):
    """var/store.db cannot be opened; check that the folder exists and may be written."""


class StoreIsNewer(StoreError):
    """The store was written by a newer Tidings; nothing was changed."""


def prepare_store(url: str, *, now: float) -> Store:
    """Open the store and migrate it under a lock; a fresh one gets its tables and its instance id.

    Raises StoreError when it cannot be opened, StoreIsNewer when its schema is unknown to this code.
    """
    _refuse_unreadable(url)
    _make_private(url)
    store = open_store(url)
    try:
        with _in_one_sentence(url):
            if _version(store) != HEAD:
                _migrate(store, now)
    except TidingsError:
        store.close()
        raise
    return store


def is_empty(url: str) -> bool:
    """Whether nothing stands at the place of a store: no file, or a database without a table. Raises StoreError."""
    _refuse_unreadable(url)
    path = sqlite_path(url)
    if path is not None:
        return not any(path.with_name(path.name + suffix).exists() for suffix in ("", "-wal", "-shm"))
    with closing(open_store(url)) as store, _in_one_sentence(url), store.read.connect() as connection:
        return not sa.inspect(connection).get_table_names()


def drop_tables(url: str) -> None:
    """Empty a database again that nobody but us has filled."""
    with closing(open_store(url)) as store, _in_one_sentence(url), store.write.begin() as connection:
        found = sa.MetaData()
        found.reflect(connection)
        found.drop_all(connection)


@contextmanager
def _in_one_sentence(url: str) -> Iterator[None]:
    try:
        yield
    except (sa.exc.DatabaseError, sqlite3.DatabaseError) as error:
        raise StoreError(
            f"the store {_shown(url)} cannot be opened ({_first_line(error)}); "
            "check that its folder exists and may be written, or set TIDINGS_STORE_URL."
        ) from None


def _version(store: Store) -> str | None:
    with store.read.connect() as connection:
        return _found(connection)


def _found(connection: Connection) -> str | None:
    """The schema of a store as it is; None: it has no table of ours."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("select version_num from alembic_version")).scalar()


def _migrate(store: Store, now: float) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with store.write.begin() as connection:
        if not store.is_sqlite:  # SQLite's write engine already holds the only write lock
            connection.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        found = _found(connection)
        if found == HEAD:  # another process was faster
            return
        if found is not None and found not in known:
            raise StoreIsNewer(too_new(f"the store {_shown(store.url)}", found))
        if found is not None:
            _keep_a_copy(store, found)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if found is None:
            connection.execute(
                sa.text(sql("instance/insert")),
                {"instance_id": uuid.uuid4().hex, "keys_check": None, "salt": uuid.uuid4().hex, "now": now},
            )


def too_new(what: str, schema: str) -> str:
    """Why something of a later Tidings is refused."""
    return (
        f"{what} has schema {schema} and this Tidings knows up to {HEAD}, so nothing was changed; "
        "update Tidings (git pull, make install)."
    )


def _keep_a_copy(store: Store, version: str) -> None:
    """Of a store in a file as it was. A migration of PostgreSQL is undone as a whole when it fails."""
    path = sqlite_path(store.url)
    if path is not None:
        copy_sqlite(path, path.with_name(f"{path.name}.before-{HEAD}-was-{version}"))


def _refuse_unreadable(url: str) -> None:
    """A URL that names no store of a known kind; it is not repeated, since a password may stand anywhere in it."""
    try:
        sa.make_url(url).get_dialect()
    except (sa.exc.ArgumentError, ValueError, ImportError):
        raise StoreError(
            "TIDINGS_STORE_URL is not the address of a store; leave it empty for SQLite, or write it like "
            "postgresql+psycopg://user@host/tidings."
        ) from None


def _make_private(url: str) -> None:
    """The SQLite file holds numbers and texts: its folder is 0700 and the file 0600 before SQLite writes to it."""
    path = sqlite_path(url)
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(
            f"the store {path} cannot be written ({error.strerror}); "
            "make its folder writable or point TIDINGS_VAR_DIR elsewhere."
        ) from None


def sqlite_path(url: str) -> Path | None:
    """The file behind an SQLite URL; None for PostgreSQL and for a store in memory."""
    parsed = sa.make_url(url)
    if not parsed.drivername.startswith("sqlite") or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))


def _shown(url: str) -> str:
    return sa.make_url(url).render_as_string(hide_password=True)


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().splitlines()[0]
