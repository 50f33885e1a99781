"""The process that is killed: it sends all batches of a run with the real sending process, the task body of a flow.

    python -m tests.chaos.victim

is their nursery. It reads one order a line, forks a victim for it, and writes how each one ended: a victim of its own
interpreter would spend its life importing.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import random
import select
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from data.accounts import Account
from data.ledger.rules import Rules
from data.runs import read_run
from engine.sender.process import SendingProcess
from gateway_clients.base import GatewayClient
from gateway_clients.registry import make_client
from messaging.batches import BatchRef
from messaging.tally import BUSY, BatchTally
from tests.chaos.arena import instance_in
from tests.chaos.phases import Executioner, Phase, WatchedClient, WatchedLedger

LOOK_EVERY_S = 0.005
EXIT_DONE, EXIT_FAILED, EXIT_BUSY = 0, 1, 3
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One victim's life. die_in None: it lives on until all is sent."""

    number: int
    var_dir: str
    store_url: str | None
    run: int
    simulator: str
    die_in: str | None = None
    at: int = 1
    seed: int = 1
    lease_s: float = 1.0
    n_threads: int = 4
    flight_record: bool = True
    stop_at: int | None = None  # which look at the clock it falls asleep after; somebody has to wake it

    @property
    def words(self) -> Path:
        """Where its last words are found."""
        return Path(self.var_dir) / f"words-{self.number}.json"

    def as_json(self) -> str:
        return json.dumps(asdict(self))


def live(order: Order) -> int:
    """Send every batch of the run, or die."""
    rng = random.Random(order.seed)
    phase = Phase(order.die_in) if order.die_in else None
    executioner = Executioner(phase, order.at, order.words, stop_at=order.stop_at)
    rules = Rules(
        lease_s=order.lease_s,
        send_window_s=order.lease_s,
        horizon_s=0.2,
        slot_s=0.1,
        back_off_s=0.05,
        longest_back_off_s=0.3,
    )

    def client_for(account: Account) -> GatewayClient:
        settings = {**account.settings, "url": order.simulator}
        client = make_client(account.kind, settings, account.credentials, concurrency=account.concurrency)
        return WatchedClient(client, executioner, rng)

    with instance_in(Path(order.var_dir), order.store_url) as instance:
        sender = SendingProcess(
            instance.store,
            var_dir=instance.var_dir,
            keys=instance.keys,
            drain_s=20,
            client_for=client_for,
            rules=rules,
            keeps_flight_records=order.flight_record,
        )
        sender._ledger = WatchedLedger(sender._ledger, executioner)
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=sender.drain).start())
        batches = list(range(read_run(instance.store, order.run).n_batches))
        rng.shuffle(batches)

        def send(batch: int) -> BatchTally:
            return sender.submit_batch(BatchRef(order.run, batch), owner_of(order, os.getpid()))

        with ThreadPoolExecutor(order.n_threads) as pool:
            tallies = list(pool.map(send, batches))
        sender.close()
    return EXIT_BUSY if any(tally.ended == BUSY for tally in tallies) else EXIT_DONE


def owner_of(order: Order, pid: int) -> str:
    """Under which name it takes leases."""
    return f"{pid}-{order.number}-{order.seed}"


def fork(order: Order) -> int:
    """A victim in a process of its own; its id."""
    pid = os.fork()
    if pid:
        return pid
    exit_code = EXIT_FAILED
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # a nursery that is gone leaves no orphan
        log = os.open(f"{order.var_dir}/victims.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in (1, 2):
            os.dup2(log, stream)
        faulthandler.register(signal.SIGUSR1)  # whoever hangs is asked where
        exit_code = live(order)
    finally:
        if (error := sys.exc_info()[1]) is not None:
            print(f"victim {order.number}: {error!r}", file=sys.stderr, flush=True)
        os._exit(exit_code)


def serve(orders: IO[bytes], answers: IO[bytes]) -> None:
    """Fork for each order; tell each birth and each death. Ends with its orders, and takes the living along."""
    living: dict[int, int] = {}
    unread = b""
    is_open = True
    while is_open or living:
        if is_open and select.select([orders], [], [], LOOK_EVERY_S)[0]:
            read = os.read(orders.fileno(), 65536)
            is_open = bool(read)
            *lines, unread = (unread + read).split(b"\n")
            for line in lines:
                order = Order(**json.loads(line))
                pid = fork(order)
                living[pid] = order.number
                _tell(answers, number=order.number, pid=pid)
        if not is_open:
            for pid in living:
                os.kill(pid, signal.SIGKILL)
        while living:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            _tell(answers, number=living.pop(pid), ended=os.waitstatus_to_exitcode(status))


def _tell(answers: IO[bytes], **news: int) -> None:
    answers.write(json.dumps(news).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
