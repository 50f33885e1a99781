"""What claims of either kind have in common: the lease goes on, the account's pace is reserved, the claim is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from data.ledger.events import write_event
from data.ledger.pacing import Slot, reserve_until
from data.ledger.records import STALE, Claim, ClaimKind, ClaimRequest, Ended, own_request_key
from data.ledger.recovering import rows_of
from data.ledger.rules import Rules
from data.ledger.standing import Standing, write_standings
from data.ledger.statements import statement
from messaging.outcomes import OutcomeStatus

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from messaging.batches import BatchRef


def claim_size(rate_mps: float | None, most: int, *, is_bulk: bool, rules: Rules) -> int:
    """How many messages one claim holds (design.md §5): little enough that a pause takes effect within two seconds."""
    cap = min(most, rules.most_per_bulk if is_bulk else rules.most_per_claim)
    if not rate_mps:
        return max(1, cap)
    return max(1, min(cap, int(rate_mps * (1.0 if is_bulk else rules.slot_s))))


def renew(connection: Connection, request: ClaimRequest, rules: Rules, now: float) -> Any:
    """The batch, its lease renewed. None: the lease is not ours any more."""
    lease = request.lease
    return connection.execute(
        statement("renew"),
        {
            "run": lease.ref.run,
            "batch": lease.ref.batch,
            "owner": lease.owner,
            "fence": lease.fence,
            "expires_at": now + rules.lease_s,
        },
    ).one_or_none()


def claimed_before(connection: Connection, request: ClaimRequest, now: float) -> Claim | Ended:
    """The claim that was asked for already: the word of its commit was lost, and nothing of it was sent."""
    ref = request.lease.ref
    key = {"run": ref.run, "batch": ref.batch, "claim_no": request.claim_no}
    stored = connection.execute(statement("read_claim"), key).one()
    if stored.fence != request.lease.fence:
        return Ended(why=STALE)
    at = max(
        now, stored.claimed_at
    )  # by a clock that was set back meanwhile it would have all that time more
    return Claim(
        ref=ref,
        claim_no=stored.claim_no,
        fence=stored.fence,
        account=stored.account,
        rows=rows_of(stored),
        recipients=request.recipients,
        request_key=stored.request_key,
        slot_at=stored.slot_at,
        step_s=stored.step_s,
        send_before=stored.send_before,
        start_in_s=max(0.0, stored.slot_at - at),
        send_for_s=stored.send_before - at,
        kind=ClaimKind(stored.kind),
        is_bulk=bool(stored.is_bulk),
    )


def new_claim(
    request: ClaimRequest,
    account: str,
    rows: Sequence[int],
    slot: Slot,
    not_after: float | None,
    rules: Rules,
    now: float,
    *,
    kind: ClaimKind = ClaimKind.SUBMIT,
    request_key: str | None = None,
) -> Claim:
    """Its right to send ends with the lease, the send window or not_after, whichever comes first.

    request_key: None gives it one of its own.
    """
    send_before = now + rules.right_to_send_s
    if not_after is not None:
        send_before = min(send_before, not_after)
    return Claim(
        ref=request.lease.ref,
        claim_no=request.claim_no,
        fence=request.lease.fence,
        account=account,
        rows=rows,
        recipients=request.recipients,
        request_key=request_key or own_request_key(request.lease.owner, request.lease.ref, request.claim_no),
        slot_at=slot.at,
        step_s=slot.step_s,
        send_before=send_before,
        start_in_s=slot.at - now,
        send_for_s=send_before - now,
        kind=kind,
        is_bulk=request.is_bulk,
    )


def write_claim(
    connection: Connection, claimed: Claim, standings: Mapping[int, Standing], now: float
) -> None:
    """The claim, its messages in flight, its event, and the account's pace. standings: as read in this transaction."""
    ref, rows = claimed.ref, claimed.rows
    first, last, is_span = rows[0], rows[-1] + 1, isinstance(rows, range)
    connection.execute(
        statement("insert_claim"),
        {
            "run": ref.run,
            "batch": ref.batch,
            "claim_no": claimed.claim_no,
            "kind": claimed.kind.value,
            "is_bulk": claimed.is_bulk,
            "account": claimed.account,
            "fence": claimed.fence,
            "first_row": first,
            "last_row": last,
            "rows": None if is_span else orjson.dumps(list(rows)).decode(),
            "n": len(rows),
            "request_key": claimed.request_key,
            "slot_at": claimed.slot_at,
            "step_s": claimed.step_s,
            "send_before": claimed.send_before,
            "claimed_at": now,
        },
    )
    _mark_in_flight(connection, ref, standings, rows, claimed.claim_no)
    payload: dict[str, Any] = {"first": first, "last": last} if is_span else {"rows": list(rows)}
    payload["kind"] = claimed.kind.value
    write_event(connection, "claim", ref, payload, claim_no=claimed.claim_no, now=now)
    reserve_until(connection, claimed.account, Slot(claimed.slot_at, claimed.step_s), len(rows))


def _mark_in_flight(
    connection: Connection,
    ref: BatchRef,
    standings: Mapping[int, Standing],
    rows: Sequence[int],
    claim_no: int,
) -> None:
    """Later attempts only: a first attempt is in flight by lying in an open claim and having no outcome."""
    again = [
        standings[row]._replace(status=int(OutcomeStatus.IN_FLIGHT), claim_no=claim_no, retry_at=None)
        for row in rows
        if row in standings
    ]
    write_standings(connection, ref, standings, again)
