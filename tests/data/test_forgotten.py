"""Who was forgotten stays forgotten, whatever store comes back."""

from __future__ import annotations

import stat

import pytest
import sqlalchemy as sa

from data.forgotten import Forgotten, forget, let_back, read_forgotten
from data.store.migrate import prepare_store
from data.store.tables import events, replies
from data.suppressions import Suppression, suppress
from messaging.traces import Trace

ANN, BOB = "a" * 32, "b" * 32
TRACES = [Trace(ANN, frozenset({(10, "d" * 32)}), frozenset({"e" * 32})), Trace(BOB)]
NOW = 1_790_000_000.0


@pytest.fixture
def store(tmp_path):
    store = prepare_store(f"sqlite:///{tmp_path / 'store.db'}", now=NOW)
    suppress(store, [Suppression(person_key=ANN, msisdn="+447700900001", reason="stop", source="reply")], NOW)
    with store.write.begin() as connection:
        reply = {"account": "sim", "gateway_message_id": "1", "to": "Shop", "received_at": NOW}
        connection.execute(
            sa.insert(replies).values(person_key=ANN, msisdn="+447700900001", text="STOP, love Ann", **reply)
        )
        connection.execute(
            sa.insert(events).values(
                kind="reply", at=NOW, payload=f'{{"person_key":"{ANN}","account":"sim"}}'
            )
        )
    yield store
    store.close()


def rows(store, query):
    with store.read.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def test_neither_number_nor_text_is_left_in_the_store_and_they_stay_suppressed(store, tmp_path):
    forget(store, tmp_path / "forgotten.txt", TRACES, now=NOW)
    assert rows(store, "select person_key, msisdn, reason from suppressions order by 1") == [
        (ANN, None, "forgotten"),
        (BOB, None, "forgotten"),
    ]
    assert rows(store, "select payload from events where kind = 'reply'") == [('{"account":"sim"}',)]
    assert rows(store, "select person_key, msisdn, text from replies") == [("", None, None)]


def test_the_file_knows_them_privately_and_once(store, tmp_path):
    file = tmp_path / "apart" / "forgotten.txt"
    forget(store, file, TRACES[:1], now=NOW)
    forget(store, file, TRACES, now=NOW + 1)
    assert read_forgotten(file) == Forgotten(TRACES, 0)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "+447700900001" not in file.read_text()


def test_a_line_that_was_cut_off_is_counted_and_spoils_no_other(store, tmp_path):
    file = tmp_path / "forgotten.txt"
    file.write_text(ANN[:10])
    forget(store, file, TRACES[1:], now=NOW)
    assert read_forgotten(file) == Forgotten(TRACES[1:], 1)


def test_the_file_is_told_before_the_store(store, tmp_path):
    file = tmp_path / "forgotten.txt"
    store.write.dispose()
    with store.read.connect() as connection:
        connection.execute(sa.text("drop table replies"))
        connection.commit()
    with pytest.raises(sa.exc.OperationalError):
        forget(store, file, TRACES[:1], now=NOW)
    assert read_forgotten(file).person_keys == [ANN]


def test_without_a_file_nobody_was_forgotten(tmp_path):
    assert read_forgotten(tmp_path / "forgotten.txt") == Forgotten([], 0)


def test_who_came_back_is_not_forgotten_by_the_next_restore(store, tmp_path):
    file = tmp_path / "forgotten.txt"
    forget(store, file, TRACES, now=NOW)
    let_back(file, ANN, now=NOW + 1)
    assert read_forgotten(file) == Forgotten(TRACES[1:], 0)
    forget(store, file, TRACES[:1], now=NOW + 2)
    assert set(read_forgotten(file).person_keys) == {ANN, BOB}


def test_lines_of_an_earlier_tidings_are_read(tmp_path):
    file = tmp_path / "forgotten.txt"
    file.write_text(f"{ANN} 1790000000.000\n")
    assert read_forgotten(file) == Forgotten([Trace(ANN)], 0)
