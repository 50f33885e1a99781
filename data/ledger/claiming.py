"""What is about to be submitted, written before the first byte leaves.

One transaction renews the lease, looks at everything that may forbid a message now (run, window, opt-outs, attempts),
and reserves the account's pace: so a pause, a STOP or a new rate takes effect with the next claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data.ledger.pacing import next_slot
from data.ledger.records import STALE, Claim, ClaimRequest, Ended, Recipients, StopReason, Wait
from data.ledger.rules import Rules
from data.ledger.standing import Standing, read_standings
from data.ledger.statements import list_text, statement
from data.ledger.stopping import stop_batch, stop_rows
from data.ledger.writing_claims import claim_size, claimed_before, new_claim, renew, write_claim
from data.suppressions import EVERYWHERE, purpose_scope
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


def claim(connection: Connection, request: ClaimRequest, rules: Rules, now: float) -> Claim | Wait | Ended:
    """Claim the next messages of a batch, or say why not. Asked again, it gives the same claim: nothing of it was sent."""
    ref = request.lease.ref
    batch = renew(connection, request, rules, now)
    if batch is None:
        return Ended(why=STALE)
    if batch.n_claims > request.claim_no:
        return claimed_before(connection, request, now)
    run = connection.execute(statement("run_for_claim"), {"run": ref.run}).one()
    if run.state != RunState.SENDING:
        return Ended(why=run.state)
    if batch.not_before is not None and now < batch.not_before:
        return Ended(why=DEFERRED)
    if batch.not_after is not None and now >= batch.not_after:
        stop_batch(connection, ref, StopReason.TOO_LATE, now)  # whatever is not sent by now never will be
        return Ended(why=DONE)
    return _claim_next(connection, request, batch, run, rules, now)


def _claim_next(
    connection: Connection, request: ClaimRequest, batch: Any, run: Any, rules: Rules, now: float
) -> Claim | Wait | Ended:
    """Go on through the batch until a claim holds somebody who may be texted."""
    ref, fence = request.lease.ref, request.lease.fence
    cursor = _Cursor(batch.n_messages, batch.next_row, batch.n_claims)
    size = claim_size(run.rate_mps, request.most, is_bulk=request.is_bulk, rules=rules)
    slot = next_slot(run, size, rules, now)
    while candidates := _candidates(connection, ref, cursor, fence, size, rules, now):
        if slot.at - now > rules.patience_s:
            return Ended(why=BLOCKED)
        if slot.at - now > rules.horizon_s:
            return Wait(wait_s=min(slot.at - now - rules.horizon_s, rules.lease_s / 3))
        rows = _without_opted_out(connection, request, run, candidates, now)
        cursor.next_row = candidates.next_row
        if not rows:
            _move(connection, ref, cursor)
            continue
        claimed = new_claim(request, run.account, rows, slot, batch.not_after, rules, now)
        cursor.n_claims = claimed.claim_no + 1
        _move(connection, ref, cursor)
        write_claim(connection, claimed, candidates.standings, now)
        return claimed
    return _nothing_now(connection, ref, fence, rules, now)


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
    connection: Connection, request: ClaimRequest, run: Any, candidates: _Candidates, now: float
) -> Sequence[int]:
    """The rows that may be texted at this moment. The others are stopped, here and for good."""
    gone = opted_out(connection, request.recipients, run, candidates.rows)
    if not gone:
        return candidates.rows
    for reason in sorted(set(gone.values())):
        stopped = [row for row in candidates.rows if gone.get(row) is reason]
        stop_rows(connection, request.lease.ref, candidates.standings, stopped, reason, now)
    return [row for row in candidates.rows if row not in gone]


def opted_out(
    connection: Connection, recipients: Recipients, run: Any, rows: Sequence[int]
) -> dict[int, StopReason]:
    """Those of these rows whose people may not be texted at this moment, each with the reason.

    At all, by this account or this sender; or for the purpose of the run, as whoever withdraws a consent is written
    down (data/consents.py): so the consent that a plan found is looked up once more for every message that leaves.
    A message whose person was forgotten meanwhile names nobody, and goes nowhere.
    """
    if not rows:
        return {}
    gone = {row: StopReason.OPTED_OUT for row in rows if recipients.person_keys[row] is None}
    keys = tuple(recipients.person_keys[row] for row in rows)
    text = list_text("suppressed", connection.dialect.name, len(keys))
    found = connection.exec_driver_sql(text, keys).all()
    if not found:
        return gone
    suppressed = {(person_key, scope) for person_key, scope in found}
    purpose = purpose_scope(run.purpose)
    for row in rows:
        person_key = recipients.person_keys[row]
        if any(
            (person_key, scope) in suppressed
            for scope in (EVERYWHERE, run.account, recipients.sender_ids[row] or EVERYWHERE)
        ):
            gone[row] = StopReason.OPTED_OUT
        elif (person_key, purpose) in suppressed:
            gone[row] = StopReason.CONSENT_WITHDRAWN
    return gone


def _move(connection: Connection, ref: BatchRef, cursor: _Cursor) -> None:
    moved = {"run": ref.run, "batch": ref.batch, "next_row": cursor.next_row, "n_claims": cursor.n_claims}
    connection.execute(statement("move_cursor"), moved)
