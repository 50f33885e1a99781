"""Receipts that come twice, late, out of order, by reference or by the gateway's own id, for messages in any state."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data.ledger.deciding import Decision, decide
from data.ledger.reconciling import adopt_receipts, unknown_receipts_of
from data.ledger.records import Claim
from data.store.engine import Store, open_store
from messaging.outcomes import ErrorKind, OutcomeStatus, Receipt, ReceiptStatus
from tests.data.ledger.conftest import RUN, Bench, accepted, refused

N = 3
ANSWERS = [
    OutcomeStatus.ACCEPTED,
    OutcomeStatus.REJECTED,
    OutcomeStatus.UNSENT,
    OutcomeStatus.UNCONFIRMED,
]

Step = tuple[str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["claim", "answer", "die", "stop", "decide", "by reference", "by id", "again", "stranger"]
        ),
        st.integers(0, N - 1),
        st.integers(0, len(ReceiptStatus) - 1),
    ),
    max_size=30,
)


class Life:
    """What happens to three messages, and what their receipts said."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.n_takes = self.n_claims = 0
        self.claims: list[Claim] = []
        self.sent_receipts: list[Receipt] = []
        self.told: dict[int, set[ReceiptStatus]] = {row: set() for row in range(N)}  # by our reference
        self.told_by_id: dict[int, set[ReceiptStatus]] = {row: set() for row in range(N)}
        self.ever_accepted: set[int] = set()
        self._take()

    def _take(self) -> None:
        self.n_takes += 1
        self.lease = self.bench.take(f"holder {self.n_takes}")
        self.claims = []

    def step(self, what: str, row: int, number: int) -> None:
        status = list(ReceiptStatus)[number]
        match what:
            case "claim":
                self._claim()
            case "answer":
                self._answer(ANSWERS[number % len(ANSWERS)])
            case "die":
                self.bench.now += 31
                self._take()
                self.bench.outlast()
            case "stop":
                self._opt_out(row)
            case "decide":
                self._decide(list(Decision)[number % 2])
            case "by reference":
                self._receive(self.bench.receipt(row, status))
                self.told[row].add(status)
            case "by id":
                self._receive(Receipt(gateway_message_id=f"g{row}", reference=None, status=status))
                self.told_by_id[row].add(status)
            case "again":
                self.bench.receive(*self.sent_receipts)
            case "stranger":
                self._receive(Receipt(gateway_message_id="nobody's", reference="nobody's", status=status))

    def _claim(self) -> None:
        answer = self.bench.ask(self.lease, self.n_claims, most=2)
        if isinstance(answer, Claim):
            proved = {row for row in range(N) if self.told[row]}
            assert proved.isdisjoint(answer.rows), "what a receipt proves is claimed again"
            self.claims.append(answer)
            self.n_claims += 1

    def _answer(self, status: OutcomeStatus) -> None:
        if not self.claims:
            return
        claimed = self.claims.pop(0)
        if status is OutcomeStatus.ACCEPTED:
            self.ever_accepted.update(claimed.rows)
            self.bench.settle(claimed, *accepted(*claimed.rows))
        else:
            self.bench.settle(claimed, *refused(status, *claimed.rows, kind=ErrorKind.BLOCKED))

    def _opt_out(self, row: int) -> None:
        if not self.bench.rows(f"select 1 from suppressions where person_key = 'person {row}'"):
            self.bench.opt_out(row)

    def _decide(self, decision: Decision) -> None:
        def say(connection, now):
            decide(connection, RUN, decision, by="A", why="w", rules=self.bench.rules, now=now)

        self.bench.commit(say)

    def _receive(self, receipt: Receipt) -> None:
        self.bench.receive(receipt)
        self.sent_receipts.append(receipt)

    def reconcile(self) -> None:
        """Every holder is gone, and whatever was kept is matched."""
        self.bench.now += 100
        self.bench.sweep()
        with self.bench.store.write.begin() as connection:
            unknown = unknown_receipts_of(connection, RUN, "sim", self.bench.sealer)
        self.bench.commit(adopt_receipts, RUN, unknown)


@pytest.fixture(scope="module")
def fresh_bench() -> Iterator[Callable[[], Bench]]:
    stores: list[Store] = []

    def make() -> Bench:
        stores.append(open_store("sqlite://"))
        return Bench(stores[-1], n=N, rate_mps=None)

    yield make
    for store in stores:
        store.close()


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
@example(steps=[("claim", 0, 0), ("by id", 0, 9), ("answer", 0, 0)])
@example(
    steps=[("by reference", 2, 3), ("claim", 0, 0), ("claim", 0, 0)]
)  # before its first claim: a restored store
@example(steps=[("claim", 0, 0), ("die", 0, 0), ("decide", 0, 1), ("by reference", 0, 9), ("claim", 0, 0)])
def test_a_message_is_accepted_exactly_when_something_proved_it_and_shows_its_highest_receipt(
    fresh_bench, steps
):
    life = Life(fresh_bench())
    for step in steps:
        life.step(*step)
    life.reconcile()
    stands = {
        row: rest
        for row, *rest in life.bench.rows("select row, status, receipt, gateway_message_id from outcomes")
    }
    for row in range(N):
        status, receipt, gateway_message_id = stands.get(row, (None, None, None))
        proof = life.told[row] | (life.told_by_id[row] if gateway_message_id else set())
        is_proved = bool(life.told[row]) or row in life.ever_accepted
        assert (status == OutcomeStatus.ACCEPTED) == is_proved
        assert receipt == (max(proof) if proof and is_proved else None)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_receipts_that_all_come_again_change_nothing(fresh_bench, steps):
    life = Life(fresh_bench())
    for step in steps:
        life.step(*step)
    life.reconcile()
    tables = ("outcomes", "receipts", "events", "possible_duplicates")
    before = [life.bench.rows(f"select * from {table} order by 1, 2, 3") for table in tables]
    life.step("again", 0, 0)
    life.reconcile()
    assert [life.bench.rows(f"select * from {table} order by 1, 2, 3") for table in tables] == before
