"""Receipts: idempotent, monotonic, and proof. They come twice, late, out of order, per part and for unknown ids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from data.ledger.copies import write_copies
from data.ledger.events import write_event, write_receipts
from data.ledger.locking import lock_ledger
from data.ledger.records import Recorded
from data.ledger.standing import (
    Standing,
    StoredReceipt,
    is_of_another_copy,
    read_standings,
    with_receipt,
    write_standings,
)
from data.ledger.statements import statement
from messaging.batches import BatchRef
from messaging.outcomes import OutcomeStatus, Receipt

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from messaging.sealed import MessageRef, Sealer


class _Read(NamedTuple):
    """A receipt and the message of ours that it speaks of; None: no such message is known (yet)."""

    receipt: Receipt
    message: MessageRef | None

    @property
    def identity(self) -> tuple[str, str, int, int]:
        """What makes a receipt the same one; a reference of ours is the same in upper case."""
        receipt = self.receipt
        reference = receipt.reference or ""
        return (
            receipt.gateway_message_id or "",
            reference if self.message is None else reference.lower(),
            receipt.part,
            int(receipt.status),
        )


class _Extent(NamedTuple):
    n_messages: int
    next_row: int


def record_receipts(
    connection: Connection, account: str, receipts: Sequence[Receipt], sealer: Sealer, now: float
) -> Recorded:
    """Store a page of receipts and what they prove, in the caller's transaction of the write engine.

    Unknown ones are kept with their reference and no message. A message in flight is left alone: its settle, or its
    recovery, finds the receipts that came before it.
    """
    lock_ledger(connection)
    messages = sealer.open_many(receipt.reference or "" for receipt in receipts)
    extents = _extents(connection, messages)
    read = [
        _Read(receipt, message if _is_known(message, extents) else None)
        for receipt, message in zip(receipts, messages, strict=True)
    ]
    new = _new_ones(connection, account, read)
    _store(connection, account, new, now)
    by_batch: dict[BatchRef, list[StoredReceipt]] = defaultdict(list)
    for receipt, message in new:
        if message is not None:
            by_batch[BatchRef(message.run, message.batch)].append(_as_stored(receipt, message, now))
    n_adopted = sum(
        lay_on(connection, ref, by_batch[ref], extents[ref].next_row, now) for ref in sorted(by_batch)
    )
    return Recorded(
        n_new=len(new),
        n_repeated=len(receipts) - len(new),
        n_unknown=sum(1 for one in new if one.message is None),
        n_adopted=n_adopted,
        new=[one.receipt for one in new],
    )


def _extents(connection: Connection, messages: Sequence[MessageRef | None]) -> dict[BatchRef, _Extent]:
    """Of every batch that is named and stands in this store."""
    found = {}
    for run, batch in sorted({(m.run, m.batch) for m in messages if m is not None}):
        extent = connection.execute(statement("batch_extent"), {"run": run, "batch": batch}).one_or_none()
        if extent is not None:
            found[BatchRef(run, batch)] = _Extent(*extent)
    return found


def _is_known(message: MessageRef | None, extents: dict[BatchRef, _Extent]) -> bool:
    extent = None if message is None else extents.get(BatchRef(message.run, message.batch))
    return message is not None and extent is not None and message.row < extent.n_messages


def _new_ones(connection: Connection, account: str, read: Sequence[_Read]) -> list[_Read]:
    ids = sorted({one.identity[0] for one in read})
    seen: set[tuple[str, str, int, int]] = set()
    for start in range(0, len(ids), 1000):  # far below any driver's limit of parameters
        chunk = {"account": account, "gateway_message_ids": ids[start : start + 1000]}
        seen.update((r[0], r[1], r[2], r[3]) for r in connection.execute(statement("known_receipts"), chunk))
    new = []
    for one in read:
        if one.identity not in seen:
            seen.add(one.identity)
            new.append(one)
    return new


def _store(connection: Connection, account: str, new: Sequence[_Read], now: float) -> None:
    if not new:
        return
    rows = []
    for one in new:
        gateway_message_id, reference, part, status = one.identity
        rows.append(
            {
                "account": account,
                "gateway_message_id": gateway_message_id,
                "reference": reference,
                "part": part,
                "status": status,
                "code": one.receipt.code,
                "done_at": one.receipt.done_at,
                "received_at": now,
                "run": None if one.message is None else one.message.run,
                "batch": None if one.message is None else one.message.batch,
                "row": None if one.message is None else one.message.row,
            }
        )
    connection.execute(statement("insert_receipt"), rows)


def _as_stored(receipt: Receipt, message: MessageRef, now: float) -> StoredReceipt:
    return StoredReceipt(
        row=message.row,
        gateway_message_id=receipt.gateway_message_id or "",
        part=receipt.part,
        status=int(receipt.status),
        code=receipt.code,
        done_at=receipt.done_at,
        received_at=now,
    )


def lay_on(
    connection: Connection, ref: BatchRef, receipts: Sequence[StoredReceipt], next_row: int, now: float
) -> int:
    """Lay new receipts on the outcomes of one batch. Returns how many messages they proved to be accepted."""
    rows = [receipt.row for receipt in receipts]
    before = read_standings(connection, ref, min(rows), max(rows) + 1)
    after: dict[int, Standing] = {}
    adopted: dict[int, str] = {}
    copies = []
    for receipt in receipts:
        stands = after.get(receipt.row) or before.get(receipt.row)
        if stands is None and receipt.row < next_row:
            continue  # in flight for the first time
        stands = stands or Standing(
            row=receipt.row, claim_no=None, status=-1
        )  # never claimed here: a restored store
        if stands.is_in_flight:
            continue
        if is_of_another_copy(stands, receipt):
            copies.append(receipt)
        if stands.status != OutcomeStatus.ACCEPTED:
            adopted[receipt.row] = receipt.gateway_message_id
        after[receipt.row] = with_receipt(stands, receipt, now=now)
    write_standings(connection, ref, before, list(after.values()))
    write_receipts(connection, ref, receipts, now)
    if adopted:
        proof = {"rows": list(adopted), "gateway_message_id": list(adopted.values())}
        write_event(connection, "adopted", ref, proof, now=now)
    write_copies(connection, ref, copies, claim_no=None, now=now)
    return len(adopted)
