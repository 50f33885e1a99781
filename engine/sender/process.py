"""The sender of one process: one event loop in the background, one writer, one client per gateway account."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
import sqlalchemy as sa

from data.accounts import Account, read_account
from data.files import read_batch
from data.flight_record import FlightRecords
from data.keys import Keys
from data.ledger.leasing import NoSuchBatch
from data.ledger.records import Recipients
from data.ledger.rules import Rules
from data.sql import sql
from data.store.engine import Store
from data.writer import Writer
from engine.sender.core import BatchToSend, send_batch
from engine.sender.doors import NoFlightRecorder
from engine.sender.lanes import Lanes, StopSign
from engine.sender.store_ledger import StoredFlights, StoreLedger
from gateway_clients.base import GatewayClient
from messaging.batches import BatchRef
from messaging.outcomes import OutgoingMessage
from messaging.tally import BatchTally

T = TypeVar("T")

SETTLING_S = 10.0  # after the last answer of a drain: what the settles of it may take


class SystemClock:
    """Linux counts suspended time in CLOCK_BOOTTIME, macOS in CLOCK_MONOTONIC."""

    _BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def now(self) -> float:
        return time.time()

    def boot_s(self) -> float:
        return time.clock_gettime(self._BOOT)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class _Route:
    """One gateway account as this process uses it."""

    client: GatewayClient
    lanes: Lanes


class SendingProcess:
    """Sends batches for the threads of this process. Make one per process, and close it."""

    def __init__(
        self,
        store: Store,
        *,
        var_dir: Path,
        keys: Keys,
        drain_s: float,
        client_for: Callable[[Account], GatewayClient],
        rules: Rules | None = None,
        keeps_flight_records: bool = True,
    ) -> None:
        """drain_s: how long answers are awaited once `drain` was called. client_for is called on the loop's thread.

        keeps_flight_records: False leaves more in doubt after a crash; to measure what they cost and spare.
        """
        self._store = store
        self._var_dir = var_dir
        self._keys = keys
        self._drain_s = drain_s
        self._client_for = client_for
        self._rules = rules or Rules()
        self._clock = SystemClock()
        self._random = random.Random()
        self._writer = Writer(store)
        flights = FlightRecords(var_dir) if keeps_flight_records else None
        self._ledger = StoreLedger(self._writer, self._rules, flights)
        self._flights = NoFlightRecorder() if flights is None else StoredFlights(flights)
        self._stop = StopSign()
        self._routes: dict[str, _Route] = {}
        self._sending: set[Future[BatchTally]] = set()
        self._sending_changed = threading.Lock()
        self._loop = _new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sender", daemon=True)
        self._thread.start()

    def submit_batch(self, ref: BatchRef, owner: str) -> BatchTally:
        """Send what is claimable of a batch, from any thread; blocks until nothing more is, or the process drains.

        owner: unique to this attempt. Raises NoSuchBatch, UnknownAccount, and the store's errors once it is gone
        for longer than the writer's patience.
        """
        run = self._read_run(ref)
        account = read_account(self._store, run.account, sealing_key=self._keys.sealing)
        batch = batch_to_send(ref, read_batch(self._var_dir / run.folder, ref), run.validity_s)
        sending = self._ask(self._send(batch, account, owner))
        with self._sending_changed:
            self._sending.add(sending)
        try:
            return sending.result()
        finally:
            with self._sending_changed:
                self._sending.discard(sending)

    def drain(self) -> None:
        """No new claim, no byte leaves any more; waits until every answer is in or given up, and settled.

        Every `submit_batch` returns then, its tally says "drained", and nothing is in flight. May be called twice.
        """
        self._loop.call_soon_threadsafe(lambda: self._stop.set(self._clock.boot_s() + self._drain_s))
        with self._sending_changed:
            sending = list(self._sending)
        wait(sending, timeout=self._drain_s + SETTLING_S)

    def close(self) -> None:
        """Drain, give the connections back, end the loop and the writer. The store stays open: it is the caller's."""
        if self._loop.is_closed():
            return
        self.drain()
        self._ask(self._close_clients()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._writer.close()

    async def _send(self, batch: BatchToSend, account: Account, owner: str) -> BatchTally:
        route = self._route(account)
        return await send_batch(
            batch,
            owner,
            ledger=self._ledger,
            gateway=route.client,
            lanes=route.lanes,
            clock=self._clock,
            random=self._random,
            stop=self._stop,
            rules=self._rules,
            flights=self._flights,
        )

    def _route(self, account: Account) -> _Route:
        """Only on the loop's thread: clients and locks belong to it."""
        if account.account not in self._routes:
            self._routes[account.account] = _Route(self._client_for(account), Lanes(account.concurrency))
        return self._routes[account.account]

    async def _close_clients(self) -> None:
        for route in self._routes.values():
            await route.client.close()

    def _ask(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def _read_run(self, ref: BatchRef) -> sa.Row[Any]:
        with self._store.read.connect() as connection:
            found = connection.execute(
                sa.text(sql("ledger/batch_source")), {"run": ref.run, "batch": ref.batch}
            ).one_or_none()
        if found is None:
            raise NoSuchBatch(f"{ref} is not in the store; was its run planned in another one?")
        return found


def _new_event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # where uvloop does not exist, asyncio's own loop is slower and as good
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def batch_to_send(ref: BatchRef, messages: pl.DataFrame, validity_s: int) -> BatchToSend:
    """messages: MESSAGES of one batch, in the order of their rows."""
    msisdns, sender_ids = messages["msisdn"].to_list(), messages["sender_id"].to_list()
    return BatchToSend(
        ref=ref,
        messages=[
            OutgoingMessage(
                reference=reference, msisdn=msisdn, text=text, sender_id=sender_id, validity_s=validity_s
            )
            for reference, msisdn, text, sender_id in zip(
                messages["reference"].to_list(),
                msisdns,
                messages["text"].to_list(),
                sender_ids,
                strict=True,
            )
        ],
        recipients=Recipients(
            person_keys=messages["person_key"].to_list(), sender_ids=sender_ids, msisdns=msisdns
        ),
    )
