"""One trial: a campaign in a fresh instance, whose senders are killed until so many have died, then left to finish."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import httpx
import sqlalchemy as sa

from data.instance import Instance
from data.runs import read_run
from engine.run_control import resume_run
from messaging.runs import RunState
from tests.chaos.arena import (
    freeze_a_run,
    instance_in,
    is_balanced,
    judge,
    n_undecided,
    received_by,
    set_account,
)
from tests.chaos.evidence import proven_phase
from tests.chaos.modes import Mode
from tests.chaos.nursery import CHECKOUT, Nursery, Victim
from tests.chaos.report import Report
from tests.chaos.victim import EXIT_BUSY, EXIT_DONE

MOST_STARTS = 80  # of one trial; each makes progress unless something is badly wrong
KILLED = -signal.SIGKILL
CUT_EVERY_S = (0.1, 0.5)
CUT = """
select pg_terminate_backend(pid)
from pg_stat_activity
where datname = current_database() and application_name <> 'judge'
order by random()
limit 1
"""

_opening = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the trials of one thread share."""

    nursery: Nursery
    simulator: str
    new_database: str | None  # the URL of a fresh PostgreSQL database, for a trial on one


class Trial:
    """One campaign under attack."""

    def __init__(
        self, mode: Mode, around: Surroundings, report: Report, rng: random.Random, *, flight: bool
    ) -> None:
        self._mode = mode
        self._around = around
        self._report = report
        self._rng = rng
        self._has_flight_record = flight
        self._kills = 0

    def play(self, n_kills: int) -> int:
        """Kill so many, as long as the messages last, then let it finish; how many died. The verdict is reported."""
        with _folder() as var_dir, ExitStack() as stack:
            with _opening:  # Alembic is not made for two threads
                instance = stack.enter_context(instance_in(var_dir, self._url_of_judge()))
            self._reset_simulator()
            set_account(instance, rate_mps=None, bulk_size=self._mode.bulk_size, concurrency=20)
            run = freeze_a_run(instance, n_messages=self._mode.n_messages, batch_size=self._mode.batch_size)
            try:
                with self._cutting(instance):
                    self._send(instance, run, n_kills)
                verdict = judge(instance, [run], self._around.simulator)
            except Exception:
                self._keep(var_dir, "the trial broke off")
                raise
            if not verdict.is_kept:
                self._keep(var_dir, "the promise was broken")
        self._report.add(self._mode.name, self._has_flight_record, self._kills, verdict)
        return self._kills

    def _send(self, instance: Instance, run: int, n_kills: int) -> None:
        for _ in range(MOST_STARTS):
            if not n_undecided(instance, run):
                return
            if (
                read_run(instance.store, run).state is RunState.STOPPED
            ):  # by its breaker: faults enough in a row
                resume_run(instance.store, run, by="chaos", now=time.time())
                self._report.count_break()
            n_doomed = min(self._mode.n_racing, n_kills - self._kills)
            # Of several that race, one is often left alive to take over from the dead.
            doomed = [
                i < n_doomed and (i == 0 or self._rng.random() < 0.5) for i in range(self._mode.n_racing)
            ]
            victims = [self._bear(instance, run, is_doomed=is_doomed) for is_doomed in doomed]
            if self._mode.has_sleepers:
                # Not the one that is to die: the messages may all be sent by the time it wakes.
                victims.append(self._put_to_sleep(victims[-1], instance, run))
            ends = [victim.wait() for victim in victims]
            for victim, end in zip(victims, ends, strict=True):
                if end == KILLED:
                    self._count_kill(victim, instance, run)
                elif end not in {EXIT_DONE, EXIT_BUSY} and not self._mode.on_postgres:
                    log = (instance.var_dir / "victims.log").read_text().splitlines()
                    raise RuntimeError(f"{self._mode.name}: a sender failed by itself: {log[-1:]}")
            if any(end != EXIT_DONE for end in ends):
                time.sleep(self._mode.lease_s / 3)  # less than a lease: the next ones may find it held

    def _bear(self, instance: Instance, run: int, *, is_doomed: bool) -> Victim:
        phase = self._report.next_phase(self._rng) if is_doomed else None
        return self._around.nursery.bear(
            var_dir=str(instance.var_dir),
            store_url=self._around.new_database,
            run=run,
            simulator=self._around.simulator,
            # The late half of a campaign must be killed too, so a victim may live through many passages first.
            die_in=phase,
            at=self._rng.choice((1, 2, 5, 12)),
            seed=self._rng.randrange(1 << 30),
            lease_s=self._mode.lease_s,
            flight_record=self._has_flight_record,
        )

    def _put_to_sleep(self, sleeper: Victim, instance: Instance, run: int) -> Victim:
        """Stop one for longer than its lease, let another take over, and wake it while that one sends."""
        time.sleep(self._rng.uniform(0.05, 0.3))
        sleeper.signal(signal.SIGSTOP)
        time.sleep(self._mode.lease_s * self._rng.uniform(1.2, 2.5))
        heir = self._bear(instance, run, is_doomed=False)
        time.sleep(self._rng.uniform(0.05, 0.3))
        sleeper.signal(signal.SIGCONT)
        self._report.count_stop()
        return heir

    def _count_kill(self, victim: Victim, instance: Instance, run: int) -> None:
        self._kills += 1
        received = set(received_by(self._around.simulator))
        self._report.count_kill(proven_phase(victim.order.words, instance, run, received))
        self._report.count_audit(is_balanced=is_balanced(instance, run))

    def _url_of_judge(self) -> str | None:
        """Whoever counts is spared by the cutter, which spares nobody else."""
        database = self._around.new_database
        return None if database is None else f"{database}&application_name=judge"

    def _reset_simulator(self) -> None:
        for path, content in (("reset", {}), ("settings", self._mode.settings)):
            answer = httpx.post(f"{self._around.simulator}/control/{path}", json=content, trust_env=False)
            answer.raise_for_status()

    @contextmanager
    def _cutting(self, instance: Instance) -> Iterator[None]:
        """On PostgreSQL: end connections of the store at random, ours too, while the senders are at it."""
        if not self._mode.on_postgres:
            with nullcontext():
                yield
            return
        is_over = threading.Event()
        cutter = threading.Thread(target=self._cut, args=(instance.store.url, is_over))
        cutter.start()
        try:
            yield
        finally:
            is_over.set()
            cutter.join()

    def _cut(self, store_url: str, is_over: threading.Event) -> None:
        rng = random.Random(self._rng.randrange(1 << 30))
        engine = sa.create_engine(store_url, isolation_level="AUTOCOMMIT")
        while not is_over.wait(rng.uniform(*CUT_EVERY_S)):
            with engine.connect() as connection:
                self._report.count_cuts(len(connection.execute(sa.text(CUT)).all()))
        engine.dispose()

    def _keep(self, var_dir: Path, why: str) -> None:
        kept = Path(tempfile.mkdtemp(prefix="tidings-chaos-failed-"))
        shutil.copytree(var_dir, kept, dirs_exist_ok=True)
        print(f"{self._mode.name}: {why}; all of it lies in {kept}", file=sys.stderr)


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tidings-chaos-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def simulator() -> Iterator[str]:
    """The URL of a simulated gateway in a process of its own."""
    command = [sys.executable, "-m", "gateway_clients.simulator.server", "--port", "0", "--plain"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().decode().strip()
        finally:
            process.terminate()
