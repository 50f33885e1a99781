"""What must hold of every claim when it is made, given out again, and used on the wire."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from data.ledger.records import Claim, ClaimKind, Settlement
from messaging.batches import BatchRef
from tests.simulation.books import ACCEPTED, IN_FLIGHT, NOTHING, UNCONFIRMED, UNSENT, Books
from tests.simulation.scenario import Scenario

EPSILON_S = 1e-6


@dataclass(slots=True)
class Known:
    """A claim as it was made. Boot seconds."""

    claim: Claim
    made_at_s: float
    deadline_s: float
    left: set[int] = field(default_factory=set)  # rows whose bytes have left


class ClaimChecks:
    """All claims of one campaign, by their request key."""

    def __init__(self, scenario: Scenario, books: Books, fail: Callable[[str], NoReturn]) -> None:
        self._scenario = scenario
        self._books = books
        self._fail = fail
        self._known: dict[tuple[BatchRef, int], Known] = {}  # by claim number
        self._by_key: dict[str, list[Known]] = {}  # a request that is made again has its old key
        self._latest: dict[str, Known] = {}  # by reference
        self._n_jumps_before_doubt: dict[str, int] = {}  # by reference
        self._on_wire: Counter[tuple[str, int]] = Counter()  # (reference, fence) → requests
        self._free_at_s = -math.inf  # when the account's pace allows the next claim
        self._blocked_until_s = -math.inf  # the gateway's own wish
        self.jumped_at_s = -1.0  # the last time that a wall clock jumped
        self._n_jumps = 0

    def jump(self, now_s: float) -> None:
        """A wall clock jumped: what the ledger measured by it means nothing any more."""
        self.jumped_at_s = now_s
        self._n_jumps += 1
        self._free_at_s = self._blocked_until_s = -math.inf

    def block(self, until_s: float) -> None:
        """A settle that carries the gateway's wish is committed."""
        self._blocked_until_s = max(self._blocked_until_s, until_s)

    def made(self, claim: Claim, now_s: float, before: Mapping[str, int]) -> bool:
        """A claim has been committed, or given out again. before: the statuses before. Returns whether it is new."""
        if claim.send_for_s > self._scenario.rules.send_window_s + EPSILON_S:
            self._fail(f"a claim may be sent for {claim.send_for_s:.2f} s")
        known = self._known.get((claim.ref, claim.claim_no))
        if known is not None:
            if (list(claim.rows), claim.request_key) != (list(known.claim.rows), known.claim.request_key):
                self._fail("asked again, a claim held other messages")
            deadline_s = now_s + claim.send_for_s
            if deadline_s > known.deadline_s + EPSILON_S and self.jumped_at_s < known.made_at_s:
                self._fail("asked again, a claim may be sent for longer")
            known.deadline_s = max(known.deadline_s, deadline_s)
            return False
        known = Known(claim, now_s, now_s + claim.send_for_s)
        self._known[claim.ref, claim.claim_no] = known
        self._by_key.setdefault(claim.request_key, []).append(known)
        self._check_slots(claim, now_s)
        for row in claim.rows:
            self._check_message(claim, row, before)
        return True

    def _check_slots(self, claim: Claim, now_s: float) -> None:
        begins_s = now_s + claim.start_in_s
        if claim.start_in_s > self._scenario.rules.horizon_s + EPSILON_S:
            self._fail(f"a claim was made {claim.start_in_s:.2f} s ahead of its slot")
        if begins_s < self._blocked_until_s - EPSILON_S:
            self._fail("a claim begins while the gateway wants to be left alone")
        if self._scenario.rate_mps is None:
            return
        if begins_s < self._free_at_s - EPSILON_S:
            self._fail("a claim begins before the account is free")
        if abs(claim.step_s * self._scenario.rate_mps - 1) > EPSILON_S:
            self._fail(f"the messages of a claim are {claim.step_s} s apart")
        self._free_at_s = begins_s + claim.step_s * len(claim.rows)

    def _check_message(self, claim: Claim, row: int, before: Mapping[str, int]) -> None:
        reference = self._books.references[claim.ref.batch, row]
        was = before.get(reference, NOTHING)
        if claim.kind is ClaimKind.RESUBMIT:
            is_claimable = was == UNCONFIRMED and not self._books.is_assumed_sent(reference)
        else:
            is_claimable = was == UNSENT or (was == NOTHING and reference not in self._books.claimed)
        if not is_claimable:
            self._fail(f"a message was claimed to {claim.kind} that stood at {was}")
        if self._books.statuses.get(reference, NOTHING) not in {NOTHING, IN_FLIGHT}:
            self._fail("a claimed message is not in flight")
        self._books.claimed.add(reference)
        self._latest[reference] = self._known[claim.ref, claim.claim_no]

    def settled(self, claim: Claim, settlements: Sequence[Settlement], before: Mapping[str, int]) -> None:
        """What was said of a claim is believed as far as nothing better is known, and never of a newer claim."""
        for row, outcome in settlements:
            reference = self._books.references[claim.ref.batch, row]
            line = self._books.line(claim.ref.batch, row)
            is_latest = self._latest[reference].claim.claim_no == claim.claim_no
            if before.get(reference) == IN_FLIGHT and not is_latest:
                self._fail("a late settle spoke for a newer claim")
            if outcome.status == ACCEPTED and line.status not in {ACCEPTED, IN_FLIGHT}:
                self._fail("the gateway accepted a message, and the ledger does not say so")
            is_news = is_latest and outcome.status != UNCONFIRMED and claim.kind is ClaimKind.SUBMIT
            if is_news and line.status == UNCONFIRMED and line.decision is None:
                self._fail("what the gateway said late was not believed")

    def leaves(self, request_key: str, references: list[str], now_s: float) -> None:
        """The bytes of a request leave. Its key is that of a claim, with or without a row."""
        candidates = self._by_key.get(request_key.split("-", maxsplit=1)[0], [])
        if not candidates:
            self._fail("a request of no claim")
        known = candidates[-1]
        if now_s > known.deadline_s:
            self._fail(f"a message left {now_s - known.deadline_s:.2f} s late")
        rows = {self._books.references[known.claim.ref.batch, row]: row for row in known.claim.rows}
        for reference in references:
            if reference not in rows:
                self._fail("a message left under a claim that does not hold it")
            if rows[reference] in known.left:
                self._fail("a message left twice under one claim")
            known.left.add(rows[reference])
            self._count_attempt(known.claim, reference)
            if known.claim.kind is ClaimKind.RESUBMIT and self.jumped_at_s >= 0:
                self._books.may_come_twice.add(reference)  # how old its first copy is, nobody knows then
                self._books.sent_again[reference] += 1

    def _count_attempt(self, claim: Claim, reference: str) -> None:
        self._on_wire[reference, claim.fence] += 1
        n = self._on_wire[reference, claim.fence]
        if claim.kind is ClaimKind.SUBMIT and n > self._scenario.rules.max_attempts:
            self._fail(f"{n} attempts by one task run")

    def doubted(self, reference: str) -> None:
        """A message is in doubt from now on."""
        self._n_jumps_before_doubt[reference] = self._n_jumps

    def died(self, ref: BatchRef, claim_no: int, now_s: float) -> None:
        """The holder of this claim is dead, and its flight record was believed: nothing more of it leaves."""
        known = self._known[ref, claim_no]
        known.deadline_s = min(known.deadline_s, now_s)

    def _is_early(self, reference: str, now_s: float) -> bool:
        """Somebody lives who may send it, and no clock is to blame: jumps before it fell in doubt are foreseen."""
        latest = self._latest[reference]
        row = next(
            row
            for row in latest.claim.rows
            if self._books.references[latest.claim.ref.batch, row] == reference
        )
        if row in latest.left:
            is_excused = self.jumped_at_s >= latest.made_at_s
        else:
            is_excused = self._n_jumps > self._n_jumps_before_doubt[reference]
        return now_s < latest.deadline_s - EPSILON_S and not is_excused

    def proved_absent(self, reference: str, was: int, now_s: float) -> None:
        """A look-up made unsent what was in doubt: it is not at the gateway, and nothing of it may leave any more."""
        latest = self._latest[reference]
        can_leave = now_s < latest.deadline_s - EPSILON_S
        if was != UNCONFIRMED or self._is_early(reference, now_s):
            self._fail("absence was taken for proof while its claim could still be sent")
        if can_leave:
            self._books.may_come_twice.add(reference)
            self._books.sent_again[reference] += 1
            self._books.counts["unsent by look-up after a clock jump"] += 1
        self._books.counts["unsent by look-up"] += 1

    def decided(self, reference: str, was: int, now_s: float) -> None:
        """A person said `send again` of a message in doubt: a copy may be out, but none may leave any more."""
        self._books.sent_again[reference] += 1
        self._books.sent_by_decision.add(reference)
        latest = self._latest[reference]
        if was != UNCONFIRMED:
            self._fail("a person decided on a message that was not in doubt")
        is_out = self._books.taken[reference] > 0
        can_leave = now_s < latest.deadline_s - EPSILON_S
        if self._is_early(reference, now_s):
            self._fail("send again was taken while its claim could still be sent")
        if is_out or can_leave:
            self._books.may_come_twice.add(reference)
            self._books.counts["sent again though it was out"] += is_out
            self._books.counts["sent again after a clock jump"] += can_leave
