"""A process that sends, and what it knows of the world: a clock, the ledger. It can be killed, or stopped, anywhere."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from data.ledger.claiming import claim
from data.ledger.leasing import give_back, take
from data.ledger.pacing import reserve_again
from data.ledger.records import Busy, Claim, ClaimRequest, Ended, Lease, Reserved, Settled, Settlement, Wait
from data.ledger.settling import settle
from data.ledger.tallying import tally_batch
from messaging.batches import BatchRef
from messaging.tally import BatchTally
from tests.simulation.lease_checks import Held
from tests.simulation.world import Changes, Check, World


class Worker:
    """A process: it can be killed, or stopped for a while, at any await; its doors notice before the core does."""

    def __init__(self, world: World, name: str, trouble: Callable[[Worker], None]) -> None:
        self.world = world
        self.name = name
        self._trouble = trouble
        self.is_dead = False
        self.unsettled: Counter[tuple[int, int]] = Counter()  # (batch, claim number) → messages
        self.asleep_until_s = 0.0
        self.skew_s = world.scenario.skew_s * world.random.uniform(-1, 1)

    def settled(self, claimed: Claim, n: int) -> None:
        self.unsettled[claimed.ref.batch, claimed.claim_no] -= n
        self.unsettled = +self.unsettled

    async def awake(self) -> None:
        """Comes back when this process runs; never, once it is dead."""
        if self.is_dead:
            await asyncio.get_running_loop().create_future()
        while (left_s := self.asleep_until_s - self.world.now_s) > 0:
            await asyncio.sleep(left_s)
            if self.is_dead:
                await asyncio.get_running_loop().create_future()

    async def pass_time(self, seconds: float) -> None:
        """Wherever time passes at work, trouble may come: so it finds every await, not only the long ones."""
        await asyncio.sleep(seconds)
        if self.unsettled and self.world.chance(self.world.scenario.p_trouble):
            self._trouble(self)
        await self.awake()


class WorkerClock:
    """Clock of one worker. Its wall clock is its machine's own, and as wrong as the scenario has it."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def now(self) -> float:
        return self._worker.world.wall_clock() + self._worker.skew_s

    def boot_s(self) -> float:
        return self._worker.world.now_s

    async def sleep(self, seconds: float) -> None:
        await self._worker.pass_time(seconds)


class WorkerLedger:
    """LedgerDoor of one worker: commits take time, fail, or succeed without a word, and are then asked again."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._world = worker.world
        self._rules = worker.world.scenario.rules
        self._settling: Counter[tuple[BatchRef, int]] = Counter()  # (batch, fence) → settles under way

    async def take(self, ref: BatchRef, owner: str) -> Lease | Busy:
        flights: Any = self._world.flights
        held: Held | None = None

        def take_batch(connection: sa.Connection, now: float) -> Lease | Busy:
            nonlocal held
            held = self._world.leases.held(ref)
            return take(connection, ref, owner, self._rules, now, flights=flights)

        def check(answer: Lease | Busy, changes: Changes) -> None:
            assert held is not None
            self._world.leases.taken(held, owner, answer, self._world.wall_clock())

        taken: Lease | Busy = await self._ask(take_batch, check=check)
        return taken

    async def claim(self, request: ClaimRequest) -> Claim | Wait | Ended:
        def check(answer: Claim | Wait | Ended, changes: Changes) -> None:
            if isinstance(answer, Claim):
                self._world.check_claim(request.lease, answer, changes)

        answer: Claim | Wait | Ended = await self._ask(claim, request, self._rules, check=check)
        if isinstance(answer, Claim):
            self._worker.unsettled[answer.ref.batch, answer.claim_no] += len(answer.rows)
            self._check_cap()
        return answer

    def _check_cap(self) -> None:
        unsettled, scenario = self._worker.unsettled, self._world.scenario
        n = unsettled.total() if scenario.bulk_size == 1 else len(unsettled)
        if n > 2 * scenario.concurrency:
            self._world.fail(f"{n} unsettled in one process, at a concurrency of {scenario.concurrency}")

    async def settle(
        self, claim: Claim, settlements: Sequence[Settlement], *, blocked_s: float, jitter: float
    ) -> Settled:
        lease = claim.ref, claim.fence
        self._settling[lease] += 1
        if self._settling[lease] > 1:
            self._world.fail("two settles of one lease are under way")

        was = self._world.run_state

        def settle_part(connection: sa.Connection, now: float) -> Settled:
            nonlocal was
            was = self._world.run_state
            return settle(connection, claim, settlements, blocked_s, jitter, self._rules, now)

        def check(answer: Settled, changes: Changes) -> None:
            self._world.check_settled(claim, settlements, answer, changes, blocked_s=blocked_s, was=was)

        settled: Settled = await self._ask(settle_part, check=check)
        self._settling[lease] -= 1
        self._worker.settled(claim, len(settlements))
        return settled

    async def reserve_again(self, account: str, n: int) -> Reserved | None:
        reserved: Reserved | None = await self._ask(reserve_again, account, n, self._rules)
        return reserved

    async def give_back(self, lease: Lease) -> bool:
        given: bool = await self._ask(give_back, lease)
        self._world.leases.given_back(lease)
        return given

    async def tally(self, ref: BatchRef, ended: str) -> BatchTally:
        def check(answer: BatchTally, changes: Changes) -> None:
            self._world.check_tally(answer)

        tally: BatchTally = await self._ask(tally_batch, ref, ended, check=check)
        return tally

    async def _ask(self, fn: Callable[..., Any], *args: Any, check: Check | None = None) -> Any:
        world, worker = self._world, self._worker
        while True:
            await worker.pass_time(world.random.uniform(0.0005, 0.02))
            if world.chance(world.scenario.p_lost_commit):
                world.lose_commit(fn, *args)
                continue
            answer = world.commit(fn, *args, check=check)
            is_lost = world.chance(world.scenario.p_lost_word)
            world.counts["lost words"] += is_lost
            await worker.pass_time(
                world.random.uniform(0.0005, 0.02) + is_lost * world.random.uniform(0.05, 4.0)
            )
            if not is_lost:
                return answer
