"""A frozen run of two batches, sent through the real simulator with faults, to be reconciled."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from data.accounts import Account, save_account
from data.files import run_folder, write_parquet
from data.keys import Keys
from data.ledger.audit import audit_run
from data.ledger.rules import Rules
from data.store.engine import Store, open_store
from data.store.migrate import prepare_store
from data.store.tables import batches, runs
from engine.closing import close_run
from engine.reconcile import Reconciled, reconcile_run
from engine.sender.process import SendingProcess
from gateway_clients.base import GatewayClient
from gateway_clients.registry import make_client
from messaging.batches import BatchRef
from messaging.schemas import MESSAGES
from messaging.sealed import Sealer
from tests.conftest import Simulator

KEYS = Keys(sealing=b"s" * 32, person=b"p" * 32, references=b"r" * 32)
RUN, SIZE, N_BATCHES = 1, 60, 2
TAKEN = {"drop_after_accepting": {"every": 4}, "half_answer": {"every": 5}}
NOT_TAKEN = {"drop_after_reading": {"every": 3}}


def client_for(account: Account) -> GatewayClient:
    return make_client(account.kind, account.settings, account.credentials, concurrency=account.concurrency)


class House:
    """A store with one frozen run, sent through the simulator."""

    def __init__(self, store: Store, var_dir: Path, simulator: Simulator) -> None:
        self.store = store
        self.var_dir = var_dir
        self.simulator = simulator
        self.rules = Rules()
        self.sealer = Sealer(KEYS.references)
        self.choose_gateway()
        self._freeze()

    def choose_gateway(self, **settings: Any) -> Account:
        account = Account(
            account="sim", kind="simulator", settings={"url": self.simulator.url, "bulk_size": 1} | settings
        )
        save_account(self.store, account, sealing_key=KEYS.sealing)
        return account

    def send(self, **faults: Any) -> None:
        """Send what is claimable of the run, with these faults at the gateway; close it, and let them end."""
        self.simulator.set(faults=faults)
        with self.store.write.begin() as connection:
            connection.execute(sa.text("update runs set state = 'sending'"))
        sending = SendingProcess(
            self.store,
            var_dir=self.var_dir,
            keys=KEYS,
            drain_s=5,
            client_for=client_for,
            rules=self.rules,
        )
        try:
            for batch in range(N_BATCHES):
                sending.submit_batch(BatchRef(RUN, batch), f"task {time.monotonic()}")
        finally:
            sending.close()
        close_run(self.store, RUN, now=time.time())
        self.simulator.set(faults={})

    def let_pass(self, seconds: float = 60.0) -> None:
        """As if everything had happened so much earlier."""
        with self.store.write.begin() as connection:
            for table, column in (
                ("claims", "send_before"),
                ("claims", "claimed_at"),
                ("claims", "slot_at"),
                ("outcomes", "settled_at"),
                ("batches", "expires_at"),
            ):
                connection.execute(sa.text(f"update {table} set {column} = {column} - {seconds}"))

    def reconcile(self) -> Reconciled:
        try:
            return reconcile_run(
                self.store,
                RUN,
                by="Ann",
                var_dir=self.var_dir,
                keys=KEYS,
                client_for=client_for,
                rules=self.rules,
            )
        finally:
            with self.store.read.connect() as connection:
                assert audit_run(connection, RUN).balanced

    def terms(self) -> dict[str, int]:
        with self.store.read.connect() as connection:
            found = audit_run(connection, RUN).terms
        names = ("accepted", "rejected", "unsent", "unconfirmed", "in_flight", "not_yet_claimed", "stopped")
        return {name: found[name] for name in names if found[name]}

    def accepted(self) -> set[str]:
        return {
            self.sealer.seal(RUN, *place)
            for place in self.rows("select batch, row from outcomes where status = 1")
        }

    def rows(self, text: str) -> list[Any]:
        with self.store.read.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(text))]

    def everything(self) -> list[Any]:
        tables = (
            "runs",
            "batches",
            "claims",
            "outcomes",
            "events",
            "receipts",
            "audit_log",
            "possible_duplicates",
        )
        return [sorted(map(repr, self.rows(f"select * from {table}"))) for table in tables]

    def _freeze(self) -> None:
        n, now = SIZE * N_BATCHES, time.time()
        with self.store.write.begin() as connection:
            connection.execute(
                sa.insert(runs).values(
                    run=RUN, campaign="c", state="sending", origin="hand", is_simulated=True, account="sim", created_at=now,
                    frozen_at=now, n_source_rows=n, n_contacts=n, n_audience=n, n_messages=n, folder=f"runs/{RUN:06d}",
                )
            )  # fmt: skip
            for batch in range(N_BATCHES):
                connection.execute(sa.insert(batches).values(run=RUN, batch=batch, part=0, n_messages=SIZE))
        messages = pl.DataFrame(
            [
                {
                    "batch": batch,
                    "row": row,
                    "reference": self.sealer.seal(RUN, batch, row),
                    "person_key": f"p{batch}-{row}",
                    "msisdn": f"+4474001{batch * SIZE + row:05}",
                    "text": "hi",
                }
                for batch in range(N_BATCHES)
                for row in range(SIZE)
            ],
            schema_overrides={name: MESSAGES[name] for name in ("batch", "row")},
        )
        absent = {
            name: pl.lit(None, dtype) for name, dtype in MESSAGES.items() if name not in messages.columns
        }
        write_parquet(
            messages.with_columns(**absent).select(MESSAGES.names()),
            run_folder(self.var_dir, RUN).part_file(0),
            rows_per_group=SIZE,
        )


def reconcile_elsewhere(url: str, var_dir: str) -> None:
    """For a process of its own."""
    reconcile_run(
        open_store(url), RUN, by="Ann", var_dir=Path(var_dir), keys=KEYS, client_for=client_for, rules=Rules()
    )


def make_house(url: str, tmp_path: Path, simulator: Simulator) -> Iterator[House]:
    store = prepare_store(url, now=time.time())
    simulator.set(waiting_share=1)  # no receipts, unless the test wants some
    yield House(store, tmp_path / "var", simulator)
    books = simulator.ledger()
    assert (books["duplicates_by_reference"], books["duplicates_by_number"]) == (0, 0)
    store.close()
