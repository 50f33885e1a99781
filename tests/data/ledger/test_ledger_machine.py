"""The ledger's functions in any order, against a model of a page: what hypothesis finds here, it also makes short.

One batch of five messages, several holders of which most are stale, a gateway that remembers, a person who decides.
The model knows what design.md promises and nothing of how the ledger keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from data.ledger.deciding import Decision, decide
from data.ledger.records import Busy, Claim, Ended, Lease, Settlement, StopReason, Wait
from data.ledger.stopping import stop_run
from data.store.engine import Store, open_store
from messaging.outcomes import ErrorKind, Outcome, OutcomeStatus, ProviderError, ReceiptStatus
from tests.data.ledger.conftest import RUN, Bench

N = 5
LEASE_S = 10.0
MAX_ATTEMPTS = 2

WORDS = ["taken", "taken", "not yet", "refused", "busy", "taken, and the answer is lost", "lost"]
SCOPES = ("", "sim", "Shop", "purpose:marketing")
STEPS = [
    "claim",
    "send",
    "settle",
    "wait",
    "claim",
    "send",
    "settle",
    "take",
    "sweep",
    "give back",
    "receive",
]
STEPS += ["opt out", "decide", "steer", "cancel"]
INSTEAD = {"receive": "send", "settle": "send", "send": "claim", "claim": "take", "give back": "take"}
INSTEAD |= {"steer": "wait", "cancel": "decide"}
REPORTED = [ReceiptStatus.SENT, ReceiptStatus.DELIVERED]
CANCELLED_AFTER = 1_000_150.0
NOTHING, ACCEPTED, REJECTED, UNSENT, UNCONFIRMED, STOPPED, IN_FLIGHT = range(7)


@dataclass(slots=True)
class Message:
    """What ought to be known of one message."""

    status: int = NOTHING
    claim_no: int | None = None  # of its latest claim
    fence: int = 0  # under which attempts are counted
    attempts: int = 0
    retry_at: float | None = None
    decision: str | None = None
    gateway_id: str | None = None
    is_reported: bool = False  # a receipt is in the store
    copies: list[str] = field(default_factory=list)  # at the gateway, by its ids
    n_sent_again: int = 0


@dataclass(slots=True)
class Held:
    """A claim in the hands of a holder, who may be asleep, and what the gateway has told it."""

    claim: Claim
    deadline: float  # by its own clock, which does not leap
    over_at: float  # from then on the ledger takes it for over
    answers: dict[int, Outcome] = field(default_factory=dict)


class Ledger(RuleBasedStateMachine):
    """Rows are 0 … N-1. No pace: tests/data/ledger/test_claiming.py has its law."""

    def __init__(self) -> None:
        super().__init__()
        self.store: Store = open_store("sqlite://")
        self.bench = Bench(self.store, n=N, rate_mps=None)
        self.bench.with_rules(lease_s=LEASE_S, send_window_s=30.0, max_attempts=MAX_ATTEMPTS)
        self.messages = [Message() for _ in range(N)]
        self.leases: list[Lease] = []  # all that were ever given, most of them stale
        self.held: list[Held] = []
        self.owner: str | None = None
        self.fence = 0
        self.expires_at = 0.0
        self.n_claims = 0
        self.n_copies = 0
        self.state = "sending"
        self.opted_out: set[int] = set()

    def teardown(self) -> None:
        self.store.close()

    @initialize(rows=st.sets(st.integers(0, N - 1), max_size=1))
    def some_have_opted_out_already(self, rows: set[int]) -> None:
        for row in sorted(rows):
            self.bench.opt_out(row)
        self.opted_out |= rows

    @rule(data=st.data(), what=st.sampled_from(STEPS))
    def step(self, data: st.DataObject, what: str) -> None:
        """All in one rule: hypothesis leaves out some rules of each history, and these mean little without each other."""
        draw = data.draw
        while not self._can(what):
            what = INSTEAD[what]
        match what:
            case "take":
                self.take(draw(st.integers(0, 4)))
            case "sweep":
                self.sweep()
            case "give back":
                self.give_back(draw(st.integers(0, 5)))
            case "claim":
                self.claim(draw(st.integers(0, 5)), draw(st.integers(1, N)), draw(st.booleans()))
            case "send":
                words = st.lists(st.sampled_from(WORDS), min_size=N, max_size=N)
                self.send(draw(st.integers(0, 3)), draw(words))
            case "settle":
                self.settle(draw(st.integers(0, 3)), draw(st.sets(st.integers(0, N - 1), min_size=1)))
            case "receive":
                self.receive(draw(st.integers(0, N)), draw(st.sampled_from(REPORTED)))
            case "opt out":
                self.opt_out(draw(st.integers(0, N - 1)), draw(st.sampled_from(SCOPES)))
            case "decide":
                self.decide(draw(st.sampled_from(Decision)))
            case "steer":
                self.steer(draw(st.sampled_from(["sending", "sending", "sending", "paused", "stopped"])))
            case "cancel":
                self.cancel()
            case _:
                self.wait(draw(st.sampled_from([0.5, 2.0, 11.0, 7.5, 31.0])))

    def _can(self, what: str) -> bool:
        match what:
            case "give back" | "claim":
                return bool(self.leases)
            case "send":
                return bool(self.held)
            case "settle":
                return any(held.answers for held in self.held)
            case "receive":
                return any(message.copies for message in self.messages)
            case "steer":
                return self.state != "cancelled"
            case "cancel":
                return self.bench.now > CANCELLED_AFTER
            case _:
                return True

    # Leases

    def take(self, who: int) -> None:
        owner = f"attempt {who}"
        answer = self.bench.try_to_take(owner)
        is_free = self.owner in {None, owner} or self.expires_at < self.bench.now
        assert isinstance(answer, Lease) == is_free
        if isinstance(answer, Busy):
            assert answer.expires_at == self.expires_at
            return
        assert (answer.fence, answer.n_claims) == (self.fence + 1, self.n_claims)
        self.fence, self.owner, self.expires_at = answer.fence, owner, self.bench.now + LEASE_S
        self.leases.append(answer)
        self._doubt_older_claims()

    def sweep(self) -> None:
        is_expired = self.owner is not None and self.expires_at < self.bench.now
        assert bool(self.bench.sweep()) == is_expired
        if is_expired:
            self.fence, self.owner = self.fence + 1, None
            self._doubt_older_claims()

    def give_back(self, pick: int) -> None:
        lease = self.leases[-1 - pick % len(self.leases)]
        given = self.bench.give_back(lease)
        is_ours = lease.owner == self.owner and lease.fence == self.fence
        assert given == (is_ours and not self._in_flight())
        if given:
            self.owner = None

    def _doubt_older_claims(self) -> None:
        given_up = {message.claim_no for message in self._in_flight()}
        for held in self.held:
            if held.claim.claim_no in given_up:
                held.over_at = self.bench.now + LEASE_S
        for message in self.messages:
            if message.status == IN_FLIGHT:
                message.status = UNCONFIRMED
                message.retry_at = None
                self._count(message, self._held(message.claim_no).claim.fence, on_wire=True)
                self._believe_receipts(message)

    # Claims

    def claim(self, pick: int, most: int, is_repeated: bool) -> None:
        lease = self.leases[-1 - (pick % len(self.leases) if pick > 2 else 0)]
        claim_no = self.n_claims
        if is_repeated and self.held and self.held[-1].claim.fence == lease.fence:
            claim_no = self.n_claims - 1  # the word of it was lost
        answer = self.bench.ask(lease, claim_no, most=most)
        if (lease.owner, lease.fence) != (self.owner, self.fence):
            assert answer == Ended(why="stale")
            return
        self.expires_at = self.bench.now + LEASE_S
        if claim_no < self.n_claims:
            self._same_claim(answer)
        elif self.state != "sending":
            assert answer == Ended(why=self.state)
        else:
            self._expect_claim(answer, lease, most)

    def _same_claim(self, answer: Claim | Wait | Ended) -> None:
        known = self.held[-1]
        assert isinstance(answer, Claim)
        assert (answer.rows, answer.request_key) == (known.claim.rows, known.claim.request_key)
        assert self.bench.now + answer.send_for_s == known.deadline

    def _expect_claim(self, answer: Claim | Wait | Ended, lease: Lease, most: int) -> None:
        rows = self._next_rows(most)
        if not rows:
            assert not isinstance(answer, Claim)
            return
        assert isinstance(answer, Claim)
        assert list(answer.rows) == rows
        assert (answer.claim_no, answer.fence) == (self.n_claims, lease.fence)
        self.n_claims += 1
        for row in rows:
            message = self.messages[row]
            message.status, message.claim_no, message.retry_at = IN_FLIGHT, answer.claim_no, None
        deadline = self.bench.now + answer.send_for_s
        assert deadline <= self.expires_at
        self.held.append(Held(answer, deadline, deadline))

    def _next_rows(self, most: int) -> list[int]:
        """Whom the next claim must hold. STOPs met on the way take effect."""
        while True:
            fresh = [row for row, message in enumerate(self.messages) if message.status == NOTHING]
            if fresh:
                span = range(fresh[0], min(fresh[0] + most, N))
                rows = [row for row in span if self.messages[row].status == NOTHING]
            else:
                rows = [row for row, message in enumerate(self.messages) if self._is_due(message)][:most]
            for row in self.opted_out.intersection(rows):
                self.messages[row].status = STOPPED
                self.messages[row].retry_at = None
            texted = [row for row in rows if row not in self.opted_out]
            if texted or not rows:
                return texted

    def _is_due(self, message: Message) -> bool:
        if message.status != UNSENT:
            return False
        if message.retry_at is None:
            return message.fence != self.fence
        has_attempts = message.fence != self.fence or message.attempts < MAX_ATTEMPTS
        return has_attempts and message.retry_at <= self.bench.now

    # The wire

    def send(self, pick: int, words: list[str]) -> None:
        """A holder, perhaps a stale one, sends messages of its claim, if its right to send has not ended."""
        held = self.held[-1 - pick % len(self.held)]
        for row in held.claim.rows:
            if row not in held.answers and words[row] != "not yet":
                held.answers[row] = self._answer(row, words[row], held)

    def _answer(self, row: int, word: str, held: Held) -> Outcome:
        if self.bench.now >= held.deadline:
            return _outcome(row, UNSENT, ErrorKind.HELD_BACK, on_wire=False)
        message = self.messages[row]
        if word in {"taken", "taken, and the answer is lost"}:
            self.n_copies += 1
            message.copies.append(f"g{self.n_copies}")
        match word:
            case "taken":
                return _outcome(row, ACCEPTED, gateway_id=message.copies[-1])
            case "refused":
                return _outcome(row, REJECTED, ErrorKind.INVALID_NUMBER)
            case "busy":
                return _outcome(row, UNSENT, ErrorKind.THROTTLED)
            case _:
                return _outcome(row, UNCONFIRMED, ErrorKind.LOST_CONNECTION)

    def settle(self, pick: int, rows: set[int]) -> None:
        """Any part of what a holder was told; also one that was settled before, its word being lost."""
        holders = [held for held in self.held if held.answers]
        held = holders[-1 - pick % len(holders)]
        part = sorted(rows & held.answers.keys()) or sorted(held.answers)
        self.bench.settle(held.claim, *(Settlement(row, held.answers[row]) for row in part))
        for row in part:
            self._settled(self.messages[row], held, held.answers[row])

    def _settled(self, message: Message, held: Held, outcome: Outcome) -> None:
        is_its_claim = message.claim_no == held.claim.claim_no
        if message.status == IN_FLIGHT and is_its_claim:
            self._count(message, held.claim.fence, on_wire=outcome.on_wire)
        elif message.status in {IN_FLIGHT, ACCEPTED}:
            return  # a newer attempt is out, or the best is known
        elif is_its_claim and message.status == UNCONFIRMED and message.decision is None:
            message.attempts -= not outcome.on_wire and message.attempts > 0
        elif outcome.status != ACCEPTED:
            return  # only proof overturns what is known better
        message.status = int(outcome.status)
        message.retry_at = self._retry_at(message, outcome)
        self._believe_receipts(message)

    def _retry_at(self, message: Message, outcome: Outcome) -> float | None:
        if outcome.status != OutcomeStatus.UNSENT:
            return None
        if _kind(outcome) == ErrorKind.HELD_BACK:
            return self.bench.now
        return self.bench.now + self.bench.rules.back_off_s * 2.0 ** max(message.attempts - 1, 0)

    # What comes from outside

    def receive(self, pick: int, status: ReceiptStatus) -> None:
        out = [row for row, message in enumerate(self.messages) if message.copies]
        row = out[pick % len(out)]
        message = self.messages[row]
        self.bench.receive(self.bench.receipt(row, status, gid=message.copies[-1]))
        message.is_reported = True
        if message.status != IN_FLIGHT:
            self._believe_receipts(message)

    def opt_out(self, row: int, scope: str) -> None:
        if row not in self.opted_out:
            self.bench.opt_out(row, scope)
            self.opted_out.add(row)

    def decide(self, decision: Decision) -> None:
        def ask(connection: Any, now: float) -> Any:
            rules = self.bench.rules
            return decide(connection, RUN, decision, by="Ann", why="they asked", rules=rules, now=now)

        decided = self.bench.commit(ask)
        n = 0
        for message in self.messages:
            if message.status != UNCONFIRMED or message.decision == Decision.ASSUMED_SENT:
                continue
            if decision is Decision.SEND_AGAIN and self.bench.now < self._held(message.claim_no).over_at:
                continue
            n += 1
            message.decision = decision.value
            if decision is Decision.SEND_AGAIN:
                message.status, message.attempts, message.retry_at = UNSENT, 0, self.bench.now
                message.n_sent_again += 1
        assert decided.n_decided == n

    def steer(self, state: str) -> None:
        self.bench.move_run(state)
        self.state = state

    def cancel(self) -> None:
        """And once more, for what came back unsent since."""

        def cancel(connection: Any, now: float) -> int:
            return stop_run(connection, RUN, StopReason.CANCELLED, now)

        self.bench.move_run("cancelled")
        self.state = "cancelled"
        stopped = [message for message in self.messages if message.status in {NOTHING, UNSENT}]
        assert self.bench.commit(cancel) == len(stopped)
        for message in stopped:
            message.status, message.retry_at = STOPPED, None

    def wait(self, seconds: float) -> None:
        self.bench.now += seconds

    # What must hold

    @invariant()
    def the_ledger_says_what_the_model_says(self) -> None:
        lines = self.bench.rows("select row, status, decision, claim_no from outcomes order by row")
        told = {row: (status, decision) for row, status, decision, _ in lines}
        for row, message in enumerate(self.messages):
            if message.status == IN_FLIGHT and row not in told:
                continue  # its first attempt
            expected = None if message.status == NOTHING else (message.status, message.decision)
            assert told.get(row) == expected, (row, message)

    @invariant()
    def nobody_twice_unless_a_person_said_so_nobody_lost_nobody_hidden(self) -> None:
        for row, message in enumerate(self.messages):
            assert len(message.copies) <= 1 + message.n_sent_again, (row, message)
            if message.status == ACCEPTED:
                assert message.copies, ("lost", row, message)
            if message.copies and not message.n_sent_again:
                assert message.status in {ACCEPTED, UNCONFIRMED, IN_FLIGHT}, ("hidden", row, message)

    @invariant()
    def open_claims_hold_what_is_in_flight(self) -> None:
        assert self.bench.audit().terms["in_flight"] == len(self._in_flight())

    def _in_flight(self) -> list[Message]:
        return [message for message in self.messages if message.status == IN_FLIGHT]

    def _held(self, claim_no: int | None) -> Held:
        return next(held for held in self.held if held.claim.claim_no == claim_no)

    def _count(self, message: Message, fence: int, *, on_wire: bool) -> None:
        message.attempts = (message.attempts if message.fence == fence else 0) + on_wire
        message.fence = fence

    @staticmethod
    def _believe_receipts(message: Message) -> None:
        if message.is_reported:
            message.status, message.retry_at = ACCEPTED, None


def _outcome(
    row: int,
    status: int,
    kind: ErrorKind | None = None,
    *,
    gateway_id: str | None = None,
    on_wire: bool = True,
) -> Outcome:
    return Outcome(
        reference=str(row),
        status=OutcomeStatus(status),
        gateway_message_id=gateway_id,
        error=None if kind is None else ProviderError(kind=kind, permanent=False),
        on_wire=on_wire,
    )


def _kind(outcome: Outcome) -> ErrorKind | None:
    return None if outcome.error is None else outcome.error.kind


TestLedger = pytest.mark.timeout(300)(Ledger.TestCase)
TestLedger.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
