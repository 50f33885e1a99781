"""The account of one run: every term of the equations, and why (for `status`, `demo` and the end of a flow)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.ledger.audit import audit_run
from data.reports import excluded_by_reason, pace_of, reasons_of, rejects_by_rule
from data.runs import read_run
from messaging.runs import RunState

if TYPE_CHECKING:
    from data.store.engine import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """Counts of one run at one instant.

    reasons: status in words → reason → messages ('' when none was given). assumed_sent is part of unconfirmed.
    possible_duplicates: messages of which the gateway may have taken a second copy, wherever they stand.
    cost, in currency, and segments are of all planned messages. Instants are seconds since 1970, UTC.
    """

    run: int
    run_key: str | None
    campaign: str
    account: str
    state: RunState
    state_reason: str | None
    is_simulated: bool

    source_rows: int
    rejects: int
    contacts: int
    excluded: int
    audience: int
    holdout: int
    messages: int
    rejects_by_rule: Mapping[str, int]
    excluded_by_reason: Mapping[str, int]

    accepted: int
    rejected: int
    unsent: int
    unconfirmed: int
    assumed_sent: int
    in_flight: int
    not_yet_claimed: int
    stopped: int
    possible_duplicates: int
    reasons: Mapping[str, Mapping[str, int]]

    delivered: int
    read: int
    undelivered: int
    expired: int
    rejected_later: int
    failed: int
    canceled: int
    waiting: int
    no_receipt: int

    segments: int
    cost: float
    currency: str
    first_claimed_at: float | None
    last_settled_at: float | None
    balanced: bool

    @property
    def throughput_mps(self) -> float | None:
        """Messages answered per second from the first claim to the last answer; None: too little to tell."""
        if self.first_claimed_at is None or self.last_settled_at is None:
            return None
        lasted_s = self.last_settled_at - self.first_claimed_at
        return (self.accepted + self.rejected) / lasted_s if lasted_s > 0 else None

    @property
    def delivery_rate(self) -> float | None:
        """Delivered or read, of the accepted; None while nothing is accepted."""
        return (self.delivered + self.read) / self.accepted if self.accepted else None

    def as_json(self) -> dict[str, Any]:
        """Stable keys, plain values."""
        return asdict(self) | {
            "state": self.state.value,
            "throughput_mps": self.throughput_mps,
            "delivery_rate": self.delivery_rate,
        }


def read_funnel(store: Store, run: int, *, var_dir: Path, now: float | None = None) -> Funnel:
    """now: tells a message that still waits for a receipt from one whose validity is over. Raises UnknownRun."""
    record = read_run(store, run)
    lake = var_dir / "lake"
    with store.read.begin() as connection:  # one snapshot on SQLite
        audit = audit_run(connection, run, now)
        reasons = reasons_of(connection, run)
        pace = pace_of(connection, run)
    terms = {name: n for name, n in audit.terms.items() if name in Funnel.__slots__}
    return Funnel(
        run=record.run,
        run_key=record.run_key,
        campaign=record.campaign,
        account=record.account,
        state=record.state,
        state_reason=record.state_reason,
        is_simulated=record.is_simulated,
        rejects_by_rule=rejects_by_rule(lake, run),
        excluded_by_reason=excluded_by_reason(lake, run),
        reasons=reasons,
        segments=record.segments,
        cost=record.cost,
        currency=record.currency,
        first_claimed_at=pace.first_claimed_at,
        last_settled_at=pace.last_settled_at,
        balanced=audit.balanced,
        **terms,
    )
