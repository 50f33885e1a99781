"""The world around the sender's core: a real store and real ledger functions, a gateway, workers that crash and sleep.

One random generator decides everything, and every commit is checked at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import sqlalchemy as sa

from data.ledger.audit import audit_run
from data.ledger.claiming import claim
from data.ledger.leasing import give_back, take
from data.ledger.receipts import record_receipts
from data.ledger.records import Busy, Claim, ClaimRequest, Ended, Lease, Recipients, Settled, Settlement, Wait
from data.ledger.recovering import expire_leases
from data.ledger.rules import Rules
from data.ledger.settling import settle
from data.ledger.tallying import tally_batch
from data.store.engine import open_store
from data.store.tables import accounts, batches, claims, metadata, runs, suppressions
from engine.sender.core import BatchToSend
from messaging.batches import BatchRef
from messaging.outcomes import OutgoingMessage, Receipt
from messaging.runs import RunState
from messaging.sealed import Sealer
from messaging.tally import BatchTally

RUN = 1
ACCOUNT = "sim"
STARTS_AT = 1_790_000_000.0


class PromiseBroken(AssertionError):
    """Somebody got a message twice, is lost or hidden, or the ledger does not add up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What one seed is about; probabilities are per request or per commit."""

    seed: int
    batch_sizes: tuple[int, ...]
    rate_mps: float | None
    bulk_size: int
    concurrency: int
    n_workers: int
    chaos_s: float
    crash_every_s: float
    sleep_every_s: float
    drain_every_s: float
    p_trouble: float
    p_fault: float
    p_receipts: float
    answer_s: float
    p_reject: float
    p_lost_commit: float
    p_lost_word: float
    n_stops: int
    n_pauses: int
    n_clock_jumps: int
    rules: Rules

    @classmethod
    def of(cls, seed: int) -> Scenario:
        draw = random.Random(seed)
        bulk_size = draw.choice((1, 1, 1, 4, 9))
        return cls(
            seed=seed,
            batch_sizes=tuple(draw.randint(1, 40) for _ in range(draw.randint(1, 3))),
            rate_mps=draw.choice((None, 1.0, 3.0, 10.0)),
            bulk_size=bulk_size,
            concurrency=draw.choice((1, 2, 5)),
            n_workers=draw.choice((1, 2, 2, 3)),
            chaos_s=draw.choice((30.0, 120.0)),
            crash_every_s=draw.choice((2.0, 8.0, 1e9)),
            sleep_every_s=draw.choice((5.0, 15.0, 1e9)),
            drain_every_s=draw.choice((10.0, 1e9, 1e9)),
            p_trouble=draw.choice((0.0, 0.01, 0.03)),
            p_fault=draw.choice((0.0, 0.2, 0.5)),
            p_receipts=draw.choice((0.0, 0.4, 1.0)),
            answer_s=draw.choice((0.3, 2.0, 8.0)),
            p_reject=draw.choice((0.0, 0.1)),
            p_lost_commit=draw.choice((0.0, 0.05)),
            p_lost_word=draw.choice((0.0, 0.05, 0.2)),
            n_stops=draw.choice((0, 1, 3)),
            n_pauses=draw.choice((0, 0, 1, 2)),
            n_clock_jumps=draw.choice((0, 0, 0, 2)),
            rules=Rules(
                lease_s=draw.choice((4.0, 10.0, 20.0)),
                send_window_s=draw.choice((2.0, 30.0)),
                most_per_claim=5,
            ),
        )


class World:
    """The store, the time, the plan, and whatever is known from outside about what ought to be."""

    def __init__(self, scenario: Scenario, loop: asyncio.AbstractEventLoop) -> None:
        self.scenario = scenario
        self.loop = loop
        self.random = random.Random(scenario.seed + 1)
        self.sealer = Sealer(b"a key of the simulation")
        self.counts: Counter[str] = Counter()
        self.clock_offset_s = 0.0
        self.is_calm = False
        self.run_state = RunState.SENDING
        self.opted_out: set[str] = set()
        self.broken: BaseException | None = None
        self.deadline_s: dict[str, float] = {}  # reference → when its latest claim's right to send ends
        self._claims_seen: dict[tuple[int, int], int] = {}  # (batch, claim number) → fence
        self._trace = hashlib.blake2b(digest_size=8)
        self._store = open_store("sqlite://")
        self.batches = {ref.ref: ref for ref in self._plan()}
        self.references = {
            (ref.batch, row): message.reference
            for ref, batch in self.batches.items()
            for row, message in enumerate(batch.messages)
        }

    @property
    def now_s(self) -> float:
        return self.loop.time()

    @property
    def trace(self) -> str:
        """The same for the same seed, or the simulation is not deterministic."""
        return self._trace.hexdigest()

    def fail(self, how: str) -> NoReturn:
        """Remembered as well as raised: the code under test may take it for a bug of a gateway client."""
        self.broken = self.broken or PromiseBroken(how)
        raise self.broken

    def wall_clock(self) -> float:
        return STARTS_AT + self.now_s + self.clock_offset_s

    def chance(self, probability: float) -> bool:
        return not self.is_calm and self.random.random() < probability

    def commit(self, fn: Callable[..., Any], *args: Any) -> Any:
        """One transaction, and if it changed anything, the ledger adds up after it."""
        with self._store.write.begin() as connection:
            driver: Any = connection.connection.driver_connection
            n_before = driver.total_changes
            answer = fn(connection, *args, self.wall_clock())
            has_changed = driver.total_changes != n_before
        if has_changed:
            self._audit(fn.__name__)
            self.counts["commits"] += 1
        self._trace.update(f"{self.now_s:.6f} {fn.__name__} {answer!r}".encode())
        return answer

    def lose_commit(self, fn: Callable[..., Any], *args: Any) -> None:
        """The transaction is done and undone: the connection broke before its commit."""
        with self._store.write.connect() as connection:
            fn(connection, *args, self.wall_clock())
            connection.rollback()
        self.counts["lost commits"] += 1

    def record(self, receipts: Sequence[Receipt]) -> None:
        def record_page(connection: sa.Connection, now: float) -> Any:
            return record_receipts(connection, ACCOUNT, receipts, self.sealer, now)

        recorded = self.commit(record_page)
        self.counts["receipts"] += recorded.n_new
        self.counts["adopted"] += recorded.n_adopted

    def sweep(self) -> None:
        self.counts["swept leases"] += len(self.commit(expire_leases, self.scenario.rules))

    def opt_out(self, person_key: str) -> None:
        def suppress(connection: sa.Connection, now: float) -> None:
            values = {"person_key": person_key, "scope": "", "reason": "stop", "source": "reply", "at": now}
            connection.execute(sa.insert(suppressions).values(values))

        if person_key not in self.opted_out:
            self.commit(suppress)
            self.opted_out.add(person_key)

    def move_run(self, state: RunState) -> None:
        def move(connection: sa.Connection, now: float) -> None:
            connection.execute(sa.update(runs).values(state=state.value))

        self.commit(move)
        self.run_state = state

    def check_claim(self, lease: Lease, claimed: Claim) -> None:
        """A claim that was made just now, or is given out again."""
        number = (claimed.ref.batch, claimed.claim_no)
        is_new = number not in self._claims_seen
        self._claims_seen[number] = claimed.fence
        messages = self.batches[claimed.ref].messages
        for row in claimed.rows:
            self.deadline_s[messages[row].reference] = self.now_s + claimed.send_for_s
        if claimed.fence != lease.fence:
            self.fail(f"a claim of fence {claimed.fence} was given to fence {lease.fence}")
        if not is_new:
            self.counts["claims given again"] += 1
            return
        self.counts["claims"] += 1
        fence, expires_at = self.lease_of(claimed.ref)
        if claimed.fence != fence:
            self.fail(f"fence {claimed.fence} claimed though the batch is at {fence}")
        if claimed.send_before > min(expires_at, self.wall_clock() + self.scenario.rules.send_window_s):
            self.fail("a claim may send for longer than its lease")
        if self.run_state is not RunState.SENDING:
            self.fail(f"a claim was made while the run was {self.run_state}")
        keys = self.batches[claimed.ref].recipients.person_keys
        if self.opted_out & {keys[row] for row in claimed.rows}:
            self.fail("somebody was claimed after a STOP")

    def lease_of(self, ref: BatchRef) -> tuple[int, float]:
        """The fence of a batch and when its lease ends."""
        with self._store.write.connect() as connection:
            fence, expires_at = connection.execute(
                sa.select(batches.c.fence, batches.c.expires_at).where(
                    batches.c.run == ref.run, batches.c.batch == ref.batch
                )
            ).one()
            connection.rollback()
        return int(fence), float(expires_at)

    def n_open(self, lease: Lease) -> int:
        """Claims of this lease that are not settled, while nobody has fenced it off."""
        with self._store.write.connect() as connection:
            n = connection.execute(
                sa.select(sa.func.count()).where(
                    claims.c.batch == lease.ref.batch, claims.c.fence == lease.fence, claims.c.state == "open"
                )
            ).scalar_one()
            connection.rollback()
        return int(n)

    def tally(self, ref: BatchRef) -> BatchTally:
        with self._store.write.connect() as connection:
            tally = tally_batch(connection, ref, "done", self.wall_clock())
            connection.rollback()
        return tally

    def statuses(self) -> dict[str, int]:
        """Reference → status, of every message that has an outcome."""
        with self._store.write.connect() as connection:
            found = connection.execute(sa.text("select batch, row, status from outcomes")).all()
            connection.rollback()
        return {self.references[batch, row]: status for batch, row, status in found}

    def close(self) -> None:
        self._store.close()

    def _audit(self, after: str) -> None:
        with self._store.write.connect() as connection:
            audit = audit_run(connection, RUN, self.wall_clock())
            connection.rollback()
        if not audit.balanced:
            wrong = [equation for equation in audit.equations if equation.left != equation.right]
            self.fail(f"after {after} the ledger does not add up: {wrong} {dict(audit.terms)}")
        self.counts["audits"] += 1

    def _plan(self) -> Iterator[BatchToSend]:
        sizes = self.scenario.batch_sizes
        n = sum(sizes)
        metadata.create_all(self._store.write)
        with self._store.write.begin() as connection:
            connection.execute(
                sa.insert(accounts).values(account=ACCOUNT, kind="simulator", rate_mps=self.scenario.rate_mps)
            )
            connection.execute(
                sa.insert(runs).values(
                    run=RUN,
                    campaign="simulated",
                    state=RunState.SENDING.value,
                    origin="hand",
                    is_simulated=True,
                    account=ACCOUNT,
                    created_at=0,
                    n_source_rows=n,
                    n_contacts=n,
                    n_audience=n,
                    n_messages=n,
                )
            )
            for batch, size in enumerate(sizes):
                connection.execute(sa.insert(batches).values(run=RUN, batch=batch, part=0, n_messages=size))
        for batch, size in enumerate(sizes):
            references = self.sealer.seal_many(RUN, [batch] * size, range(size))
            yield BatchToSend(
                ref=BatchRef(RUN, batch),
                messages=[
                    OutgoingMessage(reference=r, msisdn=f"+44{batch}{i}", text="hi")
                    for i, r in enumerate(references)
                ],
                recipients=Recipients(
                    person_keys=[f"person {batch}-{row}" for row in range(size)], sender_ids=[None] * size
                ),
            )


@contextmanager
def world_of(scenario: Scenario, loop: asyncio.AbstractEventLoop) -> Iterator[World]:
    world = World(scenario, loop)
    try:
        yield world
    finally:
        world.close()


class Worker:
    """A process: it can be killed, or stopped for a while, at any await; its doors notice before the core does."""

    def __init__(self, world: World, name: str, trouble: Callable[[Worker], None]) -> None:
        self.world = world
        self.name = name
        self._trouble = trouble
        self.is_dead = False
        self.unsettled: Counter[tuple[int, int]] = Counter()  # (batch, claim number) → messages
        self.asleep_until_s = 0.0

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
    """Clock of one worker."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def now(self) -> float:
        return self._worker.world.wall_clock()

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

    async def take(self, ref: BatchRef, owner: str) -> Lease | Busy:
        taken: Lease | Busy = await self._ask(take, ref, owner, self._rules)
        return taken

    async def claim(self, request: ClaimRequest) -> Claim | Wait | Ended:
        def claim_checked(connection: sa.Connection, now: float) -> Claim | Wait | Ended:
            return claim(connection, request, self._rules, now)

        answer: Claim | Wait | Ended = await self._ask(claim_checked, check=request.lease)
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
        settled: Settled = await self._ask(settle, claim, settlements, blocked_s, jitter, self._rules)
        self._world.counts["late outcomes"] += settled.n_late
        self._world.counts["settled after the lease"] += claim.fence != self._world.lease_of(claim.ref)[0]
        self._worker.settled(claim, len(settlements))
        return settled

    async def give_back(self, lease: Lease) -> bool:
        given: bool = await self._ask(give_back, lease)
        if self._world.n_open(lease):
            self._world.fail(f"{lease.ref} was given back with claims unsettled")
        return given

    async def tally(self, ref: BatchRef, ended: str) -> BatchTally:
        tally: BatchTally = await self._ask(tally_batch, ref, ended)
        return tally

    async def _ask(self, fn: Callable[..., Any], *args: Any, check: Lease | None = None) -> Any:
        world, worker = self._world, self._worker
        while True:
            await worker.pass_time(world.random.uniform(0.0005, 0.02))
            if world.chance(world.scenario.p_lost_commit):
                world.lose_commit(fn, *args)
                continue
            answer = world.commit(fn, *args)
            if check is not None and isinstance(answer, Claim):
                world.check_claim(check, answer)
            is_lost = world.chance(world.scenario.p_lost_word)
            world.counts["lost words"] += is_lost
            await worker.pass_time(
                world.random.uniform(0.0005, 0.02) + is_lost * world.random.uniform(0.05, 4.0)
            )
            if not is_lost:
                return answer
