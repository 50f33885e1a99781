"""The real core sends copies of what is in doubt, in virtual time, through a gateway that forgets."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

import pytest

from data.ledger.records import Claim, ClaimRequest, Dedupe, Ended, Wait
from data.ledger.resubmitting import resubmit
from data.store.engine import Store
from gateway_clients.base import MayLeave
from gateway_clients.verdicts import HELD_BACK, unconfirmed, unsent
from messaging.outcomes import ErrorKind, Outcome, OutgoingMessage
from messaging.tally import BatchTally
from tests.engine.sender.conftest import Office, ScriptedGateway, accept

WINDOW_S = 600.0
N = 16


class ForgetfulGateway(ScriptedGateway):
    """Refuses a second copy for so long after it took the first one; then it takes it for a new message."""

    def __init__(self, office: Office, draw: random.Random, *, bulk_size: int) -> None:
        super().__init__(office, bulk_size=bulk_size)
        self.draw = draw
        self.p_fault = 0.4
        self.taken_at: dict[str, float] = {}
        self.n_duplicates = self.n_refused = 0

    async def submit(
        self, messages: Sequence[OutgoingMessage], *, request_key: str, may_leave: MayLeave
    ) -> list[Outcome]:
        fault = (
            self.draw.choice(("throttle", "lost", "lost after", "slow"))
            if self.draw.random() < self.p_fault
            else ""
        )
        if not may_leave():
            return HELD_BACK.outcomes(messages)
        await asyncio.sleep(self.draw.uniform(0.01, 20.0 if fault == "slow" else 0.1))
        if fault == "throttle":
            return unsent(ErrorKind.THROTTLED, retry_after_s=0.3).outcomes(messages)
        if fault != "lost":
            for message in messages:
                self._take(message.reference)
        if fault.startswith("lost"):
            return unconfirmed(ErrorKind.LOST_CONNECTION).outcomes(messages)
        return [accept(message) for message in messages]

    def _take(self, reference: str) -> None:
        now, first_at = self.office.loop.time(), self.taken_at.get(reference)
        if first_at is None:
            self.taken_at[reference] = now
        elif now < first_at + WINDOW_S:
            self.n_refused += 1
        else:
            self.n_duplicates += 1


class CopyOffice(Office):
    """An office whose ledger gives out claims of either kind, as it is told."""

    def __init__(self, store: Store, seed: int, *, bulk_size: int, rate_mps: float | None) -> None:
        super().__init__(store, N, rate_mps, bulk_size, 10)
        self.draw = random.Random(seed)
        self.gateway: ForgetfulGateway = ForgetfulGateway(self, self.draw, bulk_size=bulk_size)
        self.sends_copies = False

    async def claim(self, request: ClaimRequest) -> Claim | Wait | Ended:
        if not self.sends_copies:
            return await super().claim(request)
        dedupe = Dedupe(window_s=WINDOW_S, by_request=False)
        answer: Claim | Wait | Ended = await self._commit(resubmit, request, dedupe, self.bench.rules)
        return answer

    def send_copies(self, owner: str) -> BatchTally:
        self.sends_copies = True
        try:
            return self.send(owner)
        finally:
            self.sends_copies = False

    def let_pass(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))


@pytest.fixture
def copy_office(empty_store: Callable[[], Store]) -> Callable[..., CopyOffice]:
    def make(seed: int, *, bulk_size: int = 1, rate_mps: float | None = None) -> CopyOffice:
        return CopyOffice(empty_store(), seed, bulk_size=bulk_size, rate_mps=rate_mps)

    return make


@pytest.mark.parametrize("seed", range(20))
def test_no_copy_reaches_a_gateway_that_has_forgotten_the_first(copy_office, seed):
    """The law of copies, whatever is lost, slow or throttled, and however late somebody reconciles."""
    office = copy_office(seed, bulk_size=(1, 4)[seed % 2], rate_mps=(None, 20.0)[seed // 2 % 2])
    office.send()
    for attempt in range(3):
        office.gateway.p_fault = office.draw.choice((0.3, 0.95, 0.95))
        office.let_pass(office.draw.choice((31.0, 450.0, 450.0, 480.0, 590.0)))
        office.send_copies(f"reconcile {attempt}")
        office.send(f"rerun {attempt}")
        assert office.gateway.n_duplicates == 0
    assert len(office.gateway.taken_at) + office.bench.terms().get("unconfirmed", 0) >= N
    office.loop.close()


def test_within_the_window_all_doubt_ends(copy_office):
    office = copy_office(5)
    office.send()
    assert office.bench.terms()["unconfirmed"] > 0
    office.let_pass(31)
    office.gateway.p_fault = 0.1
    tally = office.send_copies("reconcile")
    assert (tally.accepted, tally.unconfirmed, tally.ended) == (N, 0, "done")
    assert office.gateway.n_refused > 0
    office.loop.close()
