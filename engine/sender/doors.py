"""What the sender's core asks of the world, so that a simulation can be the world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from data.ledger.records import Busy, Claim, ClaimRequest, Ended, Lease, Reserved, Settled, Settlement, Wait
from messaging.batches import BatchRef
from messaging.tally import BatchTally


class LedgerDoor(Protocol):
    """The ledger functions, each committed when it answers. Raises what the store raises when it gives up."""

    async def take(self, ref: BatchRef, owner: str) -> Lease | Busy: ...

    async def claim(self, request: ClaimRequest) -> Claim | Wait | Ended: ...

    async def settle(
        self, claim: Claim, settlements: Sequence[Settlement], *, blocked_s: float, jitter: float
    ) -> Settled: ...

    async def reserve_again(self, account: str, n: int) -> Reserved | None: ...

    async def give_back(self, lease: Lease) -> bool: ...

    async def tally(self, ref: BatchRef, ended: str) -> BatchTally: ...


class Clock(Protocol):
    """`boot_s` counts on while the machine is suspended and never jumps; only it decides what may leave."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        ...

    def boot_s(self) -> float:
        """Seconds since some start of this machine."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class Random(Protocol):
    def random(self) -> float:
        """0 … 1."""
        ...


class FlightRecord(Protocol):
    """A witness that outlives this process: which rows of a claim it let leave (data/flight_record.py)."""

    def mark(self, claim_no: int, rows: Sequence[int]) -> None:
        """Before the first byte of these messages leaves."""
        ...

    def end(self, *, is_settled: bool) -> None:
        """Nothing more leaves under this lease."""
        ...


class FlightRecorder(Protocol):
    async def begin(self, lease: Lease, n_rows: int) -> FlightRecord:
        """The record of a lease, before its first claim."""
        ...


class NoFlightRecord:
    """Where none is kept: whatever a crash leaves open is in doubt."""

    def mark(self, claim_no: int, rows: Sequence[int]) -> None: ...

    def end(self, *, is_settled: bool) -> None: ...


class NoFlightRecorder:
    async def begin(self, lease: Lease, n_rows: int) -> FlightRecord:  # noqa: ARG002 - whatever the lease
        return NoFlightRecord()
