"""Receipts that say that somebody has told the gateway to stop: whoever they speak of is suppressed with them.

A refusal at once is the ledger's own (data/ledger/settling.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import sqlalchemy as sa

from data.accounts import kind_of_account, kind_within
from data.files import read_batch
from data.gateway_opt_outs import suppress_opted_out
from data.sql import sql
from gateway_clients.failure_codes import opted_out
from messaging.batches import BatchRef
from messaging.outcomes import ReceiptStatus

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.ledger.records import Claim
    from data.ledger.standing import StoredReceipt
    from data.store.engine import Store
    from messaging.sealed import MessageRef

T = TypeVar("T")

_NOT_DELIVERED = frozenset({ReceiptStatus.UNDELIVERED, ReceiptStatus.REJECTED, ReceiptStatus.FAILED})


class OptedOut(NamedTuple):
    """Somebody to suppress, and the run whose message told it."""

    run: int
    person_key: str
    msisdn: str | None


class OptOuts:
    """Finds out whom the receipts of one account speak of. Blocking; reads files, so it is asked before a transaction."""

    def __init__(self, store: Store, var_dir: Path, account: str) -> None:
        self._store = store
        self._var_dir = var_dir
        self._account = account

    def says_so(self, status: int, code: str | None) -> bool:
        """Whether a receipt with this status and the gateway's own code means it."""
        return _says_so(self._codes, status, code)

    def people(self, told: Mapping[T, MessageRef]) -> dict[T, OptedOut]:
        """The person of each message; who was forgotten is in no file any more, and suppressed already.

        Raises RunFileError when the messages of a batch cannot be read.
        """
        by_batch: dict[BatchRef, dict[int, list[T]]] = defaultdict(lambda: defaultdict(list))
        for one, message in told.items():
            by_batch[BatchRef(message.run, message.batch)][message.row].append(one)
        found: dict[T, OptedOut] = {}
        for ref in sorted(by_batch):
            for row, person_key, msisdn in self._rows(ref):
                if person_key is not None:
                    found |= dict.fromkeys(by_batch[ref].get(row, ()), OptedOut(ref.run, person_key, msisdn))
        return found

    def suppress(self, connection: Connection, people: Iterable[OptedOut], now: float) -> int:
        """In the transaction that records what told it. Returns how many were not suppressed there before."""
        by_run: dict[int, dict[str, str | None]] = defaultdict(dict)
        for run, person_key, msisdn in people:
            by_run[run][person_key] = msisdn
        return sum(
            suppress_opted_out(connection, run, self._account, by_run[run], now=now) for run in sorted(by_run)
        )

    @cached_property
    def _codes(self) -> frozenset[str]:
        return opted_out(kind_of_account(self._store, self._account) or "")

    def _rows(self, ref: BatchRef) -> Iterable[tuple[int, str | None, str | None]]:
        """Nothing for a batch that is not in this store, as of a reference that another instance sealed."""
        asked = {"run": ref.run, "batch": ref.batch}
        with self._store.read.connect() as connection:
            batch = connection.execute(sa.text(sql("ledger/batch_source")), asked).one_or_none()
        if batch is None:
            return ()
        messages = read_batch(self._var_dir / (batch.folder or ""), ref)
        return messages.select("row", "person_key", "msisdn").iter_rows()


def suppress_reported(
    connection: Connection, claim: Claim, reported: Sequence[StoredReceipt], now: float
) -> None:
    """The same for receipts that had come before their message's answer, in the transaction of its settle."""
    codes = opted_out(kind_within(connection, claim.account) or "")
    saying = [one.row for one in reported if _says_so(codes, one.status, one.code)]
    if people := claim.recipients.people(saying):
        suppress_opted_out(connection, claim.ref.run, claim.account, people, now=now)


def _says_so(codes: Collection[str], status: int, code: str | None) -> bool:
    return code in codes and status in _NOT_DELIVERED
