"""Kills under a real Prefect server: of flow processes, their process groups, the worker, and all of them at once.

Three runs are sent side by side by deployed flows, one as a whole campaign and two as lone parts. After each round of
kills the operator clicks Retry. Then all of it is left to finish, and is judged like every other trial.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import httpx
import sqlalchemy as sa

from data.instance import Instance
from tests.chaos.arena import (
    freeze_a_run,
    instance_in,
    is_balanced,
    judge,
    n_undecided,
    set_account,
)
from tests.chaos.prefect_system import PrefectSystem, prefect_system
from tests.chaos.report import UNDER_PREFECT, Report
from tests.chaos.trials import simulator

N_LONE_PARTS = 2
N_MESSAGES, BATCH_SIZE = 1_500, 50
RATE_MPS = 45.0  # slow enough that kills find something on its way
PROGRESS_PATIENCE_S = 90.0
END_PATIENCE_S = 150.0
CAMPAIGN = """
[audience]
file = "people.csv"
[message]
text = "Hi {{ first_name }}"
[run]
batch_size = 50
"""


class PrefectTrial:
    """Some runs under attack on one running system."""

    def __init__(
        self,
        system: PrefectSystem,
        instance: Instance,
        report: Report,
        rng: random.Random,
        simulator_url: str,
    ) -> None:
        self._system = system
        self._instance = instance
        self._report = report
        self._rng = rng
        self._simulator = simulator_url
        self._kills: Counter[str] = Counter()

    def play(self, n_kills: int, folder: Path, *, give_up_at_s: float) -> None:
        self._start(folder)
        while self._kills.total() < n_kills and time.monotonic() < give_up_at_s:
            if not self._wait_for_progress():
                break
            self._kill_some(n_kills - self._kills.total())
            for run in self._runs():
                self._report.count_audit(is_balanced=is_balanced(self._instance, run))
        set_account(self._instance, rate_mps=None, bulk_size=1, concurrency=20)
        self._finish()
        self._report.count_under_prefect(self._kills)
        verdict = judge(self._instance, self._runs(), self._simulator)
        self._report.add(UNDER_PREFECT, True, self._kills.total(), verdict)

    def _start(self, folder: Path) -> None:
        set_account(self._instance, rate_mps=RATE_MPS, bulk_size=1, concurrency=20)
        people = "\n".join(f"+{447_400_100_000 + n},Ann" for n in range(N_MESSAGES))
        (folder / "people.csv").write_text(f"mobile,first_name\n{people}\n")
        campaign = folder / "chaos-campaign.toml"
        campaign.write_text(CAMPAIGN)
        self._system.server.create_flow_run("send-campaign/house", {"params": {"campaign": str(campaign)}})
        for _ in range(N_LONE_PARTS):
            run = freeze_a_run(self._instance, n_messages=N_MESSAGES, batch_size=BATCH_SIZE)
            self._system.server.create_flow_run("send-part/house", {"run": run, "part": 0})

    def _runs(self) -> list[int]:
        """Those that are frozen: what a planning that was killed left has no messages yet."""
        with self._instance.store.read.connect() as connection:
            query = "select run from runs where frozen_at is not null order by run"
            return list(connection.execute(sa.text(query)).scalars())

    def _wait_for_progress(self) -> bool:
        """Retry until all runs but one have claimed something since. False: nothing moves any more."""
        give_up_at_s = time.monotonic() + PROGRESS_PATIENCE_S
        before, n_wanted = self._n_claims(), len(self._unfinished())
        while time.monotonic() < give_up_at_s:
            n_moved = sum(n > before.get(run, 0) for run, n in self._n_claims().items())
            if n_wanted and n_moved >= n_wanted - 1 and self._system.living():
                return True
            self._go_on()
            time.sleep(0.5)
        return bool(self._system.living())

    def _n_claims(self) -> dict[int, int]:
        with self._instance.store.read.connect() as connection:
            query = "select run, sum(n_claims) from batches group by run"
            return {run: int(n) for run, n in connection.execute(sa.text(query))}

    def _unfinished(self) -> list[int]:
        return [run for run in self._runs() if n_undecided(self._instance, run)]

    def _kill_some(self, most: int) -> None:
        """Mostly processes of flows, each by itself; now and then the worker, or everything that a worker started."""
        kind = self._rng.choices(("flow", "group", "worker", "all"), (4, 4, 2, 2))[0]
        worker, living = self._system.worker(), self._system.living()
        if kind in {"worker", "all"} and worker is not None:
            _kill(worker)
            for pid in living.values() if kind == "all" else ():
                _kill_group(pid)
            self._kills[kind] += 1
            return
        for pid in list(living.values())[:most]:
            time.sleep(self._rng.uniform(0, 0.4))
            if _kill_group(pid) if kind == "group" else _kill(pid):
                self._kills[kind if kind in {"flow", "group"} else "flow"] += 1

    def _go_on(self) -> None:
        """The dead are told to Prefect, and what did not complete is retried. Who still drains is left to it."""
        self._system.bury()
        self._system.retry()

    def _finish(self) -> None:
        give_up_at_s = time.monotonic() + END_PATIENCE_S
        while time.monotonic() < give_up_at_s:
            if not self._unfinished() and not self._system.living():
                return
            self._go_on()
            time.sleep(2.0)
        left = {run: n_undecided(self._instance, run) for run in self._unfinished()}
        runs = [(run.flow, run.state, round(run.age_s)) for run in self._system.flow_runs()]
        print(f"under Prefect: not finished in time: {left}; {runs}", file=sys.stderr)


def _kill(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


def _kill_group(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.killpg(os.getpgid(pid), signal.SIGKILL)
        return True
    return False


def kill_under_prefect(n_kills: int, report: Report, *, seed: int, give_up_at_s: float) -> None:
    """So many kills of a worker, a flow's process or its group. Raises WouldNotStart."""
    if n_kills <= 0:
        return
    with (
        tempfile.TemporaryDirectory(prefix="tidings-chaos-", ignore_cleanup_errors=True) as folder,
        simulator() as url,
    ):
        httpx.post(f"{url}/control/settings", json={"latency_ms": 20}, trust_env=False).raise_for_status()
        var_dir = Path(folder) / "var"
        with prefect_system(var_dir, url) as system, instance_in(var_dir) as instance:
            trial = PrefectTrial(system, instance, report, random.Random(seed), url)
            trial.play(n_kills, Path(folder), give_up_at_s=give_up_at_s)
