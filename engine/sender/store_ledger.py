"""The ledger behind the writer of this process."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from data.flight_record import FlightRecords
from data.ledger.claiming import claim
from data.ledger.leasing import give_back, take
from data.ledger.pacing import reserve_again
from data.ledger.records import Busy, Claim, ClaimRequest, Ended, Lease, Reserved, Settled, Settlement, Wait
from data.ledger.rules import Rules
from data.ledger.settling import settle
from data.ledger.tallying import tally_batch
from data.writer import Writer
from engine.opted_out import suppress_reported
from engine.sender.doors import FlightRecord, NoFlightRecord
from messaging.batches import BatchRef
from messaging.tally import BatchTally

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


class StoreLedger:
    """LedgerDoor on the store. Its methods are called on the process's event loop."""

    def __init__(self, writer: Writer, rules: Rules, flights: FlightRecords | None = None) -> None:
        """flights: what they prove of the dead spares waiting and doubt."""
        self._writer = writer
        self._rules = rules
        self._flights = flights

    async def take(self, ref: BatchRef, owner: str) -> Lease | Busy:
        knowing = partial(take, flights=self._flights)
        return await asyncio.wrap_future(self._writer.ask(knowing, ref, owner, self._rules))

    async def claim(self, request: ClaimRequest) -> Claim | Wait | Ended:
        return await asyncio.wrap_future(self._writer.ask(claim, request, self._rules))

    async def settle(
        self, claim: Claim, settlements: Sequence[Settlement], *, blocked_s: float, jitter: float
    ) -> Settled:
        """Tried as long as the process lives: what the gateway said must not be forgotten."""
        asked = self._writer.ask(
            _settle, claim, settlements, blocked_s, jitter, self._rules, patience_s=math.inf
        )
        return await asyncio.wrap_future(asked)

    async def reserve_again(self, account: str, n: int) -> Reserved | None:
        return await asyncio.wrap_future(self._writer.ask(reserve_again, account, n, self._rules))

    async def give_back(self, lease: Lease) -> bool:
        return await asyncio.wrap_future(self._writer.ask(give_back, lease))

    async def tally(self, ref: BatchRef, ended: str) -> BatchTally:
        return await asyncio.wrap_future(self._writer.ask(tally_batch, ref, ended))


def _settle(
    connection: Connection,
    claim: Claim,
    settlements: Sequence[Settlement],
    blocked_s: float,
    jitter: float,
    rules: Rules,
    now: float,
) -> Settled:
    settled = settle(connection, claim, settlements, blocked_s, jitter, rules, now)
    if settled.reported:
        suppress_reported(connection, claim, settled.reported, now)
    return settled


class StoredFlights:
    """FlightRecorder in the var folder."""

    def __init__(self, flights: FlightRecords) -> None:
        self._flights = flights

    async def begin(self, lease: Lease, n_rows: int) -> FlightRecord:
        """Making a file may wait for a disk, so it is not done on the loop."""
        return await asyncio.to_thread(self._flights.begin, lease, n_rows) or NoFlightRecord()
