"""What every gateway client promises, whatever its provider (design.md §7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from messaging.outcomes import Outcome, OutgoingMessage, Receipt, Reply

MayLeave = Callable[[], bool]


class Idempotency(StrEnum):
    """By what a provider knows a second copy, and takes it no more."""

    NONE = "none"
    REFERENCE = "reference"  # of each message, whatever request it comes in
    REQUEST_KEY = "request_key"  # of a request, which must come again with the very same messages


class LookUp(StrEnum):
    """What a provider's answer to a look-up by our reference proves. That it knows the message is always proof."""

    NONE = "none"  # it cannot be asked
    EVIDENCE = "evidence"  # that it does not know the message proves nothing
    CONCLUSIVE = "conclusive"  # that it does not know the message proves that it was never taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do, as data the engine decides by.

    bulk_size: most messages of one request (1: one by one). dedupe_window_s: how long a second copy is refused.
    look_up_after_s: how long a request may take from its last byte until a look-up finds it. A receipt pull that is
    consumed once must be stored raw before it is read.
    """

    bulk_size: int = 1
    idempotency: Idempotency = Idempotency.NONE
    dedupe_window_s: float = 0.0
    look_up: LookUp = LookUp.NONE
    look_up_after_s: float = 0.0
    can_pull_receipts: bool = False
    pull_is_consumed_once: bool = False
    can_send_mms: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of receipts or replies exactly as it came; `body` is stored before anybody reads it."""

    body: bytes
    cursor: str | None = None  # where the next pull goes on; None, or the one asked with: nothing more now


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedUp:
    """What a provider knows of one reference. receipt: what became of the message, when that is known and final."""

    reference: str
    is_known: bool
    gateway_message_id: str | None = None
    receipt: Receipt | None = None


class GatewayClient(Protocol):
    """Lives on one event loop and keeps its connections between batches."""

    capabilities: Capabilities

    async def submit(
        self, messages: Sequence[OutgoingMessage], *, request_key: str, may_leave: MayLeave
    ) -> list[Outcome]:
        """One request for up to `bulk_size` messages: one outcome per message, in order.

        Never retries and never raises for I/O. `may_leave()` is asked once, directly before the first byte is
        written on a connection that already stands; False: nothing is sent and all outcomes are UNSENT/held_back.
        """
        ...

    async def pull_receipts(self, cursor: str | None) -> Page:
        """The next page of receipts as raw bytes. Raises GatewayUnavailable."""
        ...

    def read_receipts(self, body: bytes) -> tuple[list[Receipt], list[Reply]]:
        """The receipts and replies of a stored page. Raises UnreadablePage."""
        ...

    async def look_up(self, references: Sequence[str]) -> list[LookedUp]:
        """What the provider knows of these references, in order. Raises GatewayUnavailable."""
        ...

    async def close(self) -> None:
        """Give the connections back."""
        ...
