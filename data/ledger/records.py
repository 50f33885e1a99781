"""What goes into the ledger and comes out of it. Rows are positions in a batch, from 0."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from messaging.batches import BatchRef
from messaging.outcomes import Outcome, Receipt

if TYPE_CHECKING:
    from data.ledger.standing import StoredReceipt


class ClaimKind(StrEnum):
    """Why messages are submitted."""

    SUBMIT = "submit"
    RESUBMIT = "resubmit"  # unconfirmed ones, with the same reference, where the gateway refuses duplicates


class StopReason(StrEnum):
    """Why a planned message is never to be sent."""

    OPTED_OUT = "opted_out"
    CONSENT_WITHDRAWN = "consent_withdrawn"  # for the purpose of the run; other purposes may go on
    TOO_LATE = "too_late"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work a batch. n_claims: the number that its next claim will have."""

    ref: BatchRef
    owner: str  # one task attempt, not one process
    fence: int
    n_claims: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """Somebody else holds the lease, until then unless it is renewed."""

    ref: BatchRef
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipients:
    """Whom the messages of a batch go to, by row: what is looked up before they may leave. None: who was forgotten.

    msisdns: for the suppression of those whom the gateway refuses as opted out; empty: the key alone is suppressed.
    """

    person_keys: Sequence[str | None]
    sender_ids: Sequence[str | None]
    msisdns: Sequence[str | None] = ()

    def people(self, rows: Iterable[int]) -> dict[str, str | None]:
        """Person key → number of whoever these rows still name."""
        return {
            person: self.msisdns[row] if self.msisdns else None
            for row in rows
            if (person := self.person_keys[row]) is not None
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    """Asking again with the same claim_no returns the same claim."""

    lease: Lease
    claim_no: int
    recipients: Recipients
    most: int  # messages that the sender can take now
    is_bulk: bool  # all of them go into one request


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Messages that one sender may submit, once, and soon.

    start_in_s, send_for_s: from `now` of the answer to the first message's slot, and to the instant after which
    nothing may leave. A sender measures them from before it asked, so a slow answer only shortens its time.
    recipients: of the whole batch, as they were asked for.
    """

    ref: BatchRef
    claim_no: int
    fence: int
    account: str
    rows: Sequence[int]
    recipients: Recipients = field(repr=False, compare=False)
    request_key: str
    slot_at: float
    step_s: float
    send_before: float
    start_in_s: float
    send_for_s: float
    kind: ClaimKind = ClaimKind.SUBMIT
    is_bulk: bool = False  # all of it goes into one request


@dataclass(frozen=True, slots=True, kw_only=True)
class Dedupe:
    """How a gateway refuses second copies: for so long after it took the first one.

    by_request: it knows requests, not messages, so one must come again whole and under its old key.
    """

    window_s: float
    by_request: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """Another slot for messages of a claim that have missed theirs; start_in_s as in Claim."""

    slot_at: float
    start_in_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing may be claimed yet; the lease was renewed. Ask again after so long, or earlier."""

    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Nothing more will be claimed: STALE, the state of the run, or one of messaging.tally's words."""

    why: str


STALE = "stale"  # somebody else has taken the batch


class Settlement(NamedTuple):
    """What came of one message of a claim."""

    row: int
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """n_applied: new in the ledger. n_repeated: it stood there already. n_late: decided otherwise meanwhile; kept as an event.

    reported: receipts that had come before their message's id was known, and have found it now.
    """

    n_applied: int
    n_repeated: int
    n_late: int
    reported: Sequence[StoredReceipt] = field(default=(), repr=False, compare=False)


class InDoubt(NamedTuple):
    """An unconfirmed message. Fields in the order of data/sql/ledger/in_doubt.sql, which tells of last_sent_at."""

    batch: int
    row: int
    claim_no: int | None
    is_assumed_sent: bool
    account: str | None  # that it was submitted to; None: it stands in doubt without a claim
    last_sent_at: float | None


class Found(NamedTuple):
    """What a gateway's look-up said of a message in doubt.

    proves_absence: that the gateway does not know the message is proof that it never took it.
    """

    asked: InDoubt
    is_known: bool
    gateway_message_id: str | None
    receipt: Receipt | None
    proves_absence: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """How much was proved. n_matched: receipts that found their message."""

    n_matched: int
    n_accepted: int
    n_unsent: int

    def __add__(self, other: Adopted) -> Adopted:
        return Adopted(
            n_matched=self.n_matched + other.n_matched,
            n_accepted=self.n_accepted + other.n_accepted,
            n_unsent=self.n_unsent + other.n_unsent,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of a page of receipts. n_adopted: messages that a receipt proved to be accepted. new: the n_new."""

    n_new: int
    n_repeated: int
    n_unknown: int
    n_adopted: int
    new: Sequence[Receipt] = field(default=(), repr=False, compare=False)


def own_request_key(owner: str, ref: BatchRef, claim_no: int) -> str:
    """Unique over all instances that share a gateway account, since the owner is; the same when asked again."""
    name = f"{owner}/{ref.run}/{ref.batch}/{claim_no}"
    return hashlib.blake2b(name.encode(), digest_size=12).hexdigest()
