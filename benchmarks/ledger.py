"""What the ledger costs: messages a second with it and without, through the real sender, to a simulator of its own.

    make bench-ledger          (.venv/bin/python -m benchmarks.ledger [--rounds 3] [--messages 8000])

Four cases, interleaved, medians count: one by one and in bulk of 500, each bare (the same client, concurrency, bodies
and connections, nothing written) and with the ledger on (SendingProcess, SQLite with synchronous = FULL on the disk of
the checkout). CPU is this process's alone; the simulator is another one on the same cores. Writes var/bench/ledger.json.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from data.accounts import Account, read_account
from data.files import read_batch
from data.instance import Instance
from data.runs import read_run
from engine.sender.process import SendingProcess, batch_to_send
from gateway_clients.base import GatewayClient
from gateway_clients.registry import make_client
from messaging.batches import BatchRef
from messaging.outcomes import OutcomeStatus, OutgoingMessage
from tests.chaos.arena import freeze_a_run, instance_in, is_balanced, set_account

CHECKOUT = Path(__file__).resolve().parent.parent
THREADS = 4  # batches at once in one part of a run
CONCURRENCY = 50
BATCH = 1_000
BULK = 500
TEXT = "Hello Ann, your order {} is on its way and will arrive tomorrow. Reply STOP to end."


@dataclass(frozen=True, slots=True)
class Measured:
    """One case of one round."""

    msgs_per_s: float
    cpu_ms_per_1k: float


class Bench:
    """An instance in a folder of its own, and a simulator that takes everything at once."""

    def __init__(self, instance: Instance, url: str) -> None:
        self.instance = instance
        self.url = url

    def bare(self, *, n_messages: int, bulk_size: int) -> Measured:
        ref, groups = self._freeze(n_messages, bulk_size), []
        for batch in range(-(-n_messages // BATCH)):
            messages = self._messages(BatchRef(ref, batch))
            groups += [messages[i : i + bulk_size] for i in range(0, len(messages), bulk_size)]
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return _measure(n_messages, lambda: runner.run(self._post_all(groups)))

    def with_ledger(self, *, n_messages: int, bulk_size: int, keeps_flight_records: bool = True) -> Measured:
        run = self._freeze(n_messages, bulk_size)
        sender = SendingProcess(
            self.instance.store,
            var_dir=self.instance.var_dir,
            keys=self.instance.keys,
            drain_s=20,
            client_for=self._client,
            keeps_flight_records=keeps_flight_records,
        )

        def send(batch: int) -> None:
            tally = sender.submit_batch(BatchRef(run, batch), f"bench-{run}-{batch}")
            assert tally.accepted == tally.n_messages, tally.in_words()

        def send_all() -> None:
            with ThreadPoolExecutor(THREADS) as threads:
                list(threads.map(send, range(-(-n_messages // BATCH))))

        try:
            measured = _measure(n_messages, send_all)
        finally:
            sender.close()
        assert is_balanced(self.instance, run)
        return measured

    async def _post_all(self, groups: list[list[OutgoingMessage]]) -> None:
        client = self._client(
            read_account(self.instance.store, "sim", sealing_key=self.instance.keys.sealing)
        )
        left = iter(groups)

        async def lane() -> None:
            for group in left:
                outcomes = await client.submit(group, request_key="", may_leave=lambda: True)
                assert all(outcome.status is OutcomeStatus.ACCEPTED for outcome in outcomes)

        async with asyncio.TaskGroup() as lanes:
            for _ in range(CONCURRENCY):
                lanes.create_task(lane())
        await client.close()

    def _freeze(self, n_messages: int, bulk_size: int) -> int:
        """A run of its own, so that every case finds the same work and an empty gateway."""
        set_account(self.instance, rate_mps=None, bulk_size=bulk_size, concurrency=CONCURRENCY)
        self._tell("reset", b"{}")
        self._tell("settings", b'{"magic_suffixes": false}')  # all numbers alike
        return freeze_a_run(self.instance, n_messages=n_messages, batch_size=BATCH, text=TEXT)

    def _tell(self, what: str, body: bytes) -> None:
        urllib.request.urlopen(f"{self.url}/control/{what}", data=body, timeout=60).close()  # noqa: S310 - our own

    def _messages(self, ref: BatchRef) -> list[OutgoingMessage]:
        run = read_run(self.instance.store, ref.run)
        assert run.folder is not None
        frame = read_batch(self.instance.var_dir / run.folder, ref)
        return list(batch_to_send(ref, frame, run.validity_s).messages)

    def _client(self, account: Account) -> GatewayClient:
        settings = {**account.settings, "url": self.url}
        return make_client(account.kind, settings, account.credentials, concurrency=account.concurrency)


def _measure(n_messages: int, work: Callable[[], Any]) -> Measured:
    began, cpu = time.perf_counter(), time.process_time()
    work()
    took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    return Measured(n_messages / took_s, cpu_s * 1e6 / n_messages)


@contextmanager
def plain_simulator() -> Iterator[str]:
    """A simulator that takes and delivers everything at once, as a process of its own; its URL."""
    command = [sys.executable, "-m", "gateway_clients.simulator.server", "--port", "0", "--plain"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=8_000, help="one by one; in bulk ten times as many")
    parser.add_argument("--out", type=Path, default=CHECKOUT / "var" / "bench")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder, n = chosen.out / f"instance-{os.getpid()}", chosen.messages
    cases: dict[str, Callable[[Bench], Measured]] = {
        "one, bare": lambda bench: bench.bare(n_messages=n, bulk_size=1),
        "one, ledger": lambda bench: bench.with_ledger(n_messages=n, bulk_size=1),
        "bulk, bare": lambda bench: bench.bare(n_messages=10 * n, bulk_size=BULK),
        "bulk, ledger": lambda bench: bench.with_ledger(n_messages=10 * n, bulk_size=BULK),
    }
    rounds: dict[str, list[Measured]] = {name: [] for name in cases}
    loads = []
    try:
        with plain_simulator() as url, instance_in(folder) as instance:
            for _, name in itertools.product(range(chosen.rounds), cases):
                loads.append(os.getloadavg()[0])
                rounds[name].append(cases[name](Bench(instance, url)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _report(rounds, loads, chosen.out / "ledger.json")


def _report(rounds: dict[str, list[Measured]], loads: list[float], path: Path) -> int:
    speed = {name: round(statistics.median(m.msgs_per_s for m in found)) for name, found in rounds.items()}
    cpu = {
        name: round(statistics.median(m.cpu_ms_per_1k for m in found), 1) for name, found in rounds.items()
    }
    print(f"{'':14}{'msg/s':>9}{'CPU ms/1k':>12}   every round, msg/s")
    for name, found in rounds.items():
        each = " ".join(f"{m.msgs_per_s:,.0f}" for m in found)
        print(f"{name:14}{speed[name]:>9,}{cpu[name]:>12,.1f}   {each}")
    ratio = round(statistics.median(_ratios(rounds)), 3)
    is_one_fast = speed["one, ledger"] >= 3_000 or (ratio >= 0.8 and speed["one, bare"] >= 2_500)
    is_bulk_fast = speed["bulk, ledger"] >= 40_000
    load = f"{min(loads):.1f} to {max(loads):.1f}"
    print(f"one by one, with the ledger: {ratio} of bare (median of the rounds' ratios); load {load}")
    print(f"bars: one by one {_word(is_one_fast)}, bulk {_word(is_bulk_fast)}")
    content = {
        "http_one_msgs_per_s": speed["one, ledger"],
        "http_one_bare_msgs_per_s": speed["one, bare"],
        "http_bulk_msgs_per_s": speed["bulk, ledger"],
        "http_bulk_bare_msgs_per_s": speed["bulk, bare"],
        "http_one_of_bare": ratio,
        "cpu_ms_per_1k": cpu,
        "rounds": len(rounds["one, ledger"]),
        "cores": os.cpu_count(),
        "load": [min(loads), max(loads)],
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
    return 0 if is_one_fast and is_bulk_fast else 1


def _ratios(rounds: dict[str, list[Measured]]) -> list[float]:
    return [
        ledger.msgs_per_s / bare.msgs_per_s
        for ledger, bare in zip(rounds["one, ledger"], rounds["one, bare"], strict=True)
    ]


def _word(is_passed: bool) -> str:
    return "passed" if is_passed else "MISSED"


if __name__ == "__main__":
    raise SystemExit(main())
