"""The rows of one query on somebody's database: read-only, in pieces, within a time limit, every value as text."""

from __future__ import annotations

import contextlib
import hashlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import polars as pl
import sqlalchemy as sa

from data.readers.grid import Digest, Grid, Piece
from data.readers.values import as_text, columns_of_text
from messaging.errors import SourceError

if TYPE_CHECKING:
    from data.connections import Connection

_ROWS_AT_ONCE = 20_000
_TIMEOUT_S = 30.0  # of connecting


@contextmanager
def query_grid(connection: Connection, query: str) -> Iterator[Grid]:
    """Raises SourceError, here or from the pieces, for a query that fails, at its beginning or half-way."""
    engine = sa.create_engine(_readable_url(connection), hide_parameters=True, poolclass=sa.pool.NullPool)
    deadline = time.monotonic() + connection.time_limit_s
    digest = hashlib.sha256()
    try:
        with ExitStack() as open_things:
            header, frames = _opened(connection, engine, query.strip().rstrip(";"), deadline, open_things)
            yield Grid(
                header=header,
                pieces=_pieces(frames, deadline, connection, digest),
                read_as=f"query, {engine.dialect.name}",
                digest=digest,
            )
    except sa.exc.SQLAlchemyError as error:
        raise _failed(connection, error) from None
    finally:
        engine.dispose()


def _opened(
    connection: Connection, engine: sa.Engine, query: str, deadline: float, open_things: ExitStack
) -> tuple[list[str], Iterator[pl.DataFrame]]:
    """Header and frames of text, by Arrow where that is installed and serves."""
    if engine.dialect.name == "postgresql":
        with contextlib.suppress(ModuleNotFoundError):
            from data.readers.postgres_arrow import NotByArrow, open_arrow

            with contextlib.suppress(NotByArrow), ExitStack() as attempt:
                found = open_arrow(engine, query, time_limit_s=connection.time_limit_s, open_things=attempt)
                open_things.push(attempt.pop_all())
                return found
    left_s = _left_s(connection, deadline)
    database = open_things.enter_context(engine.connect())
    _PREPARE[engine.dialect.name](database, left_s)
    database.execution_options(stream_results=True, no_parameters=True)
    rows = database.exec_driver_sql(query)
    if not rows.returns_rows:
        raise SourceError(f"{connection.name}: the query returns no rows; write a select.")
    return list(rows.keys()), _row_by_row(rows)


def check_url(connection: Connection) -> None:
    """Raises BadConnection for a URL that is none, or a database that cannot be opened read-only."""
    from data.connections import BadConnection

    try:
        url = sa.make_url(connection.url)
    except sa.exc.ArgumentError:
        raise BadConnection(
            f"connection {connection.name}: the URL of a database looks like postgresql://user:password@host/name "
            "or sqlite:////path/file.db."
        ) from None
    if url.get_backend_name() not in _PREPARE:
        raise BadConnection(
            f"connection {connection.name}: {url.get_backend_name()} cannot be opened read-only from here; "
            f"known are {', '.join(_PREPARE)}."
        )


def _readable_url(connection: Connection) -> sa.URL:
    url = sa.make_url(connection.url)
    if url.get_backend_name() in {"postgresql", "mysql"}:
        wait_s = math.ceil(min(_TIMEOUT_S, connection.time_limit_s))
        url = url.update_query_dict({"connect_timeout": str(wait_s), **url.query})
    if url.drivername == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite" and url.database:
        # By URI, so that nothing is written and a missing file is not made.
        return url.set(database=f"file:{url.database}", query={"mode": "ro", "uri": "true"})
    return url


def _prepare_sqlite(database: sa.Connection, time_limit_s: float) -> None:
    database.exec_driver_sql("pragma query_only = on")
    raw: Any = database.connection.dbapi_connection
    end = time.monotonic() + time_limit_s
    raw.set_progress_handler(lambda: int(time.monotonic() > end), 10_000)


def _prepare_postgresql(database: sa.Connection, time_limit_s: float) -> None:
    database.exec_driver_sql("set transaction read only")
    database.exec_driver_sql(f"set local statement_timeout = {round(time_limit_s * 1000)}")


def _prepare_mysql(database: sa.Connection, time_limit_s: float) -> None:
    database.exec_driver_sql("set session transaction read only")
    database.exec_driver_sql(f"set session max_execution_time = {round(time_limit_s * 1000)}")


_PREPARE: dict[str, Callable[[sa.Connection, float], None]] = {
    "postgresql": _prepare_postgresql,
    "sqlite": _prepare_sqlite,
    "mysql": _prepare_mysql,
}


def _row_by_row(rows: sa.CursorResult[Any]) -> Iterator[pl.DataFrame]:
    while some := rows.fetchmany(_ROWS_AT_ONCE):
        columns = [[as_text(value) for value in column] for column in zip(*some, strict=True)]
        yield columns_of_text(columns)


def _pieces(
    frames: Iterator[pl.DataFrame], deadline: float, connection: Connection, digest: Digest
) -> Iterator[Piece]:
    """Rows are numbered as in a spreadsheet, the first one 2."""
    first = 2
    try:
        for frame in frames:
            _left_s(connection, deadline)
            last = first + frame.height
            numbered = frame.insert_column(
                0, pl.int_range(first, last, dtype=pl.UInt32, eager=True).alias("source_row")
            )
            digest.update(_bytes_of(numbered))
            yield Piece(numbered)
            first = last
    except SourceError:
        raise
    except Exception as error:  # noqa: BLE001
        # Drivers raise their own errors while rows are fetched, and those may quote a row.
        _left_s(connection, deadline)
        raise _failed(connection, error, after=first - 2) from None


def _left_s(connection: Connection, deadline: float) -> float:
    """Raises SourceError when the time is over."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise SourceError(
            f"{connection.name}: reading took longer than {connection.time_limit_s:,.0f} s. "
            "Nothing was planned; ask for less, or give the connection more time."
        )
    return left


def _bytes_of(frame: pl.DataFrame) -> bytes:
    return frame.write_csv(include_header=False).encode()


def _failed(connection: Connection, error: Exception, after: int = 0) -> SourceError:
    cause = getattr(error, "orig", None) or error
    where = f"failed after {after:,} rows" if after else "cannot be read"
    return SourceError(
        f"{connection.name}: the query {where} ({type(cause).__name__}). Nothing was planned; "
        f"`tidings connection test {connection.name}` tells whether the database answers."
    )
