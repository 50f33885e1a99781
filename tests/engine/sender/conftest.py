from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from data.ledger.claiming import claim
from data.ledger.leasing import give_back, take
from data.ledger.pacing import reserve_again
from data.ledger.records import Busy, Claim, ClaimRequest, Ended, Lease, Reserved, Settled, Settlement, Wait
from data.ledger.settling import settle
from data.ledger.tallying import tally_batch
from data.store.engine import Store
from engine.sender.core import BatchToSend, send_batch
from engine.sender.lanes import Lanes, StopSign
from gateway_clients.base import Capabilities, LookedUp, MayLeave, Page
from gateway_clients.verdicts import HELD_BACK
from messaging.batches import BatchRef
from messaging.outcomes import Outcome, OutcomeStatus, OutgoingMessage, Receipt, Reply
from messaging.tally import BatchTally
from tests.data.ledger.conftest import RUN, Bench
from tests.simulation.virtual_time import VirtualTimeLoop


def accept(message: OutgoingMessage) -> Outcome:
    return Outcome(
        reference=message.reference,
        status=OutcomeStatus.ACCEPTED,
        gateway_message_id=f"g-{message.reference}",
    )


class ScriptedGateway:
    """Says of each request what the test tells it to; remembers what left, when, and in which requests."""

    def __init__(self, office: Office, *, bulk_size: int = 1) -> None:
        self.capabilities = Capabilities(bulk_size=bulk_size)
        self.office = office
        self.latency_s = 0.01
        self.say: Callable[[Sequence[OutgoingMessage]], list[Outcome]] = lambda messages: [
            accept(m) for m in messages
        ]
        self.requests: list[tuple[float, list[int]]] = []
        self.request_keys: list[str] = []
        self.n_open = self.most_open = 0
        self.before_leaving: Callable[[], Any] = lambda: None

    @property
    def rows(self) -> list[int]:
        return [row for _, rows in self.requests for row in rows]

    async def submit(
        self, messages: Sequence[OutgoingMessage], *, request_key: str, may_leave: MayLeave
    ) -> list[Outcome]:
        self.before_leaving()
        if not may_leave():
            return HELD_BACK.outcomes(messages)
        self.requests.append((self.office.loop.time(), [int(m.text) for m in messages]))
        self.request_keys.append(request_key)
        self.n_open += 1
        self.most_open = max(self.most_open, self.n_open)
        await asyncio.sleep(self.latency_s)
        self.n_open -= 1
        return self.say(messages)

    async def pull_receipts(self, cursor: str | None) -> Page:
        raise NotImplementedError

    def read_receipts(self, body: bytes) -> tuple[list[Receipt], list[Reply]]:
        raise NotImplementedError

    async def look_up(self, references: Sequence[str]) -> list[LookedUp]:
        raise NotImplementedError

    async def close(self) -> None:
        await asyncio.sleep(0)


class Office:
    """The core, a real ledger, a scripted gateway, and a clock in virtual time. It is the door to the ledger as well."""

    def __init__(
        self, store: Store, n: int, rate_mps: float | None, bulk_size: int, concurrency: int
    ) -> None:
        self.loop = VirtualTimeLoop()
        self.bench = Bench(store, n=n, rate_mps=rate_mps)
        self.started_at = self.bench.now
        self.gateway = ScriptedGateway(self, bulk_size=bulk_size)
        self.stop = StopSign()
        self.lanes = Lanes(concurrency)
        self.commit_s = 0.002
        self.settles: list[int] = []
        self.claims: list[Claim] = []
        self.before_settle: Callable[[], Any] = lambda: None
        self.batch = BatchToSend(
            ref=self.bench.ref,
            messages=[
                OutgoingMessage(
                    reference=self.bench.sealer.seal(RUN, 0, row), msisdn="+447700900000", text=str(row)
                )
                for row in range(n)
            ],
            recipients=self.bench.recipients,
        )

    def send(self, owner: str = "first") -> BatchTally:
        return self.loop.run_until_complete(self.sending(owner))

    async def sending(self, owner: str = "first") -> BatchTally:
        return await send_batch(
            self.batch,
            owner,
            ledger=self,
            gateway=self.gateway,
            lanes=self.lanes,
            clock=self,
            random=random.Random(1),
            stop=self.stop,
            rules=self.bench.rules,
        )

    # Clock

    def now(self) -> float:
        return self.started_at + self.loop.time()

    def boot_s(self) -> float:
        return self.loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    # LedgerDoor

    async def _commit(self, fn: Any, *args: Any) -> Any:
        await asyncio.sleep(self.commit_s)
        self.bench.now = self.now()
        return self.bench.commit(fn, *args)

    async def take(self, ref: BatchRef, owner: str) -> Lease | Busy:
        taken: Lease | Busy = await self._commit(take, ref, owner, self.bench.rules)
        return taken

    async def claim(self, request: ClaimRequest) -> Claim | Wait | Ended:
        answer: Claim | Wait | Ended = await self._commit(claim, request, self.bench.rules)
        if isinstance(answer, Claim):
            self.claims.append(answer)
        return answer

    async def settle(
        self, claim: Claim, settlements: Sequence[Settlement], *, blocked_s: float, jitter: float
    ) -> Settled:
        self.before_settle()
        settled: Settled = await self._commit(settle, claim, settlements, blocked_s, jitter, self.bench.rules)
        self.settles.append(len(settlements))
        return settled

    async def reserve_again(self, account: str, n: int) -> Reserved | None:
        reserved: Reserved | None = await self._commit(reserve_again, account, n, self.bench.rules)
        return reserved

    async def give_back(self, lease: Lease) -> bool:
        given: bool = await self._commit(give_back, lease)
        return given

    async def tally(self, ref: BatchRef, ended: str) -> BatchTally:
        tally: BatchTally = await self._commit(tally_batch, ref, ended)
        return tally


@pytest.fixture
def office_of(empty_store: Callable[[], Store]) -> Iterator[Callable[..., Office]]:
    offices: list[Office] = []

    def make(
        n: int = 10, *, rate_mps: float | None = None, bulk_size: int = 1, concurrency: int = 50
    ) -> Office:
        offices.append(Office(empty_store(), n, rate_mps, bulk_size, concurrency))
        return offices[-1]

    yield make
    for office in offices:
        office.loop.close()


@pytest.fixture
def office(office_of: Callable[..., Office]) -> Office:
    return office_of()
