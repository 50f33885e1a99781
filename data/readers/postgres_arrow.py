"""A query on PostgreSQL by ADBC, in whole columns: the same text as row by row, for a third of the processor's time.

Only of queries all of whose columns are of a kind that is spelled here; any other one is read by SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import adbc_driver_manager
import adbc_driver_postgresql
import polars as pl
import psycopg
import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcStatement  # its DB-API takes a second to import

from data.readers.grid import column_names, filled_cells
from data.readers.values import as_text

if TYPE_CHECKING:
    import sqlalchemy as sa

Spell = Callable[[pl.Series], pl.Series]

_BYTES_AT_ONCE = 1 << 20  # more is no faster
_BREATH_S = 0.2
_FIRST_DAY, _LAST_DAY = (
    -719_162,
    2_932_896,
)  # 0001-01-01 and 9999-12-31 in days since 1970: what Python's dates hold
_US_OF_A_DAY = 86_400_000_000
_UTC = {"UTC", "Etc/UTC"}


class NotByArrow(Exception):
    """This query, or this database, is for SQLAlchemy; so is saying what is wrong with it."""


class OutOfTime(Exception):
    """A day that Python has no date for, at which psycopg would stop, too."""


def open_arrow(
    engine: sa.Engine, query: str, *, time_limit_s: float, open_things: ExitStack
) -> tuple[list[str], Iterator[pl.DataFrame]]:
    """Header, and frames of text with a Piece's columns but source_row.

    The first rows are there before this returns. Raises NotByArrow; the frames raise what ADBC and Arrow do, which may
    quote a row.
    """
    try:
        database = open_things.enter_context(adbc_driver_postgresql.connect(_conninfo(engine)))
        connection = open_things.enter_context(AdbcConnection(database))
        connection.set_autocommit(False)
        statement = open_things.enter_context(AdbcStatement(connection))
        for line in (
            "set transaction read only",
            f"set local statement_timeout = {round(time_limit_s * 1000)}",
            # Else the text of a database with another encoding would be taken for UTF-8.
            "set local client_encoding to 'UTF8'",
        ):
            statement.set_sql_query(line)
            statement.execute_update()
        statement.set_sql_query("select current_setting('server_encoding'), current_setting('TimeZone')")
        encoding, time_zone = (column[0].as_py() for column in _results(statement).read_all().columns)
        statement.set_sql_query(query)
        schema = pa.schema(statement.execute_schema())
        spell = [_spelling_of(column, is_utc=time_zone in _UTC) for column in schema]
        known = [one for one in spell if one is not None]
        if encoding == "SQL_ASCII" or not known or len(known) < len(spell):
            raise NotByArrow
        option = adbc_driver_postgresql.StatementOptions.BATCH_SIZE_HINT_BYTES.value
        statement.set_options(**{option: str(_BYTES_AT_ONCE)})
        batches = open_things.enter_context(_results(statement))
        take = partial(_interruptible, partial(next, batches, None), statement.cancel)
        first = take()
    except (adbc_driver_manager.Error, pa.ArrowException, OSError, psycopg.Error) as error:
        raise NotByArrow from error
    return schema.names, _frames(first, take, known)


def _results(statement: AdbcStatement) -> pa.RecordBatchReader:
    stream, _ = _interruptible(statement.execute_query, statement.cancel)
    return pa.RecordBatchReader.from_stream(stream)


def _interruptible(work: Callable[[], Any], cancel: Callable[[], None]) -> Any:
    """The libraries wait for the server without looking up; a thread does it, so that Ctrl-C ends the query, too."""
    with ThreadPoolExecutor(1) as helper:
        task = helper.submit(work)
        try:
            # In short waits: Polars' own handler of Ctrl-C makes the system go on with a long one.
            while not wait([task], timeout=_BREATH_S).done:
                pass
            return task.result()
        finally:
            if not task.done():
                cancel()


def _conninfo(engine: sa.Engine) -> str:
    """What SQLAlchemy would tell psycopg."""
    _, told = engine.dialect.create_connect_args(engine.url)
    told.pop("context", None)  # of psycopg itself, for SQLAlchemy's types
    return psycopg.conninfo.make_conninfo(**told)


def _frames(
    first: pa.RecordBatch | None, take: Callable[[], pa.RecordBatch | None], spell: list[Spell]
) -> Iterator[pl.DataFrame]:
    batch = first
    while batch is not None:
        if batch.num_rows:
            yield pl.DataFrame(
                [
                    spelled(_series(column)).alias(name)
                    for name, column, spelled in zip(
                        column_names(len(spell)), batch.columns, spell, strict=True
                    )
                ]
            ).with_columns(filled_cells(pl.all()).name.keep())
        batch = take()


def _series(column: pa.Array) -> pl.Series:
    """Without what ADBC says of the type: Polars spells no numeric and no UUID."""
    series = pl.from_arrow(column.storage if isinstance(column, pa.ExtensionArray) else column)
    assert isinstance(series, pl.Series)
    return series


def _spelling_of(column: pa.Field, *, is_utc: bool) -> Spell | None:
    """By PostgreSQL's type, not by Arrow's: money, too, comes as a whole number."""
    kind = (column.metadata or {}).get(b"POSTGRESQL:type", b"").decode()
    if kind == "timestamptz":
        return _zoned if is_utc else None  # else each in the offset of its season
    return _SPELLINGS.get(kind)


def _text(values: pl.Series) -> pl.Series:
    return values.cast(pl.String)


def _numeric(values: pl.Series) -> pl.Series:
    return values.replace({"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"})


def _float(values: pl.Series) -> pl.Series:
    return pl.Series([as_text(value) for value in values], dtype=pl.String)


def _uuid(values: pl.Series) -> pl.Series:
    digits = values.bin.encode("hex").str
    parts = [digits.slice(start, n) for start, n in ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))]
    return pl.select(pl.concat_str(parts, separator="-")).to_series()


def _date(values: pl.Series) -> pl.Series:
    _guard(values, _FIRST_DAY, _LAST_DAY)
    return values.dt.to_string("%Y-%m-%d")


def _timestamp(values: pl.Series) -> pl.Series:
    _guard(values, _FIRST_DAY * _US_OF_A_DAY, (_LAST_DAY + 1) * _US_OF_A_DAY - 1)
    return values.dt.to_string("%Y-%m-%dT%H:%M:%S%.6f").str.strip_suffix(".000000")


def _zoned(values: pl.Series) -> pl.Series:
    return _timestamp(values.dt.replace_time_zone(None)) + "+00:00"


def _guard(values: pl.Series, first: int, last: int) -> None:
    """Infinity is a day far away, at which Polars would end the process's thread."""
    if not values.to_physical().drop_nulls().is_between(first, last).all():
        raise OutOfTime


_SPELLINGS: dict[str, Spell] = {
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "int2", "int4", "int8", "bool"), _text),
    "numeric": _numeric,
    "float8": _float,
    "uuid": _uuid,
    "date": _date,
    "timestamp": _timestamp,
}
