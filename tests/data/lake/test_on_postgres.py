from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from data.analytics import query
from data.lake.manifest import begin_export, claim_events
from data.ledger.audit import audit_run
from data.store.engine import Store, open_store
from data.store.tables import events
from tests.data.lake.small_world import History, SmallWorld


@pytest.fixture
def store(postgres_url: str) -> Iterator[Store]:
    store = open_store(postgres_url)
    yield store
    store.close()


@pytest.mark.slow
def test_the_lake_is_loaded_from_postgresql_as_from_sqlite(tmp_path, store):
    world = SmallWorld(tmp_path, store)
    history = History(world, seed=4, batch_sizes=(5, 3))
    for step in range(60):
        history.step()
        if step % 20 == 10:
            world.load()
    world.load()
    with store.read.connect() as connection:
        terms = audit_run(connection, 1).terms
    columns, [row] = query(world.analytics, "select * from campaign_funnel")
    funnel = dict(zip(columns, row, strict=True))
    shared = terms.keys() & funnel.keys()
    assert {name: funnel[name] for name in shared} == {name: terms[name] for name in shared}


@pytest.mark.slow
def test_an_event_that_is_committed_after_a_later_one_was_exported_goes_with_the_next(tmp_path, store):
    world = SmallWorld(tmp_path, store)
    has_number, may_commit = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with store.write.begin() as connection:
            connection.execute(sa.insert(events).values(kind="run", run=1, at=0.0, payload="{}"))
            has_number.set()
            may_commit.wait(10)

    slow = threading.Thread(target=write_slowly)
    slow.start()
    has_number.wait(10)
    world.tell("run", {"state": "sending"}, run=1)
    first = begin_export(store, "events", now=world.now)
    n_first = claim_events(store, first, most=100)
    may_commit.set()
    slow.join()
    assert (n_first, claim_events(store, first + 1, most=100)) == (1, 1)
    assert world.rows("select export from events order by event") == [(first + 1,), (first,)]
