"""Named connections, on a real SQLite file, a real PostgreSQL where there is one, and a real HTTP server."""

import json
import sqlite3
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

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
from data.readers.http_pages import Pages, is_public
from data.readers.probing import probe
from data.store.migrate import prepare_store
from messaging.errors import SourceError

KEY = b"k" * 32
PEOPLE = [("07400 123001", "Ann", 4), ("07400 123002", None, 5), ("447400123003.0", "Zoë", None)]
CONTACTS = Pages(
    path="/crm/v3/objects/contacts?limit=2", rows="results", next="paging.next.after", next_parameter="after"
)


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


class Crm(BaseHTTPRequestHandler):
    """Five contacts in pages of two, as a well-known CRM gives them out; and some misbehaviour by path."""

    asked: ClassVar[list[tuple[str, str | None]]] = []

    def log_message(self, *args):
        pass

    def do_GET(self):
        type(self).asked.append((self.path, self.headers.get("Authorization")))
        if self.path.startswith("/elsewhere"):
            return self._answer(302, {}, {"Location": "http://127.0.0.2:9/"})
        if self.path.startswith("/moved"):
            return self._answer(
                301, {}, {"Location": self.path.replace("/moved", "/crm/v3/objects/contacts")}
            )
        if self.path.startswith("/broken") and "after" in self.path:
            return self._answer(500, {"message": "07400 123001"}, {"Retry-After": "0"})
        if self.headers.get("Authorization") not in {"Bearer t0ken", None}:
            return self._answer(401, {})
        first = int(self.path.partition("after=")[2] or 0)
        rows = [
            {"id": str(n), "properties": {"phone": f"+44740012300{n}", "firstname": f"P{n}", "points": 1.50}}
            for n in range(first, min(first + 2, 5))
        ]
        paging = {"paging": {"next": {"after": str(first + 2)}}} if first + 2 < 5 else {}
        return self._answer(200, {"results": rows, **paging})

    def _answer(self, status, body, headers=None):
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Crm)
    Crm.asked = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def crm():
    with serving() as url:
        yield Connection(name="hubspot", kind="http", url=url, token="t0ken", may_be_private=True)


def test_a_crm_is_read_page_by_page_with_its_token(crm):
    source, rows = everybody(crm, CONTACTS)
    assert list(source.headers) == ["id", "phone", "firstname", "points"]
    assert rows == [(2 + n, str(n), f"+44740012300{n}", f"P{n}", "1.5") for n in range(5)]
    assert [path.partition("after=")[2] for path, _ in Crm.asked] == ["", "2", "4"]
    assert {token for _, token in Crm.asked} == {"Bearer t0ken"}
    assert len(source.fingerprint) == 64


@pytest.mark.parametrize(
    ("pages", "sentence"),
    [
        (
            Pages(path="/broken", rows="results", next="paging.next.after", next_parameter="after"),
            "status 500",
        ),
        (Pages(path="/crm", rows="people"), "there is no list of objects at 'people'"),
        (Pages(path="/elsewhere", rows="results"), "points to another host"),
        (Pages(path="//127.0.0.2/x", rows="results"), "points to another host"),
        (Pages(path="/crm", rows="results", next="results"), "."),
    ],
    ids=["half-way", "no list", "redirect", "path", "next"],
)
def test_a_service_that_misbehaves_is_one_sentence_and_nobody_is_read(crm, pages, sentence):
    with pytest.raises(SourceError, match=sentence) as error:
        everybody(crm, pages)
    assert "07400" not in str(error.value)
    assert "t0ken" not in str(error.value)


def test_a_redirect_within_the_host_is_followed(crm):
    _, rows = everybody(crm, Pages(path="/moved", rows="results"))
    assert len(rows) == 2


def test_a_private_address_is_refused_unless_the_connection_allows_it(crm):
    for url in (crm.url, crm.url.replace("127.0.0.1", "localhost")):
        with pytest.raises(SourceError, match="is at an address that is not public"):
            everybody(Connection(name="hubspot", kind="http", url=url), CONTACTS)
    assert Crm.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2001:4860:4860::8888", True), ("127.0.0.1", False), ("10.1.2.3", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("::1", False), ("fe80::1%eth0", False), ("fd00::1", False),
        ("::ffff:10.0.0.1", False), ("2002:0a00:0001::", False), ("0.0.0.0", False), ("224.0.0.1", False),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address, public):
    assert is_public(address) == public


def test_whether_a_connection_answers_is_told_without_reading_anybody(crm, database, tmp_path):
    assert probe(crm) is None
    assert "status 401" in str(
        probe(Connection(name="h", kind="http", url=crm.url, token="no", may_be_private=True))
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
