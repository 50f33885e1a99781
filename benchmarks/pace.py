"""Whether an account's pace is kept over several processes, by the gateway's own log of arrivals.

    .venv/bin/python -m benchmarks.pace [--seconds 8]

Two processes with four batches at a time each share a run; the simulator notes when every request came. The average is
taken from the first arrival to the last but a tenth, when batches are still left for everybody; `worst` is the fullest
sliding second. Stall: the gateway answers nothing for two seconds. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.ledger import CHECKOUT, plain_simulator
from data.accounts import Account
from data.runs import read_run
from engine.sender.process import SendingProcess
from gateway_clients.base import GatewayClient
from gateway_clients.registry import make_client
from messaging.batches import BatchRef
from tests.chaos.arena import freeze_a_run, instance_in, is_balanced, set_account

THREADS = 4
CONCURRENCY = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One account's limit, and how its messages go out."""

    name: str
    rate_mps: float
    bulk_size: int = 1
    latency_ms: float = 5.0
    stalls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the gateway saw. Messages a second; worst_10_s is the fullest ten seconds, a tenth of it."""

    case: str
    rate_mps: float
    n_messages: int
    average: float
    worst: int
    worst_10_s: float
    largest_request: int

    @property
    def is_kept(self) -> bool:
        if self.largest_request > 1:
            return (
                self.worst <= self.rate_mps + self.largest_request
                and self.worst_10_s <= 1.05 * self.rate_mps + self.largest_request / 10
            )
        return self.worst <= (1.05 * self.rate_mps if self.rate_mps >= 100 else self.rate_mps + 1)

    @property
    def is_average_kept(self) -> bool:
        return abs(self.average / self.rate_mps - 1) <= 0.01


CASES = (
    Case(name="50/s", rate_mps=50),
    Case(name="300/s", rate_mps=300),
    Case(name="1000/s", rate_mps=1000),
    Case(name="300/s, stall", rate_mps=300, stalls=True),
    Case(name="300/s in bulk of 50", rate_mps=300, bulk_size=50),
    Case(name="1000/s in bulk of 500", rate_mps=1000, bulk_size=500),
)


def measure(case: Case, folder: Path, url: str, *, seconds: float, n_processes: int = 2) -> Kept:
    """Send for so many seconds through processes of their own, and read the gateway's log. The simulator is reset."""
    _tell(url, "reset", {})
    _tell(url, "settings", {"latency_ms": case.latency_ms, "magic_suffixes": False})
    n_messages = round(case.rate_mps * seconds)
    batch_size = max(case.bulk_size, round(n_messages / (3 * THREADS * n_processes)))
    with instance_in(folder) as instance:
        set_account(instance, rate_mps=case.rate_mps, bulk_size=case.bulk_size, concurrency=CONCURRENCY)
        run = freeze_a_run(instance, n_messages=n_messages, batch_size=batch_size)
        stall = threading.Thread(target=_stall, args=(url, case)) if case.stalls else None
        with ExitStack() as stack:
            senders = [
                stack.enter_context(
                    subprocess.Popen(_command(folder, run, url, i, n_processes), cwd=CHECKOUT)
                )
                for i in range(n_processes)
            ]
            if stall is not None:
                stall.start()
            for sender in senders:
                assert sender.wait() == 0
        if stall is not None:
            stall.join()
        assert is_balanced(instance, run)
    return judge(case, _arrivals(url))


def judge(case: Case, arrivals: Sequence[tuple[float, int]]) -> Kept:
    """arrivals: when, and of how many messages; in order."""
    n_messages = sum(n for _, n in arrivals)
    steady = list(_up_to(arrivals, 0.9 * n_messages))
    lasted_s = steady[-1][0] - steady[0][0]
    return Kept(
        case=case.name,
        rate_mps=case.rate_mps,
        n_messages=n_messages,
        average=round((sum(n for _, n in steady) - steady[-1][1]) / lasted_s, 1),
        worst=fullest(arrivals, 1.0),
        worst_10_s=fullest(arrivals, 10.0) / min(10.0, max(1.0, arrivals[-1][0] - arrivals[0][0])),
        largest_request=max(n for _, n in arrivals),
    )


