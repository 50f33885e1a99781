"""What the gateway said, message by message. Repeatable, in parts, and never louder than what is known better."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from data.gateway_opt_outs import suppress_opted_out
from data.ledger.copies import (
    as_known_to_the_gateway,
    is_known_to_the_gateway,
    mark_possible_duplicates,
    said_of_the_first,
    write_copies,
)
from data.ledger.events import write_event
from data.ledger.guarding import guard_run
from data.ledger.records import Claim, ClaimKind, Settled, Settlement
from data.ledger.recovering import attempts_after
from data.ledger.rules import Rules
from data.ledger.standing import (
    Standing,
    StoredReceipt,
    is_of_another_copy,
    read_receipts_of,
    read_standings,
    with_receipt,
    write_standings,
)
from data.ledger.statements import statement
from data.ledger.unknown_receipts import attach_by_id
from messaging.outcomes import ErrorKind, Outcome, OutcomeStatus

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


class _Weight(Enum):
    """What an outcome is worth beside what the ledger has of its message by now."""

    FIRST = auto()  # the message is in flight in this very claim
    BETTER = auto()  # it was decided meanwhile, and this says more
    SAME = auto()  # this settle was committed before, and the word of it lost
    LATE = auto()  # evidence that changes nothing: kept as an event, and shown


def settle(
    connection: Connection,
    claim: Claim,
    settlements: Sequence[Settlement],
    blocked_s: float,
    jitter: float,
    rules: Rules,
    now: float,
) -> Settled:
    """Settle some messages of a claim, also after its lease was lost: what the gateway said is evidence.

    blocked_s: how long the gateway asked the whole account to wait from now; 0: it did not. jitter: 0 … 1, spreads
    the next attempts.
    """
    if not settlements:
        return Settled(n_applied=0, n_repeated=0, n_late=0)
    ref = claim.ref
    failed = [outcome for _, outcome in settlements if outcome.error is not None]
    settlements = _as_said_of_the_message(claim, settlements, failed)
    rows = [settlement.row for settlement in settlements]
    span = min(rows), max(rows) + 1
    before = read_standings(connection, ref, *span)
    weights = (
        [_weigh(before.get(row), claim.claim_no, outcome) for row, outcome in settlements]
        if before
        else [_Weight.FIRST] * len(settlements)
    )
    applied = [
        (settlement, weight)
        for settlement, weight in zip(settlements, weights, strict=True)
        if weight is _Weight.FIRST or weight is _Weight.BETTER
    ]
    late = [
        settlement for settlement, weight in zip(settlements, weights, strict=True) if weight is _Weight.LATE
    ]
    n_first = weights.count(_Weight.FIRST)
    ids = {s.outcome.gateway_message_id: s.row for s, _ in applied if s.outcome.gateway_message_id}
    reported = attach_by_id(connection, claim.account, ref, ids, now)
    receipts = read_receipts_of(connection, ref, *span) if n_first or reported else {}

    after = [
        _first(claim, s, jitter, rules, now)
        if s.row not in before
        else _after(before[s.row], claim, s, jitter, rules, now)
        for s, _ in applied
    ]
    known = [_with_receipts(standing, receipts, now) for standing in after] if receipts else after
    write_standings(connection, ref, before, known)
    if n_first:
        key = {"run": ref.run, "batch": ref.batch, "claim_no": claim.claim_no, "n": n_first}
        connection.execute(statement("settle_claim"), key)
    _write_outcomes(connection, claim, [s for s, _ in applied], after, now)
    _write_adopted(connection, claim, after, receipts, now)
    _write_late(connection, claim, late + _beside_doubt(claim, applied, before), before, now)
    _write_other_copies(connection, claim, after, receipts, now)
    if failed:
        _suppress_opted_out(connection, claim, settlements, weights, now)
    if blocked_s > 0 and len(applied) + len(late):
        _block(connection, claim.account, blocked_s, rules, now)
    if applied:
        guard_run(connection, ref.run, [s.outcome for s, _ in applied], now)
    return Settled(
        n_applied=len(applied), n_repeated=weights.count(_Weight.SAME), n_late=len(late), reported=reported
    )


def _weigh(was: Standing | None, claim_no: int, outcome: Outcome) -> _Weight:
    if was is None or (was.is_in_flight and was.claim_no == claim_no):
        return _Weight.FIRST
    if was.is_in_flight:
        return _Weight.LATE  # a newer claim holds the message; it cannot be called back
    is_ours = was.claim_no == claim_no
    if is_ours and _says_the_same(was, outcome):
        return _Weight.SAME
    if outcome.status == OutcomeStatus.ACCEPTED:
        is_new = was.status != OutcomeStatus.ACCEPTED or was.gateway_message_id is None
        return _Weight.BETTER if is_new else _Weight.LATE
    if is_ours and was.status == OutcomeStatus.UNCONFIRMED and was.decision is None:
        return _Weight.BETTER
    return _Weight.LATE


def _says_the_same(was: Standing, outcome: Outcome) -> bool:
    """Also by the same error: what a person made unsent was not said by a gateway, so its word is news."""
    return (
        was.status == outcome.status
        and was.gateway_message_id == outcome.gateway_message_id
        and was.error_kind == (None if outcome.error is None else outcome.error.kind.value)
    )


def _beside_doubt(
    claim: Claim, applied: Sequence[tuple[Settlement, _Weight]], before: dict[int, Standing]
) -> list[Settlement]:
    """Accepted after all, while a later attempt at the same message is in doubt: that one may have been taken, too."""
    return [
        settlement
        for settlement, weight in applied
        if weight is _Weight.BETTER
        and settlement.outcome.status == OutcomeStatus.ACCEPTED
        and before[settlement.row].status == OutcomeStatus.UNCONFIRMED
        and before[settlement.row].claim_no != claim.claim_no
    ]


def _first(claim: Claim, settlement: Settlement, jitter: float, rules: Rules, now: float) -> Standing:
    """A message with its very first outcome, before any receipt. Nearly all messages pass here once."""
    row, outcome = settlement
    error, attempts = outcome.error, int(outcome.on_wire)
    is_unsent = outcome.status is OutcomeStatus.UNSENT  # a call saved for all others
    if error is None:
        kind = code = None
    else:
        kind, code = error.kind.value, error.code
    return Standing(
        row,
        claim.claim_no,
        int(outcome.status),
        attempts,
        claim.fence,
        _retry_at(outcome, attempts, jitter, rules, now) if is_unsent else None,
        outcome.gateway_message_id,
        kind,
        code,
        settled_at=now,
    )


def _after(
    was: Standing, claim: Claim, settlement: Settlement, jitter: float, rules: Rules, now: float
) -> Standing:
    """A message with one more outcome, before any receipt."""
    outcome = settlement.outcome
    if was.is_in_flight:
        claim_no: int | None = claim.claim_no
        fence = claim.fence
        attempts = attempts_after(was, fence, on_wire=outcome.on_wire)
    else:  # counted already, when its claim fell in doubt
        claim_no, fence = was.claim_no, was.attempts_fence
        attempts = was.attempts if outcome.on_wire else max(0, was.attempts - 1)
    error = outcome.error
    return was._replace(
        claim_no=claim_no,
        status=int(outcome.status),
        attempts=attempts,
        attempts_fence=fence,
        retry_at=_retry_at(outcome, attempts, jitter, rules, now),
        gateway_message_id=outcome.gateway_message_id,
        error_kind=None if error is None else error.kind.value,
        error_code=None if error is None else error.code,
        stop_reason=None,
        settled_at=now,
    )


def _retry_at(outcome: Outcome, attempts: int, jitter: float, rules: Rules, now: float) -> float | None:
    """When an unsent message may be claimed again. None: not by this task run, it would meet the same answer."""
    if outcome.status != OutcomeStatus.UNSENT or (outcome.error is not None and outcome.error.permanent):
        return None
    if outcome.error is not None and outcome.error.kind == ErrorKind.HELD_BACK:
        return now
    back_off_s = min(rules.back_off_s * 2.0 ** min(max(attempts - 1, 0), 16), rules.longest_back_off_s)
    return now + back_off_s * (0.5 + 0.5 * jitter)


def _with_receipts(standing: Standing, receipts: dict[int, list[StoredReceipt]], now: float) -> Standing:
    for receipt in receipts.get(standing.row, ()):
        standing = with_receipt(standing, receipt, now=now)
    return standing


def _write_outcomes(
    connection: Connection,
    claim: Claim,
    settlements: Sequence[Settlement],
    after: Sequence[Standing],
    now: float,
) -> None:
    if not settlements:
        return
    payload = _as_arrays(settlements) | {"attempt": [standing.attempts for standing in after]}
    write_event(connection, "outcomes", claim.ref, payload, claim_no=claim.claim_no, now=now)


def _write_late(
    connection: Connection, claim: Claim, late: Sequence[Settlement], before: dict[int, Standing], now: float
) -> None:
    """A late `accepted` beside another accepted or a newer claim may mean that the person gets it twice: say so."""
    if not late:
        return
    payload = _as_arrays(late) | {
        "attempt": [before[settlement.row].attempts for settlement in late],
        "possible_duplicate": [s.outcome.status == OutcomeStatus.ACCEPTED for s in late],
    }
    write_event(connection, "late", claim.ref, payload, claim_no=claim.claim_no, now=now)
    copies = [s.row for s in late if s.outcome.status == OutcomeStatus.ACCEPTED]
    mark_possible_duplicates(connection, claim.ref, copies, now)


def _write_adopted(
    connection: Connection,
    claim: Claim,
    after: Sequence[Standing],
    receipts: dict[int, list[StoredReceipt]],
    now: float,
) -> None:
    """Messages whose receipt was here first and knew better than their outcome."""
    proved = [s for s in after if s.row in receipts and s.status != OutcomeStatus.ACCEPTED]
    if not proved:
        return
    payload = {
        "rows": [standing.row for standing in proved],
        "gateway_message_id": [receipts[standing.row][0].gateway_message_id for standing in proved],
    }
    write_event(connection, "adopted", claim.ref, payload, now=now)


def _write_other_copies(
    connection: Connection,
    claim: Claim,
    after: Sequence[Standing],
    receipts: dict[int, list[StoredReceipt]],
    now: float,
) -> None:
    copies = [
        receipt
        for standing in after
        for receipt in receipts.get(standing.row, ())
        if is_of_another_copy(standing, receipt)
    ]
    write_copies(connection, claim.ref, copies, claim_no=claim.claim_no, now=now)


def _as_said_of_the_message(
    claim: Claim, settlements: Sequence[Settlement], failed: Sequence[Outcome]
) -> Sequence[Settlement]:
    """What is said of a copy, in words about its message. failed: the outcomes with an error; most claims have none."""
    if claim.kind is ClaimKind.RESUBMIT:
        return [Settlement(row, said_of_the_first(outcome)) for row, outcome in settlements]
    if any(map(is_known_to_the_gateway, failed)):
        return [Settlement(row, as_known_to_the_gateway(outcome)) for row, outcome in settlements]
    return settlements


def _suppress_opted_out(
    connection: Connection,
    claim: Claim,
    settlements: Sequence[Settlement],
    weights: Sequence[_Weight],
    now: float,
) -> None:
    """Whoever has told the gateway to stop is texted no more, whatever its word is worth for this message.

    Said again, it is no news: who was taken off the list since then stays off it until another message is refused.
    """
    people = claim.recipients.people(
        row
        for (row, outcome), weight in zip(settlements, weights, strict=True)
        if outcome.error is not None
        and outcome.error.kind is ErrorKind.OPTED_OUT
        and weight is not _Weight.SAME
    )
    if people:
        suppress_opted_out(connection, claim.ref.run, claim.account, people, now=now)


def _as_arrays(settlements: Sequence[Settlement]) -> dict[str, list[Any]]:
    errors = [outcome.error for _, outcome in settlements]
    return {
        "rows": [row for row, _ in settlements],
        "status": [int(outcome.status) for _, outcome in settlements],
        "gateway_message_id": [outcome.gateway_message_id for _, outcome in settlements],
        "error_kind": [None if error is None else error.kind.value for error in errors],
        "error_code": [None if error is None else error.code for error in errors],
    }


def _block(connection: Connection, account: str, blocked_s: float, rules: Rules, now: float) -> None:
    until = {
        "account": account,
        "blocked_until": now + min(blocked_s, rules.longest_block_s),
        "too_far": now + rules.longest_block_s,
    }
    connection.execute(statement("block_account"), until)
