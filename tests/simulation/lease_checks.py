"""What must hold of leases: who takes a batch, from whom, and what is left of the holder before."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, NoReturn

from data.ledger.records import Busy, Lease
from data.ledger.rules import Rules
from messaging.batches import BatchRef
from tests.simulation.memory_store import MemoryStore


class Held(NamedTuple):
    """The lease of a batch as it stood."""

    owner: str | None
    expires_at: float
    fence: int


class LeaseChecks:
    """Asks the driver directly, between two commits or within one."""

    def __init__(self, rules: Rules, memory: MemoryStore, fail: Callable[[str], NoReturn]) -> None:
        self._rules = rules
        self._memory = memory
        self._fail = fail
        self.dead: set[str] = set()  # workers of which a flight record can prove it

    def held(self, ref: BatchRef) -> Held:
        return Held(
            *self._memory.one("select owner, expires_at, fence from batches where batch = ?", ref.batch)
        )

    def taken(self, before: Held, owner: str, answer: Lease | Busy, now: float) -> None:
        """A batch is taken from nobody who may still work on it, and refused to nobody else."""
        is_over = not now <= before.expires_at <= now + self._rules.lease_s + self._rules.clock_horizon_s
        is_free = before.owner in {None, owner} or is_over
        is_dead = (before.owner or "").rsplit("-", 2)[0] in self.dead
        if isinstance(answer, Lease):
            if not (is_free or is_dead) or answer.fence <= before.fence:
                self._fail(f"{answer.ref} was taken from {before}")
            self.recovered(answer.ref)
        elif is_free:
            self._fail(f"{answer.ref} is busy, and nobody holds it")

    def recovered(self, ref: BatchRef) -> None:
        """Nothing is in flight under a fence that has fallen."""
        found = self._memory.one(
            "select count(*) from claims join batches using (run, batch)"
            " where batch = ? and claims.state = 'open' and claims.fence < batches.fence",
            ref.batch,
        )
        if found[0]:
            self._fail(f"{found[0]} claims of {ref} are open under a fence that has fallen")

    def given_back(self, lease: Lease) -> None:
        """Nothing of it is open, unless somebody has fenced it off and settled matters in his way."""
        found = self._memory.one(
            "select count(*) from claims where batch = ? and fence = ? and state = 'open'",
            lease.ref.batch,
            lease.fence,
        )
        if found[0]:
            self._fail(f"{lease.ref} was given back with claims unsettled")
