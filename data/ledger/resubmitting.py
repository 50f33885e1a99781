"""What is in doubt goes out once more, with the same reference, where the gateway refuses a second copy.

A claim like any other: under the batch's lease, only while its run may send, after a look at the window, the
opt-outs and the account's pace. Its messages were perhaps sent before, so whatever comes of it, none of them becomes
unsent, rejected or stopped by it (data/ledger/copies.py): it is accepted, or in doubt as before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data.ledger.claiming import opted_out
from data.ledger.deciding import Decision
from data.ledger.pacing import next_slot
from data.ledger.records import (
    STALE,
    Claim,
    ClaimKind,
    ClaimRequest,
    Dedupe,
    Ended,
    Recipients,
    StopReason,
    Wait,
)
from data.ledger.recovering import rows_of
from data.ledger.rules import Rules
from data.ledger.standing import Standing, read_standings
from data.ledger.statements import statement
from data.ledger.writing_claims import claim_size, claimed_before, new_claim, renew, write_claim
from messaging.outcomes import ErrorKind, OutcomeStatus
from messaging.runs import RunState
from messaging.tally import BLOCKED, DEFERRED, DONE

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from messaging.batches import BatchRef

MARGIN_SHARE = 1 / 6  # of a provider's window stays unused: clocks differ, and its memory may end early

# After these the same copy may be tried again under the same lease; any other answer would only be met again.
_TEMPORARY = frozenset(
    {
        ErrorKind.THROTTLED,
        ErrorKind.UNAVAILABLE,
        ErrorKind.CONNECT_FAILED,
        ErrorKind.HELD_BACK,
        ErrorKind.TIMEOUT,
        ErrorKind.LOST_CONNECTION,
        ErrorKind.BAD_ANSWER,
    }
)


@dataclass(frozen=True, slots=True)
class _Doubt:
    """The messages in doubt of one batch, and the claims that left them so."""

    standings: Mapping[int, Standing]
    claims: Mapping[int, Any]
    origins: Mapping[int, Any]  # row → the claim that submitted it anew; the provider's window counts from it

    def last_claim(self, standing: Standing) -> Any:
        """None: it stands in doubt without one, and nobody knows when it can have been sent."""
        return None if standing.claim_no is None else self.claims.get(standing.claim_no)


@dataclass(frozen=True, slots=True)
class _Group:
    """Rows that one claim submitted first. until: the instant after which the provider may have forgotten them."""

    origin: Any
    rows: list[int]
    until: float


def resubmit(
    connection: Connection, request: ClaimRequest, dedupe: Dedupe, rules: Rules, now: float
) -> Claim | Wait | Ended:
    """Claim the next messages in doubt of a batch, or say why not. Asked again, it gives the same claim."""
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
        return Ended(why=StopReason.TOO_LATE.value)
    return _claim_next(connection, request, dedupe, batch, run, rules, now)


def is_resubmittable(
    connection: Connection, request: ClaimRequest, account: str, dedupe: Dedupe, rules: Rules, now: float
) -> bool:
    """Whether `resubmit` would find anything, as far as messages go; takes no lease and writes nothing."""
    ref = request.lease.ref
    run = connection.execute(statement("run_for_claim"), {"run": ref.run}).one()
    doubt = _read_doubt(connection, ref)
    groups = _groups(doubt, request, account, dedupe, rules, now)
    return any(_may_be_texted(connection, request.recipients, run, group) for group in groups)


def _claim_next(
    connection: Connection,
    request: ClaimRequest,
    dedupe: Dedupe,
    batch: Any,
    run: Any,
    rules: Rules,
    now: float,
) -> Claim | Wait | Ended:
    ref, is_whole = request.lease.ref, request.is_bulk and dedupe.by_request
    doubt = _read_doubt(connection, ref)
    size = claim_size(run.rate_mps, request.most, is_bulk=request.is_bulk, rules=rules)
    slot = next_slot(run, size, rules, now)
    for group in _groups(doubt, request, run.account, dedupe, rules, now):
        rows = _may_be_texted(connection, request.recipients, run, group)
        if not rows:
            continue
        if slot.at - now > rules.patience_s:
            return Ended(why=BLOCKED)
        if slot.at - now > rules.horizon_s:
            return Wait(wait_s=min(slot.at - now - rules.horizon_s, rules.lease_s / 3))
        claimed = new_claim(
            request,
            run.account,
            rows if is_whole else rows[:size],
            slot,
            group.until if batch.not_after is None else min(group.until, batch.not_after),
            rules,
            now,
            kind=ClaimKind.RESUBMIT,
            request_key=group.origin.request_key if dedupe.by_request else None,
        )
        moved = {
            "run": ref.run,
            "batch": ref.batch,
            "next_row": batch.next_row,
            "n_claims": claimed.claim_no + 1,
        }
        connection.execute(statement("move_cursor"), moved)
        write_claim(connection, claimed, doubt.standings, now)
        return claimed
    return _nothing_now(doubt, request.lease.fence, rules, now)


def _read_doubt(connection: Connection, ref: BatchRef) -> _Doubt:
    key = {"run": ref.run, "batch": ref.batch}
    n_messages, _ = connection.execute(statement("batch_extent"), key).one()
    standings = {
        row: standing
        for row, standing in read_standings(connection, ref, 0, n_messages).items()
        if standing.status == OutcomeStatus.UNCONFIRMED and standing.decision != Decision.ASSUMED_SENT
    }
    claims = {claim.claim_no: claim for claim in connection.execute(statement("claims_of_batch"), key)}
    origins = {
        row: claim
        for claim in claims.values()  # in the order they were made, so the latest stays
        if claim.kind == ClaimKind.SUBMIT
        for row in rows_of(claim)
    }
    return _Doubt(standings, claims, origins)


def _groups(
    doubt: _Doubt, request: ClaimRequest, account: str, dedupe: Dedupe, rules: Rules, now: float
) -> Iterator[_Group]:
    """What may go out again as far as outcomes and times tell, by the claim it was first submitted with."""
    rows_of_origin: dict[int, list[int]] = {}
    for row, standing in sorted(doubt.standings.items()):
        origin = doubt.origins.get(row)
        if origin is not None and _due_at(doubt, standing, request.lease.fence, rules) <= now:
            rows_of_origin.setdefault(origin.claim_no, []).append(row)
    for claim_no, rows in sorted(rows_of_origin.items()):
        origin = doubt.claims[claim_no]
        group = _Group(origin, rows, origin.claimed_at + dedupe.window_s * (1 - MARGIN_SHARE))
        # A claim of the future was written before a clock was set back: nobody knows how old it is.
        is_remembered = origin.claimed_at <= now < group.until
        if is_remembered and origin.account == account and _is_the_same_request(group, request, dedupe):
            yield group


def _due_at(doubt: _Doubt, standing: Standing, fence: int, rules: Rules) -> float:
    """From when on another copy is worth a try; inf: not under this lease.

    Before, its last claim may still send. What was tried under this very lease has been answered, and is tried again
    with back-off where another answer is to be hoped for.
    """
    last = doubt.last_claim(standing)
    if last is None:
        return math.inf
    if last.kind != ClaimKind.RESUBMIT or last.fence != fence:
        return float(last.send_before)
    if standing.error_kind not in _TEMPORARY or standing.attempts >= rules.max_attempts:
        return math.inf
    back_off_s = min(rules.back_off_s * 2.0 ** max(standing.attempts - 1, 0), rules.longest_back_off_s)
    return (standing.settled_at or 0.0) + back_off_s


def _is_the_same_request(group: _Group, request: ClaimRequest, dedupe: Dedupe) -> bool:
    """A gateway that knows requests must see the very same one: whole, or each message alone as before."""
    if not dedupe.by_request:
        return True
    if bool(group.origin.is_bulk) != request.is_bulk:
        return False
    return not request.is_bulk or (
        len(group.rows) <= request.most and group.rows == list(rows_of(group.origin))
    )


def _may_be_texted(connection: Connection, recipients: Recipients, run: Any, group: _Group) -> Sequence[int]:
    """A request with a member who may not be texted any more is not made again: it can only be looked up."""
    gone = opted_out(connection, recipients, run, group.rows)
    if gone and group.origin.is_bulk:
        return ()
    return [row for row in group.rows if row not in gone]


def _nothing_now(doubt: _Doubt, fence: int, rules: Rules, now: float) -> Wait | Ended:
    """Wait for what was tried under this lease and may be tried once more; what is too early is left to a later call."""
    due_at = [
        _due_at(doubt, standing, fence, rules)
        for standing in doubt.standings.values()
        if (last := doubt.last_claim(standing)) is not None and last.fence == fence
    ]
    ahead = [at for at in due_at if now < at < math.inf]
    if not ahead:
        return Ended(why=DONE)
    return Wait(wait_s=min(min(ahead) - now, rules.lease_s / 3))
