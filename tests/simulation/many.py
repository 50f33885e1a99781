"""Many campaigns, in as many processes as there are cores; each seed plays the same, wherever it is played."""

from __future__ import annotations

import logging
import multiprocessing
import resource
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from tests.simulation.campaign_simulation import simulate

CHUNK = 10


@dataclass(slots=True)
class Played:
    """What came of some seeds. failures: seed and what broke."""

    n: int = 0
    fingerprint: int = 0  # of all traces, in any order
    cpu_s: float = 0.0
    peak_mb: float = 0.0  # of the largest process
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str]] = field(default_factory=list)

    def __iadd__(self, other: Played) -> Self:
        self.n += other.n
        self.fingerprint ^= other.fingerprint
        self.cpu_s += other.cpu_s
        self.peak_mb = max(self.peak_mb, other.peak_mb)
        self.counts.update(other.counts)
        self.failures += other.failures
        return self


def play_many(seeds: range, *, n_processes: int) -> Iterator[Played]:
    """Play them all, and tell of every chunk as it ends; failing seeds stop nothing."""
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    if n_processes <= 1 or len(chunks) <= 1:
        yield from map(_play, chunks)
        return
    # Not forked: other libraries keep threads.
    pool = multiprocessing.get_context("spawn").Pool(min(n_processes, len(chunks)), _begin)
    with pool:
        yield from pool.imap_unordered(_play, chunks)


def replay_command(seed: int) -> str:
    """What plays one seed again and tells every line of its history."""
    return f".venv/bin/python -m tests.simulation --first {seed} --seeds 1 --history"


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    logging.disable(logging.CRITICAL)


def _play(seeds: range) -> Played:
    played, began_s = Played(), time.process_time()
    for seed in seeds:
        played.n += 1
        try:
            simulated = simulate(seed)
        except Exception as error:  # noqa: BLE001 - whatever it is, the seed is what a person needs
            played.failures.append((seed, f"{type(error).__name__}: {error}"))
        else:
            played.counts.update(simulated.counts)
            played.fingerprint ^= int(simulated.trace, 16)
    played.cpu_s = time.process_time() - began_s
    played.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return played
