"""Whoever steers a run from outside: people who pause, cancel, opt out and decide, the flow, the breaker, the clocks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

from data.ledger.deciding import Decision
from data.runs import move_run, read_run
from data.suppressions import purpose_scope
from engine.closing import close_again, close_run, reopen_run
from engine.resolving import resolve_run
from engine.run_control import cancel_run, pause_run, resume_run, stop_leftovers
from messaging.runs import RunState
from tests.simulation.books import UNSENT
from tests.simulation.memory_store import ACCOUNT, RUN
from tests.simulation.planned import SENDER_ID
from tests.simulation.scenario import NEVER
from tests.simulation.world import World

FLOW_LOOKS_EVERY_S = 5.0
OPEN_ENDS = {RunState.FINISHED_WITH_UNSENT, RunState.FINISHED_WITH_UNCONFIRMED}


class People:
    """Each method but `calm` is a life of its own, to be cancelled when the trouble ends."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def _draw(self) -> random.Random:
        return self._world.random

    def lives(self) -> list[Coroutine[Any, Any, None]]:
        scenario = self._world.scenario
        return [
            self._at_random_times(scenario.n_stops, self._opt_out),
            self._at_random_times(scenario.n_clock_jumps, self._jump),
            self._at_random_times(scenario.n_retries, self.retry),
            self._at_random_times(scenario.n_decisions, self._decide),
            self._pauses(),
            self._breaks(),
            self._cancels(),
        ]

    async def flow(self) -> None:
        """What the campaign's own flow does meanwhile: gives the run its end as soon as it has one."""
        n_commits = -1
        while True:
            await asyncio.sleep(FLOW_LOOKS_EVERY_S)
            books, counts = self._world.books, self._world.counts
            is_over = books.n_open == books.n_with(UNSENT)
            if n_commits != counts["commits"] and (is_over or self._draw.random() < 0.1):
                self.close()
            n_commits = counts["commits"]
            if is_over and books.n_open and self._draw.random() < 0.3:
                self.retry()
            if self._world.run_state is RunState.STOPPED and self._draw.random() < 0.5:
                self._world.steer(resume_run, by="Ann")

    def close(self) -> None:
        if self._world.run_state is RunState.CANCELLED:
            self._world.steer(stop_leftovers)
        else:
            self._world.steer(close_run)
            self._world.steer(close_again)

    def retry(self) -> None:
        """Somebody presses Retry, if the run has ended with something open."""
        if self._world.run_state not in OPEN_ENDS:
            return
        run = read_run(self._world.memory.store, RUN)
        reopen_run(self._world.memory.store, run, now=self._world.wall_clock())
        self._world.note(f"Retry of a run that was {run.state}")

    def calm(self) -> None:
        """Nothing stays stopped."""
        if self._world.run_state in {RunState.PAUSED, RunState.STOPPED}:
            self._world.steer(resume_run, by="Ann")
        self.retry()

    async def _at_random_times(self, n: int, trouble: Any) -> None:
        for _ in range(n):
            await asyncio.sleep(self._world.scenario.chaos_s / (n + 1) * self._draw.uniform(0.2, 1.8))
            trouble()

    async def _pauses(self) -> None:
        for _ in range(self._world.scenario.n_pauses):
            await asyncio.sleep(self._draw.uniform(0.5, 10))
            self._world.steer(pause_run, by="Ann")
            await asyncio.sleep(self._draw.uniform(0.5, 10))
            self._world.steer(resume_run, by="Ann")

    async def _breaks(self) -> None:
        for _ in range(self._world.scenario.n_breaks):
            await asyncio.sleep(self._draw.uniform(0.5, 30))
            self._world.steer(_break)
            await asyncio.sleep(self._draw.uniform(0.5, 10))
            self._world.steer(resume_run, by="Ann")

    async def _cancels(self) -> None:
        if self._world.scenario.cancel_after_s < NEVER:
            await asyncio.sleep(self._world.scenario.cancel_after_s)
            self._world.steer(cancel_run, by="Ann")

    def _decide(self) -> None:
        decision = self._draw.choice((Decision.SEND_AGAIN, Decision.SEND_AGAIN, Decision.ASSUMED_SENT))
        rules = self._world.scenario.rules
        changes = self._world.steer(resolve_run, decision, by="Ann", why="they asked", rules=rules)
        self._world.counts[decision.value] += len(changes or ())

    def _opt_out(self) -> None:
        ref = self._draw.choice(sorted(self._world.batches))
        recipients = self._world.batches[ref].recipients
        row = self._draw.randrange(len(recipients.person_keys))
        sender_ids = [SENDER_ID] if recipients.sender_ids[row] else []
        scopes = ["", ACCOUNT, purpose_scope("marketing"), *sender_ids]
        self._world.opt_out(str(recipients.person_keys[row]), self._draw.choice(scopes))
        self._world.counts["opt-outs"] += 1

    def _jump(self) -> None:
        self._world.clock_offset_s += self._draw.choice((-100.0, -1.0, 1.0, 100.0, 7200.0))
        self._world.claims.jump(self._world.now_s)
        self._world.counts["clock jumps"] += 1
        self._world.note(f"the clock is {self._world.clock_offset_s} s ahead")
        if self._draw.random() < 0.5:  # the worst instant for it: whoever lives looks dead
            self._world.sweep()
            self._decide()


def _break(store: Any, run: int, *, now: float) -> bool:
    """The breaker of a run's guards."""
    return move_run(store, run, RunState.STOPPED, reason="too many failures", now=now)
