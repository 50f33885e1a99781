"""`make simulate SEEDS=1000`, or `python -m tests.simulation --first 17 --seeds 1 --history` to see one campaign."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time

from tests.simulation.campaign_simulation import simulate
from tests.simulation.many import Played, play_many, replay_command

PROGRESS_EVERY_S = 30.0
MOST_FAILURES = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many campaigns")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="as many as there are cores"
    )
    parser.add_argument(
        "--history", action="store_true", help="print every line of what happens, in this process"
    )
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    if arguments.history:
        for seed in seeds:
            simulate(seed, print)
        return 0
    return _play(seeds, arguments.processes)


def _play(seeds: range, n_processes: int) -> int:
    began_s = told_s = time.monotonic()
    played = Played()
    try:
        for chunk in play_many(seeds, n_processes=n_processes):
            played += chunk
            for seed, error in chunk.failures:
                print(f"seed {seed}: {error}\n  again: {replay_command(seed)}", flush=True)
            if time.monotonic() - told_s > PROGRESS_EVERY_S:
                told_s = time.monotonic()
                print(_progress(played, len(seeds), told_s - began_s), file=sys.stderr, flush=True)
            if len(played.failures) >= MOST_FAILURES:
                print(f"{MOST_FAILURES} seeds have failed: that will do")
                break
    except KeyboardInterrupt:
        print("interrupted; so far:")
    print(", ".join(f"{n:,} {what}" for what, n in sorted(played.counts.items())))
    print(
        f"{_progress(played, len(seeds), time.monotonic() - began_s)}, fingerprint {played.fingerprint:016x}"
    )
    if not played.failures and played.n == len(seeds):
        print("all promises kept")
    return 1 if played.failures or played.n < len(seeds) else 0


def _progress(played: Played, n_seeds: int, seconds: float) -> str:
    failed = f", {len(played.failures)} failed" if played.failures else ""
    return (
        f"{played.n:,} of {n_seeds:,} campaigns in {seconds:,.0f} s{failed}: {60 * played.n / seconds:,.0f} a minute, "
        f"{60 * played.n / played.cpu_s:,.0f} a minute of one core, {played.peak_mb:.0f} MB, load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    sys.exit(main())
