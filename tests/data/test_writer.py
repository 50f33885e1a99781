import threading
import time

import pytest
import sqlalchemy as sa

from data import writer as writer_module
from data.store.engine import open_store
from data.writer import Writer, WriterClosed


@pytest.fixture
def store(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    with store.write.begin() as connection:
        connection.execute(sa.text("create table notes (note integer primary key)"))
    yield store
    store.close()


@pytest.fixture
def writer(store, monkeypatch):
    monkeypatch.setattr(writer_module, "FIRST_PAUSE_S", 0.001)
    writer = Writer(store)
    yield writer
    writer.close()


def note(connection, number, now):
    connection.execute(sa.text("insert into notes values (:number)"), {"number": number})
    return number


def notes(store):
    with store.read.connect() as connection:
        return connection.execute(sa.text("select note from notes order by note")).scalars().all()


def lost():
    return sa.exc.OperationalError("select 1", {}, Exception("connection lost"))


class Gate:
    """A request that keeps the writer busy until it is opened, so that others gather behind it."""

    def __init__(self):
        self.is_reached, self.is_open = threading.Event(), threading.Event()

    def __call__(self, connection, now):
        self.is_reached.set()
        assert self.is_open.wait(10)


def test_an_answer_comes_once_it_is_committed(writer, store):
    assert writer.ask(note, 1).result(10) == 1
    assert notes(store) == [1]


def test_a_request_is_told_the_time(writer):
    began = time.time()
    assert began <= writer.ask(lambda _connection, now: now).result(10) <= time.time()


def test_what_waits_goes_into_one_commit(writer, store):
    gate = Gate()
    writer.ask(gate)
    assert gate.is_reached.wait(10)
    asked = [writer.ask(note, number) for number in range(20)]
    gate.is_open.set()
    assert [future.result(10) for future in asked] == list(range(20))
    assert (writer.n_commits, writer.n_requests) == (2, 21)
    assert notes(store) == list(range(20))


def test_one_bad_request_harms_no_other_of_its_group(writer, store):
    gate = Gate()
    writer.ask(gate)
    assert gate.is_reached.wait(10)
    first, twice, last = (writer.ask(note, number) for number in (1, 1, 2))
    gate.is_open.set()
    assert (first.result(10), last.result(10)) == (1, 2)
    assert isinstance(twice.exception(10), sa.exc.IntegrityError)
    assert notes(store) == [1, 2]


def test_a_lost_connection_is_tried_again_until_it_is_back(writer, store):
    tries = []

    def fail_twice(connection, now):
        note(connection, 7, now)
        tries.append(now)
        if len(tries) < 4:
            raise lost()
        return "done"

    assert writer.ask(fail_twice).result(10) == "done"
    assert notes(store) == [7], "each try was undone before the next"


def test_others_are_served_while_one_request_keeps_failing(writer, store):
    is_back = threading.Event()

    def fail_until_back(connection, now):
        if not is_back.is_set():
            raise lost()

    failing = writer.ask(fail_until_back)
    assert [writer.ask(note, number).result(10) for number in range(3)] == [0, 1, 2]
    assert not failing.done()
    is_back.set()
    assert failing.result(10) is None


def test_patience_ends_with_the_stores_own_error(writer):
    def fail(connection, now):
        raise lost()

    assert isinstance(writer.ask(fail, patience_s=0).exception(10), sa.exc.OperationalError)


def test_closing_does_first_what_was_asked(writer, store):
    gate = Gate()
    writer.ask(gate)
    assert gate.is_reached.wait(10)
    asked = [writer.ask(note, number) for number in range(100)]
    gate.is_open.set()
    writer.close()
    assert all(future.done() for future in asked)
    assert len(notes(store)) == 100
    with pytest.raises(WriterClosed):
        writer.ask(note, 1)


def test_closing_does_not_wait_for_ever_for_a_store_out_of_reach(store, monkeypatch):
    monkeypatch.setattr(writer_module, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(writer_module, "PATIENCE_AT_CLOSE_S", 0.05)
    writer = Writer(store)

    def fail(connection, now):
        raise lost()

    asked = writer.ask(fail, patience_s=3600)
    writer.close()
    assert isinstance(asked.exception(0), sa.exc.OperationalError)


def test_a_request_cancelled_while_it_waits_is_not_done(writer, store):
    gate = Gate()
    writer.ask(gate)
    assert gate.is_reached.wait(10)
    unwanted, wanted = writer.ask(note, 1), writer.ask(note, 2)
    assert unwanted.cancel()
    gate.is_open.set()
    assert wanted.result(10) == 2
    assert notes(store) == [2]
