"""Named connections, on a real SQLite file, a real PostgreSQL where there is one and what of a service does not need one."""

import sqlite3

import pytest
import sqlalchemy as sa

from data.connections import (
    BadConnection,
    Connection,
    ConnectionSealed,
    UnknownConnection,
    list_connections,
    read_connection,
    save_connection,
)
from data.readers import open_connection
from data.readers.http_pages import Pages
from data.readers.probing import probe
from data.store.migrate import prepare_store
from messaging.errors import SourceError
from tests.services import serving

KEY = b"k" * 32
SERVICE = {"name": "a", "kind": "http", "url": "https://h"}
PEOPLE = [("07400 123001", "Ann", 4), ("07400 123002", None, 5), ("447400123003.0", "Zoë", None)]
CONTACTS = Pages(path="/crm", rows="results")


@pytest.fixture
def store(tmp_path):
    store = prepare_store(f"sqlite:///{tmp_path / 'store.db'}", now=1.0)
    yield store
    store.close()


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "crm.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table people (phone text, first_name text, points integer)")
        connection.executemany("insert into people values (?, ?, ?)", PEOPLE)
    connection.close()
    return path


def of_file(path, **more):
    return Connection(name="crm", kind="sql", url=f"sqlite:///{path}", **more)


def everybody(connection, wanted):
    with open_connection(connection, wanted) as source:
        rows = [row for chunk in source.chunks() for row in chunk.rows()]
    return source, rows


def test_a_connection_is_kept_sealed_and_opens_with_its_own_key(store):
    kept = Connection(name="crm", kind="sql", url="postgresql://me:secret@host/crm", time_limit_s=60)
    save_connection(store, kept, sealing_key=KEY)
    assert read_connection(store, "crm", sealing_key=KEY) == kept
    assert list_connections(store) == [("crm", "sql", {"time_limit_s": 60.0})]
    with store.read.connect() as connection:
        assert b"secret" not in connection.execute(sa.text("select secret from connections")).scalar_one()
    with pytest.raises(ConnectionSealed, match="does not open with the sealing key"):
        read_connection(store, "crm", sealing_key=b"x" * 32)
    with pytest.raises(UnknownConnection, match=r"there is no connection 'erp'; known: crm"):
        read_connection(store, "erp", sealing_key=KEY)
    assert "secret" not in repr(kept)


def test_how_a_service_lets_in_is_kept_with_its_secret_sealed(store):
    kept = Connection(
        **SERVICE, auth="oauth2", token="me:secret", token_url="https://login.example/token", scope="contacts"
    )
    save_connection(store, kept, sealing_key=KEY)
    assert read_connection(store, "a", sealing_key=KEY) == kept
    assert "secret" not in str(list_connections(store))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "a b", "kind": "sql", "url": "sqlite:///x"}, "letters, digits"),
        ({"name": "a", "kind": "sql", "url": "what?"}, "the URL of a database looks like"),
        ({"name": "a", "kind": "sql", "url": "oracle://h/x"}, "cannot be opened read-only"),
        ({"name": "a", "kind": "http", "url": "ftp://h"}, "write its address as https"),
        ({"name": "a", "kind": "http", "url": "https://u:p@h"}, "without user or password"),
        ({"name": "a", "kind": "http", "url": "http://h", "token": "t"}, "a token must not travel over http"),
        ({"name": "a", "kind": "sql", "url": "sqlite:///x", "time_limit_s": 0}, "the time limit is 1 to"),
        ({**SERVICE, "auth": "basic", "token": "me"}, "its secret is user:password"),
        (
            {**SERVICE, "auth": "oauth2", "token": "me:secret"},
            "--auth oauth2 and --token-url belong together",
        ),
        ({**SERVICE, "auth": "token", "token_url": "https://h/token"}, "belong together"),
        (
            {**SERVICE, "auth": "oauth2", "token": "me:secret", "token_url": "http://h/token"},
            "a token must not travel over http",
        ),
        ({**SERVICE, "auth": "query", "token": "t"}, "--header names its parameter"),
    ],
)
def test_a_connection_that_could_not_be_used_is_refused(store, fields, sentence):
    with pytest.raises(BadConnection, match=sentence):
        save_connection(store, Connection(**fields), sealing_key=KEY)
    assert list_connections(store) == []


