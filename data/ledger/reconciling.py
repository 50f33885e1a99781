"""What is known by now of messages in doubt: from receipts that were kept, and from a gateway that was asked.

Proof is adopted in the transaction that writes its event, and only as far as the ledger still stands as it was when
the gateway was asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from data.ledger.copies import write_copies
from data.ledger.deciding import Decision
from data.ledger.events import write_event
from data.ledger.receipts import lay_on, record_receipts
from data.ledger.records import Adopted, Found, InDoubt
from data.ledger.standing import (
    Standing,
    StoredReceipt,
    as_accepted,
    is_of_another_copy,
    read_receipts_of,
    read_standings,
    with_receipt,
    write_standings,
)
from data.ledger.statements import statement
from data.ledger.unknown_receipts import attach
from messaging.batches import BatchRef
from messaging.outcomes import OutcomeStatus

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from messaging.sealed import MessageRef, Sealer

UNKNOWN_AT_ONCE = 10_000  # receipts whose references are opened at a time
_LOOK_UP = "look-up"  # who proved it, as the events say


class UnknownReceipt(NamedTuple):
    """A receipt that was kept without a message, and the message that it turns out to speak of."""

    number: int
    ref: BatchRef
    receipt: StoredReceipt


def read_in_doubt(connection: Connection, run: int, now: float) -> list[InDoubt]:  # noqa: ARG001 - all requests have one
    """Every unconfirmed message of a run, by batch and row; those that were assumed sent, too."""
    return [InDoubt(*row) for row in connection.execute(statement("in_doubt"), {"run": run})]


def unknown_receipts_of(
    connection: Connection, run: int, account: str, sealer: Sealer
) -> list[UnknownReceipt]:
    """Receipts without a message that speak of one of this run: by our reference, or by the gateway's own id.

    Only reads, and needs no lock: what is matched meanwhile is left out when these are adopted.
    """
    if not connection.execute(statement("has_unknown_receipts")).scalar():
        return []
    extents = dict(connection.execute(statement("batches_of_run"), {"run": run}).tuples().all())
    found = {one.number: one for one in _by_id(connection, run, account)}
    for number, message, receipt in _by_reference(connection, account, sealer):
        if message.run == run and message.row < extents.get(message.batch, 0):
            found[number] = UnknownReceipt(number, BatchRef(run, message.batch), receipt)
    return [found[number] for number in sorted(found)]


def adopt_receipts(
    connection: Connection, run: int, unknown: Sequence[UnknownReceipt], now: float
) -> Adopted:
    """Match these receipts, and let every receipt of the run prove what it proves of a message that is not accepted."""
    by_batch: dict[BatchRef, dict[int, StoredReceipt]] = defaultdict(dict)
    for one in unknown:
        by_batch[one.ref][one.number] = one.receipt
    n_matched = n_accepted = 0
    for ref in sorted(by_batch):
        new = attach(connection, ref, by_batch[ref])
        n_matched += len(new)
        if new:
            key = {"run": ref.run, "batch": ref.batch}
            _, next_row = connection.execute(statement("batch_extent"), key).one()
            n_accepted += lay_on(connection, ref, new, next_row, now)
    n_accepted += _adopt_proved(connection, run, now)
    return Adopted(n_matched=n_matched, n_accepted=n_accepted, n_unsent=0)


def adopt_found(
    connection: Connection, run: int, account: str, found: Sequence[Found], sealer: Sealer, now: float
) -> Adopted:
    """What a gateway's look-up proves: accepted, with the receipt it told, or surely not sent."""
    by_batch: dict[BatchRef, list[Found]] = defaultdict(list)
    for one in found:
        by_batch[BatchRef(run, one.asked.batch)].append(one)
    n_accepted = n_unsent = 0
    for ref in sorted(by_batch):
        accepted, unsent = _adopt_in_batch(connection, ref, by_batch[ref], now)
        n_accepted += accepted
        n_unsent += unsent
    receipts = [one.receipt for one in found if one.is_known and one.receipt is not None]
    record_receipts(connection, account, receipts, sealer, now)
    return Adopted(n_matched=0, n_accepted=n_accepted, n_unsent=n_unsent)


