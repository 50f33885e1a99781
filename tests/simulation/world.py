"""The world around the sender's core: a real store and real ledger functions, the time, and a check after every commit.

One random generator decides everything.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

import sqlalchemy as sa

from data.ledger.audit import audit_run
from data.ledger.receipts import record_receipts
from data.ledger.records import Claim, Lease, Settled, Settlement
from data.ledger.recovering import expire_leases
from data.store.tables import suppressions
from messaging.batches import BatchRef
from messaging.errors import TidingsError
from messaging.outcomes import ErrorKind, Receipt
from messaging.runs import RunState
from messaging.tally import BatchTally
from tests.simulation.books import UNCONFIRMED, Books, Line
from tests.simulation.claim_checks import ClaimChecks
from tests.simulation.lease_checks import LeaseChecks
from tests.simulation.memory_store import ACCOUNT, RUN, MemoryStore, PlainConnection
from tests.simulation.planned import SEALER, planned_batches
from tests.simulation.scenario import Scenario

STARTS_AT = 1_790_000_000.0

Changes = list[tuple[str, int, Line]]  # reference, status before, line of `outcomes`
Check = Callable[[Any, Changes], None]  # of an answer and of what its commit changed


class PromiseBroken(AssertionError):
    """Somebody got a message twice, is lost or hidden, or the ledger does not add up."""


class World:
    """The store, the time, the plan, and whatever is known from outside about what ought to be."""

    def __init__(self, scenario: Scenario, loop: asyncio.AbstractEventLoop, store: MemoryStore) -> None:
        self.scenario = scenario
        self.loop = loop
        self.random = random.Random(scenario.seed + 1)

        self.counts: Counter[str] = Counter()
        self.clock_offset_s = 0.0
        self.is_calm = False
        self.opted_out: set[str] = set()
        self.flights: object | None = None  # what is known of processes that have died
        self.broken: BaseException | None = None
        self.history: Callable[[str], None] | None = None  # told every line of it
        self._trace = hashlib.blake2b(digest_size=8)
        self.memory = store
        store.plan(scenario, STARTS_AT)
        self._plain = PlainConnection(store.driver)
        self.batches = {batch.ref: batch for batch in planned_batches(scenario)}
        self.books = Books(
            {
                (ref.batch, row): message.reference
                for ref, batch in self.batches.items()
                for row, message in enumerate(batch.messages)
            },
            self.fail,
        )
        self.claims = ClaimChecks(scenario, self.books, self.fail)
        self.leases = LeaseChecks(scenario.rules, store, self.fail)

    @property
    def now_s(self) -> float:
        return self.loop.time()

    @property
    def trace(self) -> str:
        """The same for the same seed, or the simulation is not deterministic."""
        return self._trace.hexdigest()

    def note(self, what: str) -> None:
        """A line of history."""
        line = f"{self.now_s:11.6f} {what}"
        self._trace.update(line.encode())
        if self.history is not None:
            self.history(line)

    def fail(self, how: str) -> NoReturn:
        """Remembered as well as raised: the code under test may take it for a bug of a gateway client."""
        self.note(f"PROMISE BROKEN: {how}")
        self.broken = self.broken or PromiseBroken(f"{how} (at {self.now_s:.3f} s, trace {self.trace})")
        raise self.broken

    def wall_clock(self) -> float:
        return STARTS_AT + self.now_s + self.clock_offset_s

    def chance(self, probability: float) -> bool:
        return not self.is_calm and self.random.random() < probability

    # Commits

    def commit(self, fn: Callable[..., Any], *args: Any, check: Check | None = None) -> Any:
        """One transaction, and if it changed anything, the ledger adds up after it and agrees with the gateway."""
        n_before = self.memory.driver.total_changes
        with self.memory.connection.begin():
            answer = fn(self.memory.connection, *args, self.wall_clock())
        self.note(f"{fn.__name__}: {answer}")
        changes = self._look(fn.__name__) if self.memory.driver.total_changes != n_before else []
        if check is not None:
            check(answer, changes)
        return answer

    def lose_commit(self, fn: Callable[..., Any], *args: Any) -> None:
        """The transaction is done and undone: the connection broke before its commit."""
        with self.memory.connection.begin() as transaction:
            fn(self.memory.connection, *args, self.wall_clock())
            transaction.rollback()
        self.note(f"{fn.__name__} was undone")
        self.counts["lost commits"] += 1

    def steer(self, fn: Callable[..., Any], *args: Any, **how: Any) -> Changes | None:
        """A function of the engine with transactions of its own, asked by a person or a flow. None: it refused."""
        n_before = self.memory.driver.total_changes
        try:
            answer = fn(self.memory.store, RUN, *args, **how, now=self.wall_clock())
        except TidingsError as refusal:
            self.note(f"{fn.__name__} refused: {type(refusal).__name__}")
            return None
        if self.memory.driver.total_changes == n_before:
            return []
        self.note(f"{fn.__name__}: {answer}")
        self.counts[fn.__name__] += 1
        return self._look(fn.__name__)

    def record(self, receipts: Sequence[Receipt]) -> None:
        def record_page(connection: sa.Connection, now: float) -> Any:
            return record_receipts(connection, ACCOUNT, receipts, SEALER, now)

        recorded = self.commit(record_page)
        for receipt in receipts:
            self.books.tell((receipt.reference or "").lower(), receipt.gateway_message_id)
        self.counts["receipts"] += recorded.n_new
        self.counts["receipts again"] += recorded.n_repeated
        self.counts["unknown receipts"] += recorded.n_unknown
        self.counts["adopted"] += recorded.n_adopted

    def sweep(self) -> None:
        flights: Any = self.flights

        def expire(connection: sa.Connection, now: float) -> list[BatchRef]:
            return expire_leases(connection, self.scenario.rules, now, flights=flights)

        swept = self.commit(expire)
        self.counts["swept leases"] += len(swept)
        for ref in swept:
            self.leases.recovered(ref)

    def opt_out(self, person_key: str, scope: str) -> None:
        def suppress(connection: sa.Connection, now: float) -> None:
            values = {
                "person_key": person_key,
                "scope": scope,
                "reason": "stop",
                "source": "reply",
                "at": now,
            }
            connection.execute(sa.insert(suppressions).values(values))

        if person_key not in self.opted_out:
            self.commit(suppress)
            self.opted_out.add(person_key)

    # Checks

    def check_claim(self, lease: Lease, claimed: Claim, changes: Changes) -> None:
        """A claim that was made just now, or is given out again."""
        if claimed.fence != lease.fence:
            self.fail(f"a claim of fence {claimed.fence} was given to fence {lease.fence}")
        is_new = self.claims.made(claimed, self.now_s, {reference: was for reference, was, _ in changes})
        if not is_new:
            self.counts["claims given again"] += 1
            return
        self.counts["claims"] += 1
        fence, expires_at, not_before, not_after = self.memory.one(
            "select fence, expires_at, not_before, not_after from batches where batch = ?", claimed.ref.batch
        )
        if claimed.fence != fence:
            self.fail(f"fence {claimed.fence} claimed though the batch is at {fence}")
        if claimed.send_before > min(expires_at, not_after or expires_at):
            self.fail("a claim may send for longer than its lease or its window")
        if not_before is not None and self.wall_clock() < not_before:
            self.fail("a claim was made before its window opened")
        if self.run_state is not RunState.SENDING:
            self.fail(f"a claim was made while the run was {self.run_state}")
        keys = self.batches[claimed.ref].recipients.person_keys
        if self.opted_out & {keys[row] for row in claimed.rows}:
            self.fail("somebody was claimed after a STOP")

    def check_settled(
        self,
        claimed: Claim,
        settlements: Sequence[Settlement],
        settled: Settled,
        changes: Changes,
        *,
        blocked_s: float,
        was: RunState,
    ) -> None:
        """was: the run's state before."""
        self.claims.settled(claimed, settlements, {reference: status for reference, status, _ in changes})
        for _, outcome in settlements:
            self.books.tell(outcome.reference, outcome.gateway_message_id)
        kinds = {outcome.error.kind for _, outcome in settlements if outcome.error is not None}
        self._check_breaker(was, settled, is_refused=ErrorKind.NO_CREDIT in kinds)
        fence = self.leases.held(claimed.ref).fence
        self.counts["late outcomes"] += settled.n_late
        self.counts["settles again"] += settled.n_repeated
        self.counts["settled after the lease"] += claimed.fence != fence
        if blocked_s > 0 and settled.n_applied:
            self.claims.block(self.now_s + blocked_s)

    def _check_breaker(self, was: RunState, settled: Settled, *, is_refused: bool) -> None:
        """A run stops when its gateway refuses the account, or when the scenario guards it against many failures."""
        is_stopped = was is RunState.SENDING and self.run_state is RunState.STOPPED
        self.counts["stopped by its guards"] += is_stopped
        if is_stopped and not is_refused and self.scenario.most_failures_in_a_row is None:
            self.fail("a run stopped itself for no reason")
        is_news = was is RunState.SENDING and is_refused and settled.n_late + settled.n_repeated == 0
        if is_news and not is_stopped:
            self.fail("the gateway refuses the account, and the run goes on")

    def check_tally(self, tally: BatchTally) -> None:
        """What a task tells of its batch is what the ledger has."""
        known = self.books.of_batch(tally.batch)
        told = (tally.accepted, tally.rejected, tally.unsent, tally.unconfirmed, tally.stopped)
        if told != tuple(known[status] for status in range(1, 6)):
            self.fail(f"a tally says {told}, and the outcomes are {known}")
        if tally.n_messages != self.scenario.batch_sizes[tally.batch]:
            self.fail(f"a tally of {tally.n_messages} messages")

    @property
    def run_state(self) -> RunState:
        return RunState(self.memory.one("select state from runs where run = ?", RUN)[0])

    def _look(self, after: str) -> Changes:
        self.counts["commits"] += 1
        audit = audit_run(self._plain, RUN, self.wall_clock())  # type: ignore[arg-type]
        if not audit.balanced:
            wrong = [equation for equation in audit.equations if equation.left != equation.right]
            self.fail(f"after {after} the ledger does not add up: {wrong} {dict(audit.terms)}")
        lines = self.memory.all("select batch, row, status, claim_no, decision from outcomes")
        judges = {"resolve_run": self.claims.decided, "adopt": self.claims.proved_absent}
        judge = judges.get(after)
        changes = self.books.look(
            map(Line._make, lines), None if judge is None else partial(judge, now_s=self.now_s)
        )
        for reference, was, line in changes:
            if line.status == UNCONFIRMED != was:
                self.claims.doubted(reference)
        return changes

    def check_the_end(self) -> None:
        self.books.check_the_end(
            self.memory.all("select batch, row from possible_duplicates"),
            self.memory.all(
                "select events.batch, rows.value from events, json_each(payload, '$.rows') as rows"
                " where kind = 'decision'"
            ),
        )
        self.counts += self.books.counts
        self.counts["messages"] += len(self.books.references)
        self.counts["unconfirmed"] += self.books.n_with(UNCONFIRMED)
        self.counts["sent twice, as decided"] += sum(n > 1 for n in self.books.taken.values())


@contextmanager
def world_of(scenario: Scenario, loop: asyncio.AbstractEventLoop) -> Iterator[World]:
    try:
        yield World(scenario, loop, MemoryStore.of_this_process())
    except BaseException:
        # A statement of what broke may still be open, and a copy of the empty store under it ends the process.
        MemoryStore.of_this_process.cache_clear()
        raise