def test_a_query_is_read_as_text_and_its_rows_have_a_fingerprint(database):
    source, rows = everybody(of_file(database), "select phone, first_name, points from people;")
    assert rows == [
        (2, "07400 123001", "Ann", "4"),
        (3, "07400 123002", None, "5"),
        (4, "447400123003.0", "Zoë", None),
    ]
    assert list(source.headers) == ["phone", "first_name", "points"]
    same, _ = everybody(of_file(database), "select phone, first_name, points from people")
    fewer, _ = everybody(of_file(database), "select phone, first_name, points from people limit 2")
    assert len(source.fingerprint) == 64
    assert (source.fingerprint == same.fingerprint, source.fingerprint == fewer.fingerprint) == (True, False)


def test_nothing_is_written_through_a_connection(database):
    for query in ("delete from people", "insert into people values ('1', 'x', 2)", "drop table people"):
        with pytest.raises(SourceError, match=r"crm: the query"):
            everybody(of_file(database), query)
    with sqlite3.connect(database) as connection:
        assert connection.execute("select count(*) from people").fetchone() == (3,)
    connection.close()


def test_a_missing_database_is_not_made(tmp_path):
    with pytest.raises(SourceError, match=r"crm: the query cannot be read \(OperationalError\)"):
        everybody(of_file(tmp_path / "none.db"), "select 1")
    assert not (tmp_path / "none.db").exists()


def test_a_query_that_takes_too_long_is_stopped(database):
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n where i < 0"
    with pytest.raises(SourceError, match=r"Nothing was planned"):
        everybody(of_file(database, time_limit_s=0.2), endless)


def test_a_database_that_fails_half_way_is_one_sentence_that_quotes_nobody(database):
    # The 30,000th row cannot be read: long after the first ones were given out.
    query = (
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 40000) "
        "select '07400 ' || i as phone, case when i = 30000 then abs(-9223372036854775807 - 1) else i end as x from n"
    )
    with pytest.raises(
        SourceError, match=r"^crm: the query failed after 20,000 rows \(OperationalError\)"
    ) as error:
        everybody(of_file(database), query)
    assert "07400" not in str(error.value)


def test_postgresql_is_read_in_a_read_only_transaction(postgres_url):
    connection = Connection(name="crm", kind="sql", url=postgres_url)
    _, rows = everybody(
        connection, "select '07400 123001'::text as phone, 4.0::float8 as points, null::int as x"
    )
    assert rows == [(2, "07400 123001", "4", None)]
    admin = sa.create_engine(postgres_url)
    with admin.begin() as there:
        there.execute(sa.text("create sequence numbers"))
    admin.dispose()
    with pytest.raises(SourceError, match=r"ReadOnlySqlTransaction"):
        everybody(connection, "select nextval('numbers') as written")
    with pytest.raises(SourceError, match=r"the query cannot be read"):
        everybody(connection, "create table oops as select 1 as one")


@pytest.fixture
def crm():
    with serving() as service:
        yield Connection(name="hubspot", kind="http", url=service.url, token="t0ken", may_be_private=True)


def test_whether_a_connection_answers_is_told_without_reading_anybody(crm, database, tmp_path):
    assert probe(crm, path="/crm") is None
    assert "status 401" in str(
        probe(Connection(name="h", kind="http", url=crm.url, token="no", may_be_private=True), path="/crm")
    )
    assert probe(of_file(database)) is None
    assert "cannot be read" in str(probe(of_file(tmp_path / "none.db")))
    closed = Connection(name="h", kind="http", url="http://127.0.0.1:9", may_be_private=True)
    assert "does not answer" in str(probe(closed))


def test_a_database_and_a_service_are_asked_for_different_things(crm, database):
    with pytest.raises(SourceError, match=r"is a database: give \[audience\] query"):
        everybody(of_file(database), CONTACTS)
    with pytest.raises(SourceError, match=r"is a service: give \[audience\] path"):
        everybody(crm, "select 1")
