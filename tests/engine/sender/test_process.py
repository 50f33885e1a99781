import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest
import sqlalchemy as sa

from data.files import run_folder, write_parquet
from data.keys import Keys
from data.ledger.audit import audit_run
from data.ledger.leasing import NoSuchBatch
from data.store.migrate import prepare_store
from data.store.tables import accounts, batches, runs
from engine.sender.process import SendingProcess
from gateway_clients.base import Capabilities
from gateway_clients.verdicts import HELD_BACK
from messaging.batches import BatchRef
from messaging.outcomes import Outcome, OutcomeStatus
from messaging.schemas import MESSAGES

RUN, SIZE, N_BATCHES = 1, 40, 3


class CountingClient:
    """Accepts everything, and remembers the loop it lives on."""

    capabilities = Capabilities()

    def __init__(self, latency_s):
        self.latency_s = latency_s
        self.references = []
        self.loops = set()
        self.is_closed = False
        self.has_begun = threading.Event()

    async def submit(self, messages, *, request_key, may_leave):
        self.loops.add(asyncio.get_running_loop())
        if not may_leave():
            return HELD_BACK.outcomes(messages)
        self.references += [message.reference for message in messages]
        self.has_begun.set()
        await asyncio.sleep(self.latency_s)
        return [
            Outcome(
                reference=m.reference, status=OutcomeStatus.ACCEPTED, gateway_message_id=f"g{m.reference}"
            )
            for m in messages
        ]

    async def close(self):
        self.is_closed = True


@pytest.fixture
def store(tmp_path):
    store = prepare_store(f"sqlite:///{tmp_path / 'store.db'}", now=time.time())
    n = SIZE * N_BATCHES
    with store.write.begin() as connection:
        connection.execute(sa.insert(accounts).values(account="sim", kind="simulator", concurrency=10))
        connection.execute(
            sa.insert(runs).values(
                run=RUN, campaign="c", state="sending", origin="hand", is_simulated=True, account="sim", created_at=0,
                n_source_rows=n, n_contacts=n, n_audience=n, n_messages=n, folder=f"runs/{RUN:06d}",
            )
        )  # fmt: skip
        for batch in range(N_BATCHES):
            connection.execute(sa.insert(batches).values(run=RUN, batch=batch, part=0, n_messages=SIZE))
    messages = pl.DataFrame(
        [
            {
                "batch": batch,
                "row": row,
                "reference": f"r{batch}-{row}",
                "person_key": f"p{batch}-{row}",
                "msisdn": "+447700900000",
                "text": "hi",
            }
            for batch in range(N_BATCHES)
            for row in range(SIZE)
        ],
        schema_overrides={name: MESSAGES[name] for name in ("batch", "row")},
    )
    absent = {name: pl.lit(None, dtype) for name, dtype in MESSAGES.items() if name not in messages.columns}
    folder = run_folder(tmp_path, RUN)
    write_parquet(
        messages.with_columns(**absent).select(MESSAGES.names()), folder.part_file(0), rows_per_group=SIZE
    )
    yield store
    store.close()


@pytest.fixture
def client():
    return CountingClient(latency_s=0.005)


@pytest.fixture
def process(store, tmp_path, client):
    process = SendingProcess(
        store,
        var_dir=tmp_path,
        keys=Keys(sealing=b"s" * 32, person=b"p" * 32, references=b"r" * 32),
        drain_s=5,
        client_for=lambda account: client,
    )
    yield process
    process.close()


def audit(store):
    with store.read.connect() as connection:
        return audit_run(connection, RUN)


def test_several_threads_send_their_batches_on_one_loop(process, client, store):
    with ThreadPoolExecutor(N_BATCHES) as threads:
        tallies = list(
            threads.map(lambda b: process.submit_batch(BatchRef(RUN, b), f"task {b}"), range(N_BATCHES))
        )
    assert [(tally.batch, tally.accepted, tally.ended) for tally in tallies] == [
        (b, SIZE, "done") for b in range(3)
    ]
    assert len(client.references) == len(set(client.references)) == SIZE * N_BATCHES
    assert len(client.loops) == 1
    assert audit(store).balanced


def test_a_batch_submitted_again_sends_nothing(process, client):
    process.submit_batch(BatchRef(RUN, 0), "task")
    assert process.submit_batch(BatchRef(RUN, 0), "retry").accepted == SIZE
    assert len(client.references) == SIZE


def test_a_batch_that_is_not_in_the_store_is_named(process):
    with pytest.raises(NoSuchBatch, match="batch 99 of run 1"):
        process.submit_batch(BatchRef(RUN, 99), "task")


def test_a_drain_ends_the_work_with_nothing_in_flight(process, client, store):
    client.latency_s = 0.2
    with ThreadPoolExecutor(1) as threads:
        sending = threads.submit(process.submit_batch, BatchRef(RUN, 0), "task")
        assert client.has_begun.wait(10)
        process.drain()
        tally = sending.result(1)
    assert tally.ended == "drained"
    assert 0 < tally.accepted == len(client.references) < SIZE
    assert (tally.in_flight, tally.unconfirmed) == (0, 0)
    assert process.submit_batch(BatchRef(RUN, 1), "task").ended == "drained"
    assert audit(store).balanced


def test_closing_gives_the_connections_back_and_may_be_done_twice(process, client):
    process.submit_batch(BatchRef(RUN, 0), "task")
    process.close()
    process.close()
    assert client.is_closed