def _by_id(connection: Connection, run: int, account: str) -> Iterator[UnknownReceipt]:
    for row in connection.execute(statement("unknown_by_outcome"), {"run": run, "account": account}):
        yield UnknownReceipt(row.receipt, BatchRef(run, row.batch), _stored(row, row.row))


def _by_reference(
    connection: Connection, account: str, sealer: Sealer
) -> Iterator[tuple[int, MessageRef, StoredReceipt]]:
    after = -1
    while True:
        asked = {"account": account, "after": after, "most": UNKNOWN_AT_ONCE}
        page = connection.execute(statement("unknown_by_reference"), asked).all()
        for row, message in zip(page, sealer.open_many(row.reference for row in page), strict=True):
            if message is not None:
                yield row.receipt, message, _stored(row, message.row)
        if len(page) < UNKNOWN_AT_ONCE:
            return
        after = page[-1].receipt


def _stored(row: Any, of_row: int) -> StoredReceipt:
    return StoredReceipt(
        of_row, row.gateway_message_id, row.part, row.status, row.code, row.done_at, row.received_at
    )


def _adopt_proved(connection: Connection, run: int, now: float) -> int:
    """Messages that have a receipt and are not accepted: there are none, unless a store was restored or mended."""
    by_batch: dict[BatchRef, list[int]] = defaultdict(list)
    for batch, row in connection.execute(statement("proved"), {"run": run}):
        by_batch[BatchRef(run, batch)].append(row)
    for ref, rows in by_batch.items():
        span = rows[0], rows[-1] + 1
        before, receipts = read_standings(connection, ref, *span), read_receipts_of(connection, ref, *span)
        after = []
        for row in rows:
            stands = before[row]
            for receipt in receipts[row]:
                stands = with_receipt(stands, receipt, now=now)
            after.append(stands)
        write_standings(connection, ref, before, after)
        proof = {"rows": rows, "gateway_message_id": [standing.gateway_message_id for standing in after]}
        write_event(connection, "adopted", ref, proof, now=now)
    return sum(map(len, by_batch.values()))


def _adopt_in_batch(
    connection: Connection, ref: BatchRef, found: Sequence[Found], now: float
) -> tuple[int, int]:
    """How many messages were proved to be accepted, and how many unsent."""
    rows = [one.asked.row for one in found]
    before = read_standings(connection, ref, min(rows), max(rows) + 1)
    after = [
        changed
        for one in found
        if (stands := before.get(one.asked.row)) is not None
        and (changed := _proved_by(one, stands, now)) is not None
    ]
    write_standings(connection, ref, before, after)
    if after:
        proof = {
            "rows": [standing.row for standing in after],
            "status": [standing.status for standing in after],
            "gateway_message_id": [standing.gateway_message_id for standing in after],
            "by": _LOOK_UP,
        }
        write_event(connection, "adopted", ref, proof, now=now)
    _write_other_copies(connection, ref, found, before, now)
    n_accepted = sum(standing.status == OutcomeStatus.ACCEPTED for standing in after)
    return n_accepted, len(after) - n_accepted


def _proved_by(found: Found, stands: Standing, now: float) -> Standing | None:
    """The message with this proof; None: it changes nothing. One in flight is left to its settle."""
    if stands.is_in_flight or stands.status == OutcomeStatus.ACCEPTED:
        return None
    if found.is_known:
        return as_accepted(stands, found.gateway_message_id, now=now)
    is_as_asked = stands.status == OutcomeStatus.UNCONFIRMED and stands.claim_no == found.asked.claim_no
    if not (found.proves_absence and is_as_asked) or stands.decision == Decision.ASSUMED_SENT:
        return None  # who saw that decision relies on it
    return stands._replace(
        status=int(OutcomeStatus.UNSENT), retry_at=now, error_kind=None, error_code=None, settled_at=now
    )


def _write_other_copies(
    connection: Connection, ref: BatchRef, found: Sequence[Found], before: dict[int, Standing], now: float
) -> None:
    """The gateway knows a message by another id than we do: accepted meanwhile, as a second copy perhaps."""
    told = [
        StoredReceipt(one.asked.row, one.gateway_message_id or "", 0, 0, None, None, now)
        for one in found
        if one.is_known
    ]
    copies = [one for one in told if one.row in before and is_of_another_copy(before[one.row], one)]
    write_copies(connection, ref, copies, claim_no=None, now=now)
