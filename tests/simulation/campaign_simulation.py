"""Whole campaigns in virtual time, all of one seed: `make simulate SEEDS=1000`, or this file with --seeds and --first.

Workers crash at any await, sleep for longer than their lease, lose the word of their commits; the gateway throttles,
loses answers and reports twice; people opt out, pause and resume; clocks jump. After every commit the ledger must
add up, and at the end the gateway's own memory must agree with it: nobody twice, nobody lost, nobody hidden.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass

from engine.sender.core import send_batch
from engine.sender.lanes import Lanes, StopSign
from messaging.batches import BatchRef
from messaging.outcomes import OutcomeStatus
from messaging.runs import RunState
from messaging.tally import BUSY, BatchTally
from tests.simulation.simulated_gateway import Carrier, SimulatedClient
from tests.simulation.virtual_time import VirtualTimeLoop
from tests.simulation.world import Scenario, Worker, WorkerClock, WorkerLedger, World, world_of

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
        self.workers: list[Worker] = []
        self.lives: dict[str, asyncio.Task[None]] = {}
        self.stops: dict[str, StopSign] = {}
        self.unfinished = set(world.batches)  # as far as workers know; they do finished ones again, too

    async def play(self) -> None:
        scenario, world = self.world.scenario, self.world
        for _ in range(scenario.n_workers):
            self._hire()
        troubles = [
            asyncio.ensure_future(trouble)
            for trouble in (
                self._now_and_then(scenario.crash_every_s, self._crash),
                self._now_and_then(scenario.sleep_every_s, self._put_to_sleep),
                self._now_and_then(scenario.drain_every_s, self._drain),
                self._now_and_then(7.0, world.sweep),
                self._at_random_times(scenario.n_stops, self._opt_out),
                self._at_random_times(scenario.n_clock_jumps, self._jump),
                self._pauses(),
            )
        ]
        await self._until(scenario.chaos_s)
        for trouble in troubles:
            trouble.cancel()
        await asyncio.wait(troubles)
        self._become_calm()
        await self._finish()
        # A sleeper that wakes only now may say of messages in doubt that they were never sent: then they are sent.
        await asyncio.sleep(scenario.rules.lease_s * 4)
        await self._finish()
        await self._run_everything_again()
        self._check_the_end()

    async def _finish(self) -> None:
        if not await self._until(LONGEST_S):
            left = [self.world.tally(ref).in_words() for ref in self.world.batches]
            self.world.fail(f"not finished after {LONGEST_S:,.0f} s: {left}")

    async def _run_everything_again(self) -> None:
        """Only unsent messages may leave then, and there are none."""
        n_taken = self.carrier.taken.total()
        worker = Worker(self.world, "the rerun", self._trouble)
        for ref in self.world.batches:
            await self._send(
                worker, ref, "rerun", Lanes(2), SimulatedClient(worker, self.carrier), StopSign()
            )
        if self.carrier.taken.total() != n_taken:
            self.world.fail("a finished batch sent something")

    def _hire(self) -> None:
        world = self.world
        world.counts["workers"] += 1
        worker = Worker(world, f"worker {world.counts['workers']}", self._trouble)
        self.workers.append(worker)
        self.stops[worker.name] = StopSign()
        self.lives[worker.name] = asyncio.ensure_future(self._live(worker))
        self.lives[worker.name].add_done_callback(self._look_at)

    def _look_at(self, life: asyncio.Task[None]) -> None:
        if not life.cancelled() and life.exception() is not None:
            self.world.broken = self.world.broken or life.exception()

    async def _live(self, worker: Worker) -> None:
        """Two batches at a time, any that is unfinished, until the world ends."""
        world = self.world
        lanes, client = Lanes(world.scenario.concurrency), SimulatedClient(worker, self.carrier)
        draw = random.Random(world.random.random())

        async def thread(number: int) -> None:
            for attempt in range(10_000):
                await worker.pass_time(draw.uniform(0.01, 4) if self.unfinished else draw.uniform(5, 20))
                if self.stops[worker.name].is_set:
                    return
                candidates = world.batches if draw.random() < 0.1 else self.unfinished or world.batches
                ref = draw.choice(sorted(candidates))
                owner = f"{worker.name}-{number}-{attempt}"
                tally = await self._send(worker, ref, owner, lanes, client, self.stops[worker.name])
                world.counts[f"ended {tally.ended}"] += 1
                self._look_at_tally(ref, tally)
                if tally.ended == BUSY:
                    await worker.pass_time(draw.uniform(0.5, world.scenario.rules.lease_s))

        threads = [asyncio.ensure_future(thread(number)) for number in range(2)]
        try:
            await asyncio.wait(threads, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for one in threads:
                one.cancel()
        for one in threads:
            if one.done() and not one.cancelled():
                one.result()

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
        )

    def _look_at_tally(self, ref: BatchRef, tally: BatchTally) -> None:
        if not tally.needs_attention and not tally.in_flight:
            self.unfinished.discard(ref)
        else:
            self.unfinished.add(ref)  # again, when a sleeper woke with news

    async def _now_and_then(self, every_s: float, trouble: object) -> None:
        while True:
            await asyncio.sleep(every_s * self.world.random.uniform(0.2, 1.8))
            trouble()  # type: ignore[operator]

    async def _at_random_times(self, n: int, trouble: object) -> None:
        for _ in range(n):
            await asyncio.sleep(self.world.scenario.chaos_s / (n + 1) * self.world.random.uniform(0.2, 1.8))
            trouble()  # type: ignore[operator]

    async def _pauses(self) -> None:
        for _ in range(self.world.scenario.n_pauses):
            await asyncio.sleep(self.world.random.uniform(0.5, 10))
            self.world.move_run(RunState.PAUSED)
            self.world.counts["pauses"] += 1
            await asyncio.sleep(self.world.random.uniform(0.5, 10))
            self.world.move_run(RunState.SENDING)

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
        self.lives[victim.name].cancel()
        self.world.counts["crashes"] += 1

    def _put_to_sleep(self) -> None:
        victims = self._alive()
        if victims:
            self._stop_for_a_while(self.world.random.choice(victims))

    def _stop_for_a_while(self, victim: Worker) -> None:
        lease_s = self.world.scenario.rules.lease_s
        victim.asleep_until_s = self.world.now_s + lease_s * self.world.random.uniform(0.5, 3)
        self.world.counts["sleeps"] += 1

    def _drain(self) -> None:
        victims = self._alive()
        if victims:
            self.stops[self.world.random.choice(victims).name].set(self.world.now_s + DRAIN_S)
            self.world.counts["drains"] += 1
        self._hire()

    def _opt_out(self) -> None:
        ref = self.world.random.choice(sorted(self.world.batches))
        self.world.opt_out(self.world.random.choice(self.world.batches[ref].recipients.person_keys))
        self.world.counts["opt-outs"] += 1

    def _jump(self) -> None:
        self.world.clock_offset_s += self.world.random.choice((-100.0, -1.0, 1.0, 100.0, 7200.0))
        self.world.counts["clock jumps"] += 1

    def _become_calm(self) -> None:
        """Nothing goes wrong any more; what went wrong is still there."""
        self.world.is_calm = True
        if self.world.run_state is not RunState.SENDING:
            self.world.move_run(RunState.SENDING)
        self._hire()

    async def _until(self, latest_s: float) -> bool:
        """Until every message has its end, the last receipt too; False: it has not by then."""
        while self.world.now_s < latest_s:
            await asyncio.sleep(1)
            if self.world.broken is not None:
                raise self.world.broken
            tallies = [self.world.tally(ref) for ref in self.world.batches]
            is_open = any(tally.needs_attention or tally.in_flight for tally in tallies)
            if not is_open and not self.carrier.n_receipts_due:
                return True
            if self.world.is_calm:
                self.world.sweep()
        return False

    def _check_the_end(self) -> None:
        statuses, taken = self.world.statuses(), self.carrier.taken
        kept = {
            OutcomeStatus.REJECTED,
            OutcomeStatus.UNSENT,
            OutcomeStatus.UNCONFIRMED,
            OutcomeStatus.STOPPED,
        }
        planned = self.world.references.values()
        lost = [r for r in planned if r not in taken and statuses.get(r) not in kept]
        hidden = [
            r for r in taken if statuses.get(r) not in {OutcomeStatus.ACCEPTED, OutcomeStatus.UNCONFIRMED}
        ]
        if lost or hidden:
            self.world.fail(f"{len(lost)} lost, {len(hidden)} hidden: {statuses}")
        if any(statuses[reference] != OutcomeStatus.ACCEPTED for reference in self.carrier.reported):
            self.world.fail("a receipt was no proof")
        self.world.counts["messages"] += len(statuses)
        self.world.counts["unconfirmed"] += sum(s == OutcomeStatus.UNCONFIRMED for s in statuses.values())


def simulate(seed: int) -> Simulated:
    """Play one campaign to its end. Raises PromiseBroken, or whatever the code under test raised."""
    loop = VirtualTimeLoop()
    asyncio.set_event_loop(loop)
    try:
        with world_of(Scenario.of(seed), loop) as world:
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


def main() -> int:
    parser = argparse.ArgumentParser(description="Simulate campaigns in virtual time.")
    parser.add_argument("--seeds", type=int, default=100, help="how many campaigns")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    began, counts = time.perf_counter(), Counter[str]()
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        try:
            counts += simulate(seed).counts
        except Exception as error:  # noqa: BLE001 - whatever it is, the seed is what a person needs
            print(f"seed {seed}: {type(error).__name__}: {error}")
            print(f"again: python tests/simulation/campaign_simulation.py --first {seed} --seeds 1")
            return 1
    seconds = time.perf_counter() - began
    print(", ".join(f"{n:,} {what}" for what, n in sorted(counts.items())))
    print(
        f"{arguments.seeds} campaigns in {seconds:.1f} s ({60 * arguments.seeds / seconds:.0f} a minute): all promises kept"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
