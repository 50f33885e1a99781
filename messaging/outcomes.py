"""What a gateway can say of one message: at submit (an outcome) and later (a receipt).

The numbers are what the store keeps; they never change meaning. What a gateway says is data, never an exception.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class OutcomeStatus(IntEnum):
    """Where a message stands in the ledger (design.md §5)."""

    ACCEPTED = 1
    REJECTED = 2
    UNSENT = 3  # surely not sent: may be claimed again while attempts are left
    UNCONFIRMED = 4  # perhaps sent: never claimed again by itself
    STOPPED = 5  # opted out, capped, cancelled or too late: never to be sent
    IN_FLIGHT = 6  # in an open claim of a second or later attempt; first attempts have no row yet


class ErrorKind(StrEnum):
    """Why a message was not accepted, in one vocabulary over all gateways."""

    INVALID_NUMBER = "invalid_number"
    BLOCKED = "blocked"  # the gateway or carrier refuses this recipient
    OPTED_OUT = "opted_out"
    CONTENT_REJECTED = "content_rejected"
    SENDER_REFUSED = "sender_refused"
    NO_CREDIT = "no_credit"
    BAD_CREDENTIALS = "bad_credentials"
    DUPLICATE = "duplicate"  # the gateway has seen this reference before
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"  # 503 with the promise that nothing was taken
    CONNECT_FAILED = "connect_failed"
    HELD_BACK = "held_back"  # by us: past send_before, or after a throttle; no byte left
    TIMEOUT = "timeout"
    LOST_CONNECTION = "lost_connection"
    BAD_ANSWER = "bad_answer"  # an answer that cannot be read, or not of a known kind
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderError:
    """code is the gateway's own, verbatim; permanent: another attempt would meet the same answer."""

    kind: ErrorKind
    permanent: bool
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """One MT as a gateway client gets it. msisdn is E.164 with '+'."""

    reference: str
    msisdn: str
    text: str
    sender_id: str | None = None
    validity_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one submit attempt came to, for one message."""

    reference: str  # the only id of ours that a gateway sees; the engine turns it into (run, batch, row)
    status: OutcomeStatus  # ACCEPTED | REJECTED | UNSENT | UNCONFIRMED
    gateway_message_id: str | None = None  # None unless accepted
    error: ProviderError | None = None
    on_wire: bool = True  # False: no byte of the request left, so no attempt is counted
    retry_after_s: float | None = None  # the gateway's own wish; holds for the whole account


class ReceiptStatus(IntEnum):
    """A delivery report. A higher rank never gives way to a lower one; a final one is above all others."""

    UNKNOWN = 0
    SCHEDULED = 1
    QUEUED = 2
    SENT = 3
    UNDELIVERED = 10
    EXPIRED = 11
    REJECTED = 12
    FAILED = 13
    CANCELED = 14
    DELIVERED = 20
    READ = 21

    @property
    def is_final(self) -> bool:
        return self >= ReceiptStatus.UNDELIVERED


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One delivery report as read from a gateway; part is 0 when it speaks of the whole message."""

    gateway_message_id: str | None
    reference: str | None
    status: ReceiptStatus
    code: str | None = None
    done_at: float | None = None  # seconds since 1970, UTC
    part: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An MO message. text is personal: it goes to the store, never to a log."""

    gateway_message_id: str
    msisdn: str
    to: str
    text: str
    received_at: float
