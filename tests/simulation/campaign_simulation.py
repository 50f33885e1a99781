"""One whole campaign in virtual time, all of one seed: the real sender and the real ledger, and everything else played.

Workers crash at any await, sleep for longer than their lease, lose the word of their commits; the gateway throttles,
loses answers and reports twice; people opt out, pause, cancel and decide; clocks jump. After every commit the ledger
must add up and agree with the gateway's own memory: nobody twice, nobody lost, nobody hidden.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from engine.sender.core import send_batch
from engine.sender.lanes import Lanes, StopSign
from messaging.batches import BatchRef
from messaging.runs import RunState
from messaging.tally import BUSY, BatchTally
from tests.simulation.flights import SimulatedFlights, WorkerFlights
from tests.simulation.people import People
from tests.simulation.reconciler import reconcile
from tests.simulation.scenario import Scenario
from tests.simulation.simulated_gateway import Carrier, SimulatedClient
from tests.simulation.virtual_time import VirtualTimeLoop
from tests.simulation.workers import Worker, WorkerClock, WorkerLedger
from tests.simulation.world import World, world_of

LONGEST_S = 7200.0  # virtual
DRAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Simulated:
    """What happened under one seed."""

    seed: int
    trace: str
    counts: Counter[str]


class Simulation:
    """One campaign."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.carrier = Carrier(world)
        self.people = People(world)
        self.flights = SimulatedFlights()
        world.flights = self.flights if world.scenario.has_flight_records else None
        self.workers: list[Worker] = []
        self.lives: dict[str, asyncio.Task[None]] = {}
        self.stops: dict[str, StopSign] = {}
        self.unfinished = set(world.batches)  # as far as workers know; they do finished ones again, too

    async def play(self) -> None:
        scenario, world = self.world.scenario, self.world
        for _ in range(scenario.n_workers):
            self._hire()
        lives = [
            *self.people.lives(),
            self._now_and_then(scenario.crash_every_s, self._crash),
            self._now_and_then(scenario.sleep_every_s, self._put_to_sleep),
            self._now_and_then(scenario.drain_every_s, self._drain),
            self._now_and_then(scenario.sweep_every_s, world.sweep),
            self._reconciles(),
        ]
        flow = self._watched(self.people.flow())
        troubles = [self._watched(life) for life in lives]
        await self._until(scenario.chaos_s)
        for trouble in troubles:
            trouble.cancel()
        await asyncio.wait(troubles)
        self._become_calm()
        await self._finish()
        # A sleeper that wakes only now may say of messages in doubt that they were never sent: then they are sent.
        await asyncio.sleep(scenario.rules.lease_s * 4)
        await self._finish()
        if scenario.n_reconciles:
            await reconcile(Worker(world, "the last reconciler", self._trouble), self.carrier)
            await self._finish()
        flow.cancel()
        await self._run_everything_again()
        self._check_the_end()

    def _watched(self, life: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(life)
        task.add_done_callback(self._look_at)
        return task

    def _look_at(self, life: asyncio.Task[None]) -> None:
        if not life.cancelled() and life.exception() is not None:
            self.world.broken = self.world.broken or life.exception()

    async def _finish(self) -> None:
        if not await self._until(LONGEST_S):
            left = [str(self.world.books.of_batch(ref.batch)) for ref in self.world.batches]
            self.world.fail(f"not finished after {LONGEST_S:,.0f} s: {left}")

    async def _run_everything_again(self) -> None:
        """Only unsent messages may leave then, and there are none."""
        self.people.retry()
        n_taken = self.world.books.taken.total()
        worker = Worker(self.world, "the rerun", self._trouble)
        for ref in self.world.batches:
            client = SimulatedClient(worker, self.carrier)
            await self._send(worker, ref, "rerun", Lanes(2), client, StopSign())
        if self.world.books.taken.total() != n_taken:
            self.world.fail("a finished batch sent something")

    def _check_the_end(self) -> None:
        self.people.close()
        if self.world.broken is not None:
            raise self.world.broken
        if not self.world.run_state.is_over:
            self.world.fail(f"every message has its end, and the run is {self.world.run_state}")
        self.world.check_the_end()

    def _hire(self) -> None:
        world = self.world
        world.counts["workers"] += 1
        worker = Worker(world, f"worker {world.counts['workers']}", self._trouble)
        self.workers.append(worker)
        self.stops[worker.name] = StopSign()
        self.lives[worker.name] = self._watched(self._live(worker))

    async def _live(self, worker: Worker) -> None:
        """Two batches at a time, any that is unfinished, until the world ends."""
        lanes, client = Lanes(self.world.scenario.concurrency), SimulatedClient(worker, self.carrier)
        draw = random.Random(self.world.random.random())
        threads = [
            asyncio.ensure_future(self._thread(worker, number, lanes, client, draw)) for number in range(2)
        ]
        try:
            await asyncio.wait(threads, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for one in threads:
                one.cancel()
        for one in threads:
            if one.done() and not one.cancelled():
                one.result()

    async def _thread(
        self, worker: Worker, number: int, lanes: Lanes, client: SimulatedClient, draw: random.Random
    ) -> None:
        world, stop = self.world, self.stops[worker.name]
        for attempt in range(10_000):
            await worker.pass_time(draw.uniform(0.01, 4) if self.unfinished else draw.uniform(5, 20))
            if stop.is_set:
                return
            candidates = world.batches if draw.random() < 0.1 else self.unfinished or world.batches
            ref = draw.choice(sorted(candidates))
            tally = await self._send(worker, ref, f"{worker.name}-{number}-{attempt}", lanes, client, stop)
            world.counts[f"ended {tally.ended}"] += 1
            self._look_at_tally(ref, tally)
            if tally.ended == BUSY or world.run_state is not RunState.SENDING:
                await worker.pass_time(draw.uniform(0.2, 1) * world.scenario.rules.lease_s)

    async def _send(
        self, worker: Worker, ref: BatchRef, owner: str, lanes: Lanes, client: SimulatedClient, stop: StopSign
    ) -> BatchTally:
        return await send_batch(
            self.world.batches[ref],
            owner,
            ledger=WorkerLedger(worker),
            gateway=client,
            lanes=lanes,
            clock=WorkerClock(worker),
            random=self.world.random,
            stop=stop,
            rules=self.world.scenario.rules,
            flights=WorkerFlights(worker, self.flights),
        )

    def _look_at_tally(self, ref: BatchRef, tally: BatchTally) -> None:
        if not tally.needs_attention and not tally.in_flight:
            self.unfinished.discard(ref)
        else:
            self.unfinished.add(ref)  # again, when a sleeper woke with news

    async def _reconciles(self) -> None:
        """By processes of their own, that crash and sleep like others."""
        scenario, world = self.world.scenario, self.world
        for number in range(scenario.n_reconciles):
            await asyncio.sleep(
                scenario.chaos_s / (scenario.n_reconciles + 1) * world.random.uniform(0.2, 1.8)
            )
            worker = Worker(world, f"reconciler {number}", self._trouble)
            self.workers.append(worker)
            self.lives[worker.name] = self._watched(reconcile(worker, self.carrier))
            self.stops[worker.name] = StopSign()
            world.counts["reconciles"] += 1

    # Trouble

    async def _now_and_then(self, every_s: float, trouble: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(every_s * self.world.random.uniform(0.2, 1.8))
            trouble()

    def _alive(self) -> list[Worker]:
        return [
            worker for worker in self.workers if not worker.is_dead and not self.lives[worker.name].done()
        ]

    def _trouble(self, worker: Worker) -> None:
        if self.world.random.random() < 0.5:
            self._kill(worker)
            self._hire()
        else:
            self._stop_for_a_while(worker)

    def _crash(self) -> None:
        victims = self._alive()
        if victims:
            self._kill(self.world.random.choice(victims))
        self._hire()

    def _kill(self, victim: Worker) -> None:
        victim.is_dead = True  # before its tasks learn of it: their clean-ups reach nothing any more
        if self.world.flights is not None:
            self.world.leases.dead.add(victim.name)
        self.lives[victim.name].cancel()
        self.world.counts["crashes"] += 1
        self.world.note(f"{victim.name} crashes")

    def _put_to_sleep(self) -> None:
        victims = self._alive()
        if victims:
            self._stop_for_a_while(self.world.random.choice(victims))

    def _stop_for_a_while(self, victim: Worker) -> None:
        lease_s = self.world.scenario.rules.lease_s
        victim.asleep_until_s = self.world.now_s + lease_s * self.world.random.uniform(0.5, 3)
        self.world.counts["sleeps"] += 1
        self.world.note(f"{victim.name} sleeps until {victim.asleep_until_s}")

    def _drain(self) -> None:
        victims = self._alive()
        if victims:
            victim = self.world.random.choice(victims)
            self.stops[victim.name].set(self.world.now_s + DRAIN_S)
            self.world.counts["drains"] += 1
            self.world.note(f"{victim.name} is told to end")
        self._hire()

    def _become_calm(self) -> None:
        """Nothing goes wrong any more; what went wrong is still there."""
        self.world.note("calm")
        self.world.is_calm = True
        self.people.calm()
        self._hire()

    async def _until(self, latest_s: float) -> bool:
        """Until every message has its end, the last receipt too; False: it has not by then."""
        while self.world.now_s < latest_s:
            await asyncio.sleep(1)
            if self.world.broken is not None:
                raise self.world.broken
            if not self.world.books.n_open and not self.carrier.n_receipts_due:
                return True
            if self.world.is_calm:
                self.world.sweep()
                self.people.retry()
        return False


def simulate(seed: int, history: Callable[[str], None] | None = None) -> Simulated:
    """Play one campaign to its end. Raises PromiseBroken, or whatever the code under test raised.

    history: is told every line of what happens.
    """
    loop = VirtualTimeLoop()
    asyncio.set_event_loop(loop)
    try:
        with world_of(Scenario.of(seed), loop) as world:
            world.history = history
            loop.run_until_complete(Simulation(world).play())
            _forget_the_dead(loop)
            return Simulated(seed, world.trace, world.counts)
    finally:
        _forget_the_dead(loop)
        asyncio.set_event_loop(None)
        loop.close()


def _forget_the_dead(loop: asyncio.AbstractEventLoop) -> None:
    """End the tasks that wait for ever, or that only the end of the world stops."""
    for _ in range(100):
        tasks = [task for task in asyncio.all_tasks(loop) if not task.done()]
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.wait(tasks, timeout=0.001))
