"""What a dead holder left open: perhaps sent, so unconfirmed, unless a receipt or a flight record knows better."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

import orjson

from data.ledger.copies import write_copies
from data.ledger.events import write_event
from data.ledger.records import ClaimKind
from data.ledger.rules import Rules
from data.ledger.standing import (
    NOTHING_YET,
    Standing,
    is_of_another_copy,
    read_receipts_of,
    read_standings,
    with_receipt,
    write_standings,
)
from data.ledger.statements import statement
from messaging.batches import BatchRef
from messaging.outcomes import ErrorKind, OutcomeStatus

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.flight_record import FlightRecords


def expire_leases(
    connection: Connection, rules: Rules, now: float, *, flights: FlightRecords | None = None
) -> list[BatchRef]:
    """Fence off every holder that is silent for longer than its lease, so that no message stays in flight for ever.

    Returns the batches. Nobody becomes their owner: whoever works them next just takes them.
    """
    span = {"now": now, "too_far": now + rules.lease_s + rules.clock_horizon_s}
    expired = [BatchRef(*row) for row in connection.execute(statement("expired_leases"), span)]
    for ref in expired:
        fence = connection.execute(statement("fence_off"), {"run": ref.run, "batch": ref.batch}).scalar_one()
        recover(connection, ref, fence, rules, now, flights=flights)
    return expired


def recover(
    connection: Connection,
    ref: BatchRef,
    fence: int,
    rules: Rules,
    now: float,
    *,
    flights: FlightRecords | None = None,
) -> None:
    """Close the claims that were left open under a fence older than this one.

    flights: what it proves never to have left becomes unsent; without it, all is in doubt.
    """
    key = {"run": ref.run, "batch": ref.batch}
    for claim in connection.execute(statement("open_claims"), key | {"fence": fence}).all():
        departed = _departed(flights, ref, claim)
        _give_up(connection, ref, claim, departed, now)
        given_up = {"claim_no": claim.claim_no, "sent_until": _sent_until(departed, rules, now)}
        connection.execute(statement("doubt_claim"), key | given_up)


def _sent_until(departed: AbstractSet[int] | None, rules: Rules, now: float) -> float:
    """A flight record is believed of the dead only, and they send no more. Who may live has its whole time, from now.

    It measures that time by a clock of its own, and the store's may have leapt over the lease since the claim.
    """
    return now + rules.right_to_send_s if departed is None else now


def _departed(flights: FlightRecords | None, ref: BatchRef, claim: Any) -> AbstractSet[int] | None:
    """The rows of a claim that may have left. None: all of them.

    What is submitted once more was in doubt before, and stays so whether or not this copy left.
    """
    if flights is None or claim.kind != ClaimKind.SUBMIT:
        return None
    return flights.departed(ref, claim.fence, claim.claim_no, claim.request_key)


def _give_up(
    connection: Connection, ref: BatchRef, claim: Any, departed: AbstractSet[int] | None, now: float
) -> None:
    rows = rows_of(claim)
    before = read_standings(connection, ref, claim.first_row, claim.last_row)
    receipts = read_receipts_of(connection, ref, claim.first_row, claim.last_row)
    after, copies = [], []
    for row in rows:
        was = before.get(row)
        if was is not None and not (was.is_in_flight and was.claim_no == claim.claim_no):
            continue
        fresh = was or NOTHING_YET._replace(row=row, claim_no=claim.claim_no)
        may_have_left = departed is None or row in departed
        now_stands = (_in_doubt if may_have_left else _never_left)(fresh, claim, now)
        for receipt in receipts.get(row, ()):
            now_stands = with_receipt(now_stands, receipt, now=now)
            if is_of_another_copy(now_stands, receipt):
                copies.append(receipt)
        after.append(now_stands)
    write_standings(connection, ref, before, after)
    doubt = {"rows": [standing.row for standing in after], "status": [standing.status for standing in after]}
    write_event(connection, "doubt", ref, doubt, claim_no=claim.claim_no, now=now)
    write_copies(connection, ref, copies, claim_no=claim.claim_no, now=now)


def _in_doubt(was: Standing, claim: Any, now: float) -> Standing:
    return was._replace(
        status=int(OutcomeStatus.UNCONFIRMED),
        attempts=attempts_after(was, claim.fence, on_wire=True),
        attempts_fence=claim.fence,
        retry_at=None,
        error_kind=None,
        error_code=None,
        settled_at=now,
    )


def _never_left(was: Standing, claim: Any, now: float) -> Standing:
    """As if its sender had held it back: not an attempt, and to be claimed again at once."""
    return was._replace(
        status=int(OutcomeStatus.UNSENT),
        attempts=attempts_after(was, claim.fence, on_wire=False),
        attempts_fence=claim.fence,
        retry_at=now,
        error_kind=ErrorKind.HELD_BACK.value,
        error_code=None,
        settled_at=now,
    )


def attempts_after(standing: Standing, fence: int, *, on_wire: bool) -> int:
    """Requests that were on the wire under this fence, this one included if it was."""
    earlier = standing.attempts if standing.attempts_fence == fence else 0
    return earlier + on_wire


def rows_of(claim: Any) -> Sequence[int]:
    """The rows of a stored claim: a list, or its whole span."""
    rows: Sequence[int] = orjson.loads(claim.rows) if claim.rows else range(claim.first_row, claim.last_row)
    return rows