def fullest(arrivals: Sequence[tuple[float, int]], window_s: float) -> int:
    """The most messages that came within any such time."""
    most = inside = first = 0
    for at, n in arrivals:
        inside += n
        while arrivals[first][0] <= at - window_s:
            inside -= arrivals[first][1]
            first += 1
        most = max(most, inside)
    return most


def _up_to(arrivals: Sequence[tuple[float, int]], n_messages: float) -> Iterator[tuple[float, int]]:
    seen = 0
    for at, n in arrivals:
        yield at, n
        seen += n
        if seen >= n_messages:
            return


def _stall(url: str, case: Case) -> None:
    """A second after the first message, and for a second, whoever asks gets its answer two seconds later."""
    while not _arrivals(url):
        time.sleep(0.1)
    time.sleep(1)
    _tell(url, "settings", {"latency_ms": 2_000})
    time.sleep(1)
    _tell(url, "settings", {"latency_ms": case.latency_ms})


def _arrivals(url: str) -> list[tuple[float, int]]:
    with urllib.request.urlopen(f"{url}/ledger/arrivals", timeout=60) as answer:  # noqa: S310 - our own address
        return [(at, n) for at, n, _status in json.load(answer)["arrivals"]]


def _tell(url: str, what: str, content: dict[str, Any]) -> None:
    body = json.dumps(content).encode()
    urllib.request.urlopen(f"{url}/control/{what}", data=body, timeout=60).close()  # noqa: S310 - our own address


def _command(folder: Path, run: int, url: str, index: int, of: int) -> list[str]:
    options = [f"--var={folder}", f"--run={run}", f"--url={url}", f"--index={index}", f"--of={of}"]
    return [sys.executable, "-m", "benchmarks.pace", "--send", *options]


def _send(folder: Path, run: int, url: str, *, index: int, of: int) -> None:
    """One of the processes: every of-th batch."""

    def client_for(account: Account) -> GatewayClient:
        settings = {**account.settings, "url": url}
        return make_client(account.kind, settings, account.credentials, concurrency=account.concurrency)

    with instance_in(folder) as instance:
        batches = range(index, read_run(instance.store, run).n_batches, of)
        sender = SendingProcess(
            instance.store, var_dir=folder, keys=instance.keys, drain_s=20, client_for=client_for
        )

        def submit(batch: int) -> None:
            tally = sender.submit_batch(BatchRef(run, batch), f"pace-{index}-{batch}")
            assert tally.accepted == tally.n_messages, tally.in_words()

        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(submit, batches))
        sender.close()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--send", action="store_true", help=argparse.SUPPRESS)
    for name, kind in (("var", Path), ("run", int), ("url", str), ("index", int), ("of", int)):
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.send:
        _send(chosen.var, chosen.run, chosen.url, index=chosen.index, of=chosen.of)
        return 0
    results = []
    print(f"{'':22}{'average':>9}{'worst second':>14}{'worst 10 s':>12}   load")
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder, plain_simulator() as url:
            kept = measure(case, Path(folder) / "var", url, seconds=chosen.seconds)
        load = os.getloadavg()[0]
        results.append({**asdict(kept), "is_kept": kept.is_kept, "load": round(load, 1)})
        average = f"{kept.average:.1f}" + ("" if kept.is_average_kept else " !")
        worst = f"{kept.worst}" + ("" if kept.is_kept else " !")
        print(f"{case.name:22}{average:>9}{worst:>14}{kept.worst_10_s:>12.1f}   {load:.1f}")
    print(json.dumps(results))
    return 0 if all(result["is_kept"] for result in results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
