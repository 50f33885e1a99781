"""A query on PostgreSQL by Arrow gives what SQLAlchemy gives, row by row, letter by letter; and what it leaves to that."""

import datetime as dt
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config.settings import CHECKOUT
from data.connections import Connection
from data.readers.postgres_arrow import NotByArrow, open_arrow
from data.readers.sql_query import query_grid
from messaging.errors import SourceError

KINDS = {
    "words": "text", "short": "varchar", "fixed": "char(5)", "small": "smallint", "number": "bigint", "amount": "numeric",
    "share": "float8", "agreed": "boolean", "born": "date", "joined": "timestamp", "changed": "timestamptz", "id": "uuid",
}  # fmt: skip
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
values = {
    "words": texts,
    "short": texts,
    "fixed": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
    "small": st.integers(-(2**15), 2**15 - 1),
    "number": st.integers(-(2**63), 2**63 - 1),
    "amount": st.decimals(min_value=-(10**20), max_value=10**20, allow_nan=False)
    | st.decimals(places=8, min_value=-1, max_value=1)
    | st.sampled_from([Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity"), Decimal("0E-8"), Decimal("4E+11")]),
    "share": st.floats() | st.integers(-(10**15), 10**15).map(float),
    "agreed": st.booleans(),
    "born": st.dates(),
    "joined": st.datetimes(),
    "changed": st.datetimes(timezones=st.just(dt.UTC)),
    "id": st.uuids(),
}  # fmt: skip
rows = st.fixed_dictionaries({name: st.none() | one for name, one in values.items()})


@pytest.fixture(scope="module")
def people(postgres):
    """An engine on a database with one empty table, by whose clock it is UTC."""
    url = postgres.new_database()
    engine = sa.create_engine(url)
    with engine.begin() as there:
        there.exec_driver_sql(
            f"create table people ({', '.join(f'{name} {kind}' for name, kind in KINDS.items())})"
        )
        there.exec_driver_sql(f"alter database {sa.make_url(url).database} set timezone to 'UTC'")
    engine.dispose()
    engine = sa.create_engine(url)
    yield engine
    engine.dispose()


def connection_to(engine, **more):
    return Connection(name="crm", kind="sql", url=engine.url.render_as_string(hide_password=False), **more)


def read(engine, query, **more):
    with query_grid(connection_to(engine, **more), query) as grid:
        found = [row for piece in grid.pieces for row in piece.frame.rows()]
        return grid.header, found, grid.digest.hexdigest()


def read_both(engine, query, monkeypatch, **more):
    by_arrow = read(engine, query, **more)
    with monkeypatch.context() as apart:
        apart.setitem(sys.modules, "data.readers.postgres_arrow", None)
        return by_arrow, read(engine, query, **more)


def is_for_arrow(engine, query):
    with ExitStack() as open_things:
        try:
            open_arrow(engine, query, time_limit_s=60, open_things=open_things)
        except NotByArrow:
            return False
        return True


def wait_for(holds):
    while not holds():
        time.sleep(0.1)


def n_running(engine, words, *, tries=100):
    """Queries of others with these words in them that run on; a server takes a moment to see that somebody is gone."""
    running = sa.text(
        "select count(*) from pg_stat_activity where state <> 'idle' and pid <> pg_backend_pid() and position(:words in query) > 0"
    )
    for _ in range(tries):
        with engine.connect() as there:
            n = there.execute(running, {"words": words}).scalar_one()
        if n == 0:
            break
        time.sleep(0.1)
    return n


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people_there=st.lists(rows, max_size=6))
@example(people_there=[])
def test_both_ways_give_the_same_rows_and_the_same_fingerprint(people, monkeypatch, people_there):
    with people.begin() as there:
        there.exec_driver_sql("truncate people")
        if people_there:
            there.execute(
                sa.text(
                    f"insert into people values ({', '.join(f'cast(:{name} as {kind})' for name, kind in KINDS.items())})"
                ),
                people_there,
            )
    query = "select * from people order by ctid;"
    assert is_for_arrow(people, query.rstrip(";"))
    by_arrow, by_row = read_both(people, query, monkeypatch)
    assert by_arrow == by_row
    assert len(by_row[1]) == len(people_there)


def test_many_rows_come_in_pieces_and_are_numbered_on(people, monkeypatch):
    query = "select '07400 ' || n as phone, n, nullif(n % 3, 0) as third from generate_series(1, 60000) n"
    assert is_for_arrow(people, query)
    by_arrow, by_row = read_both(people, query, monkeypatch)
    assert by_arrow == by_row
    assert by_arrow[1][-1] == (60_001, "07400 60000", "60000", None)


@pytest.mark.parametrize(
    "value",
    [
        "1.5::money", "0.1::float4", "array[1, 2]", "'{\"b\":1, \"a\":[1.10]}'::json", "'{\"b\":1}'::jsonb", "'x'::bytea",
        "interval '1 day'", "inet '10.0.0.1'", "time '03:04'", "timetz '03:04+02'", "int4range(1, 3)", "B'101'::bit(3)",
        "row(1, 'a')", "point(1, 2)", "xmlcomment('x')",
    ],
)  # fmt: skip
def test_what_is_not_spelled_alike_is_left_to_sqlalchemy_with_all_its_row(people, monkeypatch, value):
    query = f"select 'Ann' as first_name, {value} as other"
    assert not is_for_arrow(people, query)
    by_arrow, by_row = read_both(people, query, monkeypatch)
    assert by_arrow == by_row


def test_a_time_with_an_offset_is_left_to_sqlalchemy_where_offsets_change(people, monkeypatch):
    query = "select timestamptz '2026-07-01 12:00+00' as changed"
    monkeypatch.setenv("PGTZ", "Europe/Berlin")
    assert not is_for_arrow(people, query)
    by_arrow, by_row = read_both(people, query, monkeypatch)
    assert by_arrow == by_row
    assert by_row[1] == [(2, "2026-07-01T14:00:00+02:00")]


@pytest.mark.parametrize(
    "query", ["show server_version", "values (1, 'a')", "table people", "select 1 as a, 2 as a", "select"]
)
def test_other_statements_are_read_alike(people, monkeypatch, query):
    def told(read_it):
        try:
            return read_it()
        except SourceError as error:
            return str(error)

    with monkeypatch.context() as apart:
        by_arrow = told(lambda: read(people, query))
        apart.setitem(sys.modules, "data.readers.postgres_arrow", None)
        assert told(lambda: read(people, query)) == by_arrow


@pytest.mark.parametrize(
    "value", ["timestamp 'infinity'", "date '-infinity'", "date '0044-03-15 BC'", "date '10000-01-01'"]
)
def test_a_day_that_python_has_no_date_for_stops_both(people, monkeypatch, value):
    query = f"select {value} as born"
    with pytest.raises(SourceError, match=r"^crm: the query cannot be read"):
        read(people, query)
    monkeypatch.setitem(sys.modules, "data.readers.postgres_arrow", None)
    with pytest.raises(SourceError, match=r"^crm: the query cannot be read"):
        read(people, query)


def test_a_database_in_another_encoding_is_read_in_its_letters(postgres, monkeypatch):
    admin = sa.create_engine(postgres.url.format("postgres"), isolation_level="AUTOCOMMIT")
    for encoding in ("latin1", "sql_ascii"):
        with admin.connect() as there:
            there.exec_driver_sql(
                f"create database old_{encoding} encoding '{encoding}' locale 'C' template template0"
            )
        engine = sa.create_engine(postgres.url.format(f"old_{encoding}"))
        monkeypatch.setenv("PGCLIENTENCODING", "latin1")
        by_arrow, by_row = read_both(engine, "select 'Zo' || chr(235) as first_name", monkeypatch)
        assert by_arrow == by_row
        assert is_for_arrow(engine, "select 'a' as x") == (encoding == "latin1")
        engine.dispose()
    assert by_arrow[1] == [(2, "Zoë")]
    admin.dispose()


def test_nothing_is_written(people):
    with people.begin() as there:
        there.exec_driver_sql("create sequence if not exists numbers")
    with pytest.raises(SourceError, match=r"ReadOnlySqlTransaction"):
        read(people, "select nextval('numbers') as written")
    with people.begin() as there:
        assert there.exec_driver_sql("select is_called from numbers").scalar_one() is False


def test_a_query_that_fails_half_way_is_one_sentence_that_quotes_nobody(people):
    query = "select '07400 ' || n as phone, 1 / (90000 - n) as x from generate_series(1, 100000) n"
    assert is_for_arrow(people, query)
    with pytest.raises(SourceError, match=r"^crm: the query failed after [\d,]+ rows") as error:
        read(people, query)
    assert "07400" not in str(error.value)


@pytest.mark.parametrize(
    "query",
    ["select pg_sleep(60)::text as x", "select n, pg_sleep(0.01)::text from generate_series(1, 90000) n"],
)
def test_a_query_that_takes_too_long_is_stopped(people, query):
    with pytest.raises(SourceError, match=r"^crm: reading took longer than 1 s"):
        read(people, query, time_limit_s=1.0)
    assert n_running(people, "pg_sleep") == 0


def test_a_server_that_takes_the_call_and_says_nothing_is_left_at_the_time_limit():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        crm = Connection(
            name="crm", kind="sql", url=f"postgresql://me@127.0.0.1:{mute.getsockname()[1]}/x", time_limit_s=2
        )
        with (
            pytest.raises(SourceError, match=r"^crm: reading took longer than 2 s"),
            query_grid(crm, "select 1"),
        ):
            pass


def test_a_reader_that_leaves_early_leaves_nothing_open(people):
    with query_grid(connection_to(people), "select n from generate_series(1, 1000000) n") as grid:
        assert next(grid.pieces).frame.height > 1000
    assert n_running(people, "generate_series(1, 1000000)") == 0


def test_ctrl_c_ends_the_query_too(people):
    code = (
        "from data.connections import Connection\n"
        "from data.readers.sql_query import query_grid\n"
        f"crm = Connection(name='crm', kind='sql', url={connection_to(people).url!r})\n"
        "with query_grid(crm, 'select pg_sleep(100)::text as ctrl_c'):\n"
        "    pass\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT, stderr=subprocess.PIPE) as reading:
        wait_for(lambda: n_running(people, "ctrl_c", tries=1) == 1)
        reading.send_signal(signal.SIGINT)
        _, told = reading.communicate(timeout=60)
    assert b"KeyboardInterrupt" in told
    assert n_running(people, "ctrl_c") == 0


def test_without_adbc_a_query_is_read_all_the_same(people):
    code = (
        "import sys\n"
        "sys.modules['adbc_driver_postgresql'] = None\n"
        "from data.connections import Connection\n"
        "from data.readers.sql_query import query_grid\n"
        f"crm = Connection(name='crm', kind='sql', url={connection_to(people).url!r})\n"
        "with query_grid(crm, 'select 1 as x') as grid:\n"
        "    print([piece.frame.rows() for piece in grid.pieces])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, env=os.environ, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[[(2, '1')]]\n"
