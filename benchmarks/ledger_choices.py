"""What two choices of the ledger cost: the flight record, and PostgreSQL as the store.

    .venv/bin/python -m benchmarks.ledger_choices [--rounds 3] [--messages 8000]

Cases interleaved in one run, medians count. One by one and in bulk of 500, with and without a flight record, and with the
store on a PostgreSQL of our own (socket file, its defaults with fsync on) where its programs are installed. CPU is the
sender's alone: PostgreSQL's own stands beside it on the same cores, as the simulator's does.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.ledger import BULK, Bench, Measured, plain_simulator
from tests.chaos.arena import instance_in
from tests.throwaway_postgres import NoPostgres, throwaway_postgres

CHECKOUT = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=8_000, help="one by one; in bulk ten times as many")
    chosen = parser.parse_args()
    n = chosen.messages
    rounds: dict[str, list[Measured]] = {}
    loads = []
    # On the disk of the checkout: a temporary folder may lie in memory.
    (CHECKOUT / "var").mkdir(mode=0o700, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=CHECKOUT / "var"))
    try:
        with ExitStack() as stack:
            url = stack.enter_context(plain_simulator())
            benches = {"sqlite": Bench(stack.enter_context(instance_in(folder / "sqlite")), url)}
            try:
                database = stack.enter_context(throwaway_postgres(fsync=True)).new_database()
                opened = stack.enter_context(instance_in(folder / "postgresql", database))
                benches["postgresql"] = Bench(opened, url)
            except NoPostgres as why:
                print(f"nothing on PostgreSQL: {why}")
            for _, (name, case) in itertools.product(range(chosen.rounds), _cases(benches, n).items()):
                loads.append(os.getloadavg()[0])
                rounds.setdefault(name, []).append(case())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{'':36}{'msg/s':>9}{'CPU ms/1k':>12}   every round, CPU ms/1k")
    for name, found in rounds.items():
        speed = statistics.median(m.msgs_per_s for m in found)
        cpu = statistics.median(m.cpu_ms_per_1k for m in found)
        each = " ".join(f"{m.cpu_ms_per_1k:.1f}" for m in found)
        print(f"{name:36}{speed:>9,.0f}{cpu:>12,.1f}   {each}")
    print(f"load {min(loads):.1f} to {max(loads):.1f}")
    return 0


def _cases(benches: dict[str, Bench], n: int) -> dict[str, Callable[[], Measured]]:
    return {
        f"{way}, {store}, {'with' if flight else 'no'} flight record": _case(
            bench, n, bulk_size, flight=flight
        )
        for way, bulk_size in (("one by one", 1), ("bulk", BULK))
        for store, bench in benches.items()
        for flight in (True, False)
        if flight or store == "sqlite"
    }


def _case(bench: Bench, n: int, bulk_size: int, *, flight: bool) -> Callable[[], Measured]:
    n_messages = n if bulk_size == 1 else 10 * n
    return lambda: bench.with_ledger(n_messages=n_messages, bulk_size=bulk_size, keeps_flight_records=flight)


if __name__ == "__main__":
    raise SystemExit(main())
