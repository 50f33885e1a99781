"""Two engines on one store: who waits for whom, and what an error may say."""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from data.store import engine as engines
from data.store.engine import open_store
from data.store.tables import audit_log, suppressions


@pytest.fixture
def impatient(store, monkeypatch):
    """The same store, opened by somebody who waits for no lock."""
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_S", 0)
    other = open_store(store.url)
    yield other
    other.close()


def entry(what: str) -> sa.Insert:
    return sa.insert(audit_log).values(at=0.0, who="a test", what=what)


def entries(connection: sa.Connection) -> list[str]:
    return list(connection.execute(sa.select(audit_log.c.what).order_by(audit_log.c.entry)).scalars())


def test_a_reader_does_not_block_a_writer(store, impatient):
    with store.read.connect() as reader:
        assert entries(reader) == []
        with impatient.write.begin() as writer:
            writer.execute(entry("written meanwhile"))
        assert entries(reader) == [], "a reader sees one state from its first look to its last"
    with store.read.connect() as reader:
        assert entries(reader) == ["written meanwhile"]


def test_a_writer_does_not_block_a_reader(store, impatient):
    with store.write.begin() as writer:
        writer.execute(entry("not committed yet"))
        with impatient.read.connect() as reader:
            assert entries(reader) == []


def test_a_second_writer_waits_from_its_first_statement_on(store, impatient):
    # BEGIN IMMEDIATE: who cannot write learns it before it has read anything it would decide by.
    with store.write.begin(), pytest.raises(sa.exc.OperationalError, match="locked"), impatient.write.begin():
        pytest.fail("two writers at once")


def test_eight_threads_write_and_nothing_is_lost(store):
    def write(thread: int) -> None:
        for number in range(10):
            with store.write.begin() as connection:
                n = connection.execute(sa.select(sa.func.count()).select_from(audit_log)).scalar_one()
                connection.execute(entry(f"{thread}/{number} after {n}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    with store.read.connect() as connection:
        written = entries(connection)
    assert len({what.split()[0] for what in written}) == 80
    assert [int(what.split()[-1]) for what in written] == list(range(80)), (
        "each saw all that was written before it"
    )


def test_a_failed_transaction_leaves_nothing(store):
    def change_half() -> None:
        with store.write.begin() as connection:
            connection.execute(entry("half a change"))
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        change_half()
    with store.read.connect() as connection:
        assert entries(connection) == []


def test_a_commit_is_on_disk_before_it_is_acknowledged(store):
    for engine in (store.read, store.write):
        with engine.connect() as connection:
            pragmas = {
                name: connection.exec_driver_sql(f"pragma {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
        assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 60_000}


def test_an_error_of_the_store_prints_no_number(store):
    row = {"person_key": "k", "msisdn": "+447712345123", "reason": "opted out", "source": "a test", "at": 0.0}
    with pytest.raises(sa.exc.IntegrityError) as raised, store.write.begin() as connection:
        connection.execute(sa.insert(suppressions), [row, row])
    assert "7712345123" not in str(raised.value)


def test_a_closed_store_lets_go_of_its_file(store):
    with store.write.begin() as connection:
        connection.execute(entry("before"))
    store.close()
    store.close()
    other = sqlite3.connect(store.url.removeprefix("sqlite:///"), timeout=0)
    # Refused while anybody has the file open.
    assert other.execute("pragma journal_mode = delete").fetchone() == ("delete",)
    other.close()


def test_a_store_in_memory_is_one_store_for_its_reader_and_writer_of_one_engine():
    store = open_store("sqlite://")
    with store.write.begin() as connection:
        connection.exec_driver_sql("create table t (n integer)")
    seen: list[object] = []

    def look() -> None:
        with store.write.connect() as connection:
            seen.append(connection.exec_driver_sql("select count(*) from t").scalar())

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    store.close()
    assert seen == [0]


def test_the_clock_of_a_store_is_this_machines_on_sqlite_and_the_servers_on_postgresql(
    postgres_url, monkeypatch
):
    """Several machines write leases to one PostgreSQL: one whose clock is wrong must not end those of others."""
    sqlite, postgres = open_store("sqlite://"), open_store(postgres_url)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    assert sqlite.now() == now - 3600
    assert abs(postgres.now() - now) < 1800
    sqlite.close()
    postgres.close()


def test_a_fresh_store_that_another_one_is_making_is_waited_for(tmp_path, monkeypatch):
    # It is no write-ahead log yet, so the lock of the other one refuses ours at once, whatever the timeout.
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        if other.in_transaction:
            other.execute("commit")

    monkeypatch.setattr(engines.time, "sleep", sleep)
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("begin immediate")
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    with store.read.connect() as connection:
        assert connection.execute(sa.text("pragma journal_mode")).scalar() == "wal"
    assert waits
    other.close()
    store.close()


def test_a_fresh_store_whose_lock_is_never_let_go_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_S", 0.05)
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("begin immediate")
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    with pytest.raises(sa.exc.OperationalError, match="database is locked"):
        store.read.connect()
    other.close()
    store.close()
