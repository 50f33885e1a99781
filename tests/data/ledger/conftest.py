from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import orjson
import pytest
import sqlalchemy as sa

from data.ledger.audit import Audit, audit_run
from data.ledger.claiming import claim
from data.ledger.leasing import give_back, take
from data.ledger.receipts import record_receipts
from data.ledger.records import (
    Busy,
    Claim,
    ClaimRequest,
    Ended,
    Lease,
    Recipients,
    Recorded,
    Settled,
    Settlement,
    Wait,
)
from data.ledger.recovering import expire_leases
from data.ledger.rules import Rules
from data.ledger.settling import settle
from data.ledger.tallying import tally_batch
from data.store.engine import Store
from data.store.tables import accounts, batches, metadata, runs, suppressions
from messaging.batches import BatchRef
from messaging.outcomes import ErrorKind, Outcome, OutcomeStatus, ProviderError, Receipt, ReceiptStatus
from messaging.sealed import Sealer
from messaging.tally import BatchTally

T = TypeVar("T")

RUN = 1


class Bench:
    """One run on a store in memory, a clock to be set by hand, and the ledger's functions each in a commit of its own."""

    def __init__(self, store: Store, *, n: int, rate_mps: float | None, **batch: Any) -> None:
        self.store = store
        self.now = 1_000_000.0
        self.rules = Rules()
        self.ref = BatchRef(RUN, 0)
        self.recipients = Recipients(person_keys=[f"person {i}" for i in range(n)], sender_ids=["Shop"] * n)
        self.sealer = Sealer(b"a key for the tests")
        metadata.create_all(store.write)
        self.do(sa.insert(accounts).values(account="sim", kind="simulator", rate_mps=rate_mps))
        self.do(
            sa.insert(runs).values(
                run=RUN, campaign="c", state="sending", origin="hand", is_simulated=True, account="sim", created_at=0,
                n_source_rows=n, n_contacts=n, n_audience=n, n_messages=n, validity_s=3600,
            )
        )  # fmt: skip
        self.do(sa.insert(batches).values(run=RUN, batch=0, part=0, n_messages=n, **batch))

    def do(self, statement: sa.Executable) -> None:
        with self.store.write.begin() as connection:
            connection.execute(statement)

    def rows(self, text: str) -> list[Any]:
        with self.store.write.begin() as connection:
            return [tuple(row) for row in connection.execute(sa.text(text))]

    def commit(self, fn: Callable[..., T], *args: Any) -> T:
        with self.store.write.begin() as connection:
            answer = fn(connection, *args, self.now)
        audit = self.audit()
        assert audit.balanced, (fn.__name__, audit.equations)
        return answer

    def take(self, owner: str = "first") -> Lease:
        lease = self.try_to_take(owner)
        assert isinstance(lease, Lease)
        return lease

    def try_to_take(self, owner: str) -> Lease | Busy:
        return self.commit(take, self.ref, owner, self.rules)

    def give_back(self, lease: Lease) -> bool:
        return self.commit(give_back, lease)

    def ask(
        self, lease: Lease, claim_no: int = 0, *, most: int = 50, is_bulk: bool = False
    ) -> Claim | Wait | Ended:
        request = ClaimRequest(
            lease=lease, claim_no=claim_no, recipients=self.recipients, most=most, is_bulk=is_bulk
        )
        return self.commit(claim, request, self.rules)

    def claim(self, lease: Lease, claim_no: int = 0, **how: Any) -> Claim:
        answer = self.ask(lease, claim_no, **how)
        assert isinstance(answer, Claim), answer
        return answer

    def settle(self, claimed: Claim, *settlements: Settlement, blocked_s: float = 0.0) -> Settled:
        return self.commit(settle, claimed, settlements, blocked_s, 1.0, self.rules)

    def sweep(self) -> list[BatchRef]:
        return self.commit(expire_leases, self.rules)

    def outlast(self) -> None:
        """Until whoever was given up just now has no right to send any more, should it be alive."""
        self.now += self.rules.right_to_send_s

    def receive(self, *receipts: Receipt) -> Recorded:
        def record(connection: sa.Connection, now: float) -> Recorded:
            return record_receipts(connection, "sim", receipts, self.sealer, now)

        return self.commit(record)

    def receipt(self, row: int, status: ReceiptStatus, *, gid: str | None = None, part: int = 0) -> Receipt:
        return Receipt(
            gateway_message_id=f"g{row}" if gid is None else gid,
            reference=self.sealer.seal(RUN, 0, row),
            status=status,
            done_at=self.now,
            part=part,
        )

    def opt_out(self, row: int, scope: str = "") -> None:
        key = self.recipients.person_keys[row]
        self.do(
            sa.insert(suppressions).values(
                person_key=key, scope=scope, reason="stop", source="reply", at=self.now
            )
        )

    def move_run(self, state: str) -> None:
        self.do(sa.update(runs).values(state=state))

    def audit(self) -> Audit:
        with self.store.write.begin() as connection:
            return audit_run(connection, RUN, self.now)

    def terms(self) -> dict[str, int]:
        """The terms of the messages that are not zero, in the order of the equation."""
        names = ("accepted", "rejected", "unsent", "unconfirmed", "in_flight", "not_yet_claimed", "stopped")
        found = self.audit().terms
        return {name: found[name] for name in names if found[name]}

    def tally(self, ended: str = "done") -> BatchTally:
        return self.commit(tally_batch, self.ref, ended)

    def events(self, *kinds: str) -> list[tuple[str, Any]]:
        found = self.rows("select kind, payload from events order by event")
        return [(kind, orjson.loads(payload)) for kind, payload in found if not kinds or kind in kinds]

    def with_rules(self, **changes: Any) -> None:
        self.rules = dataclasses.replace(self.rules, **changes)


def accepted(*rows: int) -> list[Settlement]:
    return [
        Settlement(
            row, Outcome(reference=str(row), status=OutcomeStatus.ACCEPTED, gateway_message_id=f"g{row}")
        )
        for row in rows
    ]


def refused(
    status: OutcomeStatus,
    *rows: int,
    kind: ErrorKind = ErrorKind.THROTTLED,
    on_wire: bool = True,
    permanent: bool = False,
) -> list[Settlement]:
    error = ProviderError(kind=kind, permanent=permanent, code="42")
    return [
        Settlement(row, Outcome(reference=str(row), status=status, error=error, on_wire=on_wire))
        for row in rows
    ]


@pytest.fixture
def bench_of(empty_store: Callable[[], Store]) -> Callable[..., Bench]:
    def make(n: int = 10, rate_mps: float | None = None, **batch: Any) -> Bench:
        return Bench(empty_store(), n=n, rate_mps=rate_mps, **batch)

    return make


@pytest.fixture
def bench(bench_of: Callable[[], Bench]) -> Bench:
    return bench_of()
