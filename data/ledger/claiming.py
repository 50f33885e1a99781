"""What is about to be submitted, written before the first byte leaves.

One transaction renews the lease, looks at everything that may forbid a message now (run, window, opt-outs, attempts),
and reserves the account's pace: so a pause, a STOP or a new rate takes effect with the next claim.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from data.ledger.events import write_event
from data.ledger.records import STALE, Claim, ClaimKind, ClaimRequest, Ended, StopReason, Wait
from data.ledger.recovering import rows_of
from data.ledger.rules import Rules
from data.ledger.standing import Standing, read_standings, write_standings
from data.ledger.statements import statement
from data.ledger.stopping import stop_batch, stop_rows
from messaging.outcomes import OutcomeStatus
from messaging.runs import RunState
from messaging.tally import BLOCKED, DEFERRED, DONE

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from messaging.batches import BatchRef


@dataclass(slots=True)
class _Cursor:
    """How far the first attempts of the batch have come."""

    n_messages: int
    next_row: int
    n_claims: int


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Messages that may be claimed as far as their outcomes go. next_row: the cursor once they are."""

    rows: Sequence[int]
    next_row: int
    standings: dict[int, Standing]  # of those that were attempted before


@dataclass(frozen=True, slots=True)
class _Slot:
    """When the account is free, and how far apart its messages are (0: as fast as it answers)."""

    at: float
    step_s: float


def claim(connection: Connection, request: ClaimRequest, rules: Rules, now: float) -> Claim | Wait | Ended:
    """Claim the next messages of a batch, or say why not. Asked again, it gives the same claim: nothing of it was sent."""
    ref = request.lease.ref
    batch = _renew(connection, request, rules, now)
    if batch is None:
        return Ended(why=STALE)
    if batch.n_claims > request.claim_no:
        return _claimed_before(connection, request, now)
    run = connection.execute(statement("run_for_claim"), {"run": ref.run}).one()
    if run.state != RunState.SENDING:
        return Ended(why=run.state)
    if batch.not_before is not None and now < batch.not_before:
        return Ended(why=DEFERRED)
    if batch.not_after is not None and now >= batch.not_after:
        stop_batch(connection, ref, StopReason.TOO_LATE, now)  # whatever is not sent by now never will be
        return Ended(why=DONE)
    return _claim_next(connection, request, batch, run, rules, now)


def claim_size(rate_mps: float | None, most: int, *, is_bulk: bool, rules: Rules) -> int:
    """How many messages one claim holds (design.md §5): little enough that a pause takes effect within two seconds."""
    cap = min(most, rules.most_per_bulk if is_bulk else rules.most_per_claim)
    if not rate_mps:
        return max(1, cap)
    return max(1, min(cap, int(rate_mps * (1.0 if is_bulk else rules.slot_s))))


def _renew(connection: Connection, request: ClaimRequest, rules: Rules, now: float) -> Any:
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


def _claimed_before(connection: Connection, request: ClaimRequest, now: float) -> Claim | Ended:
    ref = request.lease.ref
    key = {"run": ref.run, "batch": ref.batch, "claim_no": request.claim_no}
    stored = connection.execute(statement("read_claim"), key).one()
    if stored.fence != request.lease.fence:
        return Ended(why=STALE)
    return Claim(
        ref=ref,
        claim_no=stored.claim_no,
        fence=stored.fence,
        account=stored.account,
        rows=rows_of(stored),
        request_key=stored.request_key,
        slot_at=stored.slot_at,
        step_s=stored.step_s,
        send_before=stored.send_before,
        start_in_s=max(0.0, stored.slot_at - now),
        send_for_s=stored.send_before - now,
    )


def _claim_next(
    connection: Connection, request: ClaimRequest, batch: Any, run: Any, rules: Rules, now: float
) -> Claim | Wait | Ended:
    """Go on through the batch until a claim holds somebody who may be texted."""
    ref, fence = request.lease.ref, request.lease.fence
    cursor = _Cursor(batch.n_messages, batch.next_row, batch.n_claims)
    size = claim_size(run.rate_mps, request.most, is_bulk=request.is_bulk, rules=rules)
    slot = _next_slot(run, size, rules, now)
    while candidates := _candidates(connection, ref, cursor, fence, size, rules, now):
        if slot.at - now > rules.patience_s:
            return Ended(why=BLOCKED)
        if slot.at - now > rules.horizon_s:
            return Wait(wait_s=min(slot.at - now - rules.horizon_s, rules.lease_s / 3))
        rows = _without_opted_out(connection, request, run.account, candidates, now)
        cursor.next_row = candidates.next_row
        if not rows:
            _move(connection, ref, cursor)
            continue
        claimed = _new_claim(request, run.account, rows, slot, batch.not_after, rules, now)
        cursor.n_claims = claimed.claim_no + 1
        _move(connection, ref, cursor)
        _write_claim(connection, claimed, candidates, now)
        _reserve(connection, claimed)
        return claimed
    return _nothing_now(connection, ref, fence, rules, now)


def _next_slot(run: Any, size: int, rules: Rules, now: float) -> _Slot:
    """GCRA: the account is free when what was reserved before is through, and no gateway's wish blocks it."""
    step_s = 1 / run.rate_mps if run.rate_mps else 0.0
    at = now
    if run.next_free_at <= now + rules.clock_horizon_s + step_s * size:
        at = max(at, run.next_free_at)
    if run.blocked_until <= now + rules.longest_block_s:
        at = max(at, run.blocked_until)
    return _Slot(at, step_s)


