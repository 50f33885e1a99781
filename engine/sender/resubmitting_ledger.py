"""The ledger as the sender's core sees it while messages in doubt go out once more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from data.flight_record import FlightRecords
from data.ledger.copies import said_of_the_first
from data.ledger.records import Claim, ClaimRequest, Dedupe, Ended, Lease, Settled, Settlement, Wait
from data.ledger.resubmitting import is_resubmittable, resubmit
from data.ledger.rules import Rules
from data.writer import Writer
from engine.sender.core import BatchToSend
from engine.sender.store_ledger import StoreLedger
from gateway_clients.base import GatewayClient
from messaging.outcomes import OutcomeStatus


class ResubmittingLedger(StoreLedger):
    """Its claims hold messages in doubt only, and take nothing else from a batch. Counts messages."""

    def __init__(self, writer: Writer, rules: Rules, flights: FlightRecords, dedupe: Dedupe) -> None:
        super().__init__(writer, rules, flights)
        self._dedupe = dedupe
        self.n_claimed = 0  # those tried again are counted again
        self.n_accepted = 0

    async def is_worth_it(self, batch: BatchToSend, client: GatewayClient, account: str) -> bool:
        """Whether anything of the batch could go out once more at this moment; asks without taking its lease."""
        bulk_size = client.capabilities.bulk_size
        request = ClaimRequest(
            lease=Lease(ref=batch.ref, owner="", fence=0, n_claims=0),  # nobody's: no lease has this fence
            claim_no=0,
            recipients=batch.recipients,
            most=bulk_size,
            is_bulk=bulk_size > 1,
        )
        asked = self._writer.ask(is_resubmittable, request, account, self._dedupe, self._rules)
        return await asyncio.wrap_future(asked)

    async def claim(self, request: ClaimRequest) -> Claim | Wait | Ended:
        asked = self._writer.ask(resubmit, request, self._dedupe, self._rules)
        answer = await asyncio.wrap_future(asked)
        if isinstance(answer, Claim):
            self.n_claimed += len(answer.rows)
        return answer

    async def settle(
        self, claim: Claim, settlements: Sequence[Settlement], *, blocked_s: float, jitter: float
    ) -> Settled:
        settled = await super().settle(claim, settlements, blocked_s=blocked_s, jitter=jitter)
        said = [said_of_the_first(outcome) for _, outcome in settlements]
        self.n_accepted += sum(outcome.status == OutcomeStatus.ACCEPTED for outcome in said)
        return settled
