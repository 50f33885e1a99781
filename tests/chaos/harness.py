"""Kill the sender at every instant of a message's life, start it again, and count: `make chaos`.

    python -m tests.chaos.harness [--kills 200] [--json var/chaos.json]

Each trial is one campaign in a fresh instance. Its senders are killed again and again, and after every death the audit
must balance. Nobody twice, nobody lost, nobody hidden. One kill of five is under a real Prefect server.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.modes import MODES, Mode
from tests.chaos.nursery import CHECKOUT, Nursery, nursery
from tests.chaos.prefect_trial import kill_under_prefect
from tests.chaos.report import Report
from tests.chaos.trials import Surroundings, Trial, simulator
from tests.throwaway_postgres import NoPostgres, ThrowawayPostgres, throwaway_postgres

FULL = 200
LEAST_WITH_PREFECT = 20  # for fewer kills a server is not worth its start
AT_ONCE = 2  # trials side by side
MOST_TRIALS = 12  # of one mode before its kills are given up


class Arena:
    """Where trials are played side by side."""

    def __init__(
        self, children: Nursery, postgres: ThrowawayPostgres | None, report: Report, *, give_up_at_s: float
    ) -> None:
        self._nursery = children
        self._postgres = postgres
        self._report = report
        self._give_up_at_s = give_up_at_s

    def play(self, mode: Mode, n_kills: int, *, flight: bool, seed: int) -> None:
        """Trials of one mode until so many have died."""
        rng = random.Random(seed)
        with simulator() as url:
            for _ in range(MOST_TRIALS):
                if n_kills <= 0 or time.monotonic() > self._give_up_at_s:
                    return
                database = self._postgres.new_database() if mode.on_postgres and self._postgres else None
                around = Surroundings(nursery=self._nursery, simulator=url, new_database=database)
                n_kills -= Trial(mode, around, self._report, rng, flight=flight).play(n_kills)


def shares(n_kills: int, modes: list[Mode]) -> list[tuple[Mode, bool, int]]:
    """(mode, with flight record, kills), spread evenly; every mode has its turn before one comes again."""
    turns = [(mode, (i + turn) % 2 == 0) for turn in range(2) for i, mode in enumerate(modes)]
    cells = turns[: max(1, n_kills)]
    each, left = divmod(n_kills, len(cells))
    return [(mode, flight, each + (i < left)) for i, (mode, flight) in enumerate(cells)]


def kill_senders(n_kills: int, report: Report, *, seed: int, give_up_at_s: float) -> None:
    """Kills of a process that runs the real task body, without Prefect."""
    with ExitStack() as stack:
        try:
            postgres = stack.enter_context(throwaway_postgres())
        except NoPostgres as why:
            postgres = None
            print(f"nothing on PostgreSQL: {why}", file=sys.stderr)
        arena = Arena(stack.enter_context(nursery()), postgres, report, give_up_at_s=give_up_at_s)
        modes = [mode for mode in MODES if postgres is not None or not mode.on_postgres]
        threads = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        playing = [
            threads.submit(arena.play, mode, n, flight=flight, seed=seed * 1000 + i)
            for i, (mode, flight, n) in enumerate(shares(n_kills, modes))
        ]
        for trial in playing:
            trial.result()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=FULL)
    parser.add_argument("--seconds", type=float, default=420, help="no trial begins later")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=CHECKOUT / "var" / "chaos.json")
    asked = parser.parse_args()
    began_s = time.monotonic()
    report = Report()
    n_under_prefect = asked.kills // 5 if asked.kills >= LEAST_WITH_PREFECT else 0
    give_up_at_s = began_s + asked.seconds
    with ThreadPoolExecutor(1) as beside:  # it mostly waits for processes to start
        under_prefect = beside.submit(
            kill_under_prefect, n_under_prefect, report, seed=asked.seed, give_up_at_s=give_up_at_s
        )
        kill_senders(asked.kills - n_under_prefect, report, seed=asked.seed, give_up_at_s=give_up_at_s)
        under_prefect.result()
    found = {**report.as_json(), "seconds": round(time.monotonic() - began_s, 1)}
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps(found, indent=2) + "\n")
    print(report.table())
    print(json.dumps({name: value for name, value in found.items() if name != "modes"}, indent=2))
    least = 15 if asked.kills >= FULL else max(1, asked.kills // 20)
    failures = report.failures(n_kills=asked.kills, least_per_phase=least)
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