def _candidates(
    connection: Connection, ref: BatchRef, cursor: _Cursor, fence: int, size: int, rules: Rules, now: float
) -> _Candidates | None:
    """The next `size` messages: first attempts as long as there are any, then unsent ones whose time has come."""
    while cursor.next_row < cursor.n_messages:
        first, last = cursor.next_row, min(cursor.next_row + size, cursor.n_messages)
        decided = read_standings(
            connection, ref, first, last
        )  # a receipt can come for what was never claimed here
        if len(decided) < last - first:
            rows = (
                [row for row in range(first, last) if row not in decided] if decided else range(first, last)
            )
            return _Candidates(rows, last, {})
        cursor.next_row = last
        _move(connection, ref, cursor)
    due = (
        connection.execute(
            statement("retryable"),
            {
                "run": ref.run,
                "batch": ref.batch,
                "fence": fence,
                "max_attempts": rules.max_attempts,
                "now": now,
                "too_far": now + rules.clock_horizon_s,
                "most": size,
            },
        )
        .scalars()
        .all()
    )
    if not due:
        return None
    return _Candidates(due, cursor.next_row, read_standings(connection, ref, due[0], due[-1] + 1))


def _nothing_now(connection: Connection, ref: BatchRef, fence: int, rules: Rules, now: float) -> Wait | Ended:
    retry_at = connection.execute(
        statement("next_retry"),
        {"run": ref.run, "batch": ref.batch, "fence": fence, "max_attempts": rules.max_attempts, "now": now},
    ).scalar()
    if retry_at is None:
        return Ended(why=DONE)
    return Wait(wait_s=min(retry_at - now, rules.lease_s / 3))


def _without_opted_out(
    connection: Connection, request: ClaimRequest, account: str, candidates: _Candidates, now: float
) -> Sequence[int]:
    """The rows that may be texted at this moment. The others are stopped, here and for good."""
    recipients = request.recipients
    keys = [recipients.person_keys[row] for row in candidates.rows]
    found = connection.execute(statement("suppressed"), {"person_keys": keys}).all()
    if not found:
        return candidates.rows
    suppressed = {(person_key, scope) for person_key, scope in found}

    def is_opted_out(row: int) -> bool:
        scopes = ("", account, recipients.sender_ids[row] or "")
        return any((recipients.person_keys[row], scope) in suppressed for scope in scopes)

    stopped = [row for row in candidates.rows if is_opted_out(row)]
    stop_rows(connection, request.lease.ref, candidates.standings, stopped, StopReason.OPTED_OUT, now)
    return [row for row in candidates.rows if not is_opted_out(row)]


def _new_claim(
    request: ClaimRequest,
    account: str,
    rows: Sequence[int],
    slot: _Slot,
    not_after: float | None,
    rules: Rules,
    now: float,
) -> Claim:
    """Its right to send ends with the lease, the send window or the messages' own window, whichever comes first."""
    send_before = now + min(rules.lease_s, rules.send_window_s)
    if not_after is not None:
        send_before = min(send_before, not_after)
    return Claim(
        ref=request.lease.ref,
        claim_no=request.claim_no,
        fence=request.lease.fence,
        account=account,
        rows=rows,
        request_key=_request_key(request),
        slot_at=slot.at,
        step_s=slot.step_s,
        send_before=send_before,
        start_in_s=slot.at - now,
        send_for_s=send_before - now,
    )


def _write_claim(connection: Connection, claimed: Claim, candidates: _Candidates, now: float) -> None:
    ref, rows = claimed.ref, claimed.rows
    first, last, is_span = rows[0], rows[-1] + 1, isinstance(rows, range)
    connection.execute(
        statement("insert_claim"),
        {
            "run": ref.run,
            "batch": ref.batch,
            "claim_no": claimed.claim_no,
            "kind": ClaimKind.SUBMIT.value,
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
    _mark_in_flight(connection, ref, candidates.standings, rows, claimed.claim_no)
    payload: dict[str, Any] = {"first": first, "last": last} if is_span else {"rows": list(rows)}
    payload["kind"] = ClaimKind.SUBMIT.value
    write_event(connection, "claim", ref, payload, claim_no=claimed.claim_no, now=now)


def _reserve(connection: Connection, claimed: Claim) -> None:
    if claimed.step_s:
        free_at = claimed.slot_at + claimed.step_s * len(claimed.rows)
        connection.execute(statement("reserve_pace"), {"account": claimed.account, "next_free_at": free_at})


def _mark_in_flight(
    connection: Connection, ref: BatchRef, standings: dict[int, Standing], rows: Sequence[int], claim_no: int
) -> None:
    """Later attempts only: a first attempt is in flight by lying in an open claim and having no outcome."""
    again = [
        standings[row]._replace(status=int(OutcomeStatus.IN_FLIGHT), claim_no=claim_no, retry_at=None)
        for row in rows
        if row in standings
    ]
    write_standings(connection, ref, standings, again)


def _move(connection: Connection, ref: BatchRef, cursor: _Cursor) -> None:
    moved = {"run": ref.run, "batch": ref.batch, "next_row": cursor.next_row, "n_claims": cursor.n_claims}
    connection.execute(statement("move_cursor"), moved)


def _request_key(request: ClaimRequest) -> str:
    """Unique over all instances that share a gateway account, since the owner is; the same when asked again."""
    lease = request.lease
    name = f"{lease.owner}/{lease.ref.run}/{lease.ref.batch}/{request.claim_no}"
    return hashlib.blake2b(name.encode(), digest_size=12).hexdigest()
