"""A gateway with its own memory of what it took, and the client that a worker has of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from gateway_clients.base import Capabilities, LookedUp, MayLeave, Page
from gateway_clients.verdicts import HELD_BACK, rejected, unconfirmed, unsent
from messaging.outcomes import (
    ErrorKind,
    Outcome,
    OutcomeStatus,
    OutgoingMessage,
    Receipt,
    ReceiptStatus,
    Reply,
)
from tests.simulation.world import Worker, World


class Carrier:
    """What stands at the other end of the wire. It refuses no duplicate, so one is seen."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.taken: Counter[str] = Counter()
        self.n_receipts_due = 0
        self.reported: set[str] = set()

    def take(self, message: OutgoingMessage) -> Outcome:
        """The bytes arrive: from this instant the message is on its way to a person, unless it is refused."""
        world = self._world
        if world.now_s > world.deadline_s[message.reference]:
            world.fail(f"a message left {world.now_s - world.deadline_s[message.reference]:.2f} s late")
        if world.chance(world.scenario.p_reject):
            return rejected(ErrorKind.INVALID_NUMBER).outcome(message.reference)
        self.taken[message.reference] += 1
        if self.taken[message.reference] > 1:
            world.fail("somebody got a message twice")
        gateway_message_id = f"g-{message.reference}"
        self._promise_receipts(message.reference, gateway_message_id)
        return Outcome(
            reference=message.reference, status=OutcomeStatus.ACCEPTED, gateway_message_id=gateway_message_id
        )

    def _promise_receipts(self, reference: str, gateway_message_id: str) -> None:
        """Some at once, some far too late, some twice, some never; not in order."""
        draw = self._world.random
        statuses = [ReceiptStatus.SENT, draw.choice((ReceiptStatus.DELIVERED, ReceiptStatus.UNDELIVERED))]
        for status in statuses:
            for _ in range(
                draw.choice((0, 1, 1, 2)) if draw.random() < self._world.scenario.p_receipts else 0
            ):
                self.n_receipts_due += 1
                receipt = Receipt(gateway_message_id=gateway_message_id, reference=reference, status=status)
                delay_s = draw.choice((0.001, 0.05, 3.0, 40.0)) * draw.random()
                self._world.loop.call_later(delay_s, self._deliver, receipt)

    def _deliver(self, receipt: Receipt) -> None:
        self.n_receipts_due -= 1
        self.reported.add(receipt.reference or "")
        self._world.record([receipt])


class SimulatedClient:
    """GatewayClient of one worker. An answer that was lost says so; it never says what it does not know."""

    def __init__(self, worker: Worker, carrier: Carrier) -> None:
        self._worker = worker
        self._world = worker.world
        self._carrier = carrier
        self.capabilities = Capabilities(bulk_size=worker.world.scenario.bulk_size)

    async def submit(
        self, messages: Sequence[OutgoingMessage], *, request_key: str, may_leave: MayLeave
    ) -> list[Outcome]:
        world, draw = self._world, self._world.random
        fault = draw.choice(FAULTS) if world.chance(world.scenario.p_fault) else ""
        await self._worker.pass_time(
            draw.uniform(0.0005, 0.05) if draw.random() < 0.95 else draw.uniform(1, 5)
        )
        if fault == "no connection":
            return unsent(ErrorKind.CONNECT_FAILED, on_wire=False).outcomes(messages)
        if not may_leave():
            world.counts["held back"] += len(messages)
            return HELD_BACK.outcomes(messages)
        if fault:
            world.counts[fault] += 1
        if fault in {"throttle", "lost before it was read"}:
            outcomes = []
        else:
            outcomes = [self._carrier.take(message) for message in messages]
        await self._answer_time(fault)
        return self._told(messages, outcomes, fault)

    async def _answer_time(self, fault: str) -> None:
        longest_s = 20.0 if fault == "slow" else self._world.scenario.answer_s
        await self._worker.pass_time(self._world.random.uniform(0.001, longest_s))

    def _told(
        self, messages: Sequence[OutgoingMessage], outcomes: list[Outcome], fault: str
    ) -> list[Outcome]:
        draw = self._world.random
        match fault:
            case "throttle":
                after_s = draw.choice((None, 0.2, 3.0))
                return unsent(ErrorKind.THROTTLED, retry_after_s=after_s).outcomes(messages)
            case "lost before it was read" | "lost after it was taken":
                return unconfirmed(ErrorKind.LOST_CONNECTION).outcomes(messages)
            case "half an answer":
                strangers = [Outcome(reference="nobody's", status=OutcomeStatus.REJECTED)]
                return strangers + outcomes[: len(outcomes) // 2]
            case "a bug":
                raise KeyError("a field that was always there")
            case _:
                return outcomes

    async def pull_receipts(self, cursor: str | None) -> Page:
        raise NotImplementedError

    def read_receipts(self, body: bytes) -> tuple[list[Receipt], list[Reply]]:
        raise NotImplementedError

    async def look_up(self, references: Sequence[str]) -> list[LookedUp]:
        raise NotImplementedError

    async def close(self) -> None:
        await asyncio.sleep(0)


FAULTS = (
    "no connection",
    "throttle",
    "throttle",
    "lost before it was read",
    "lost after it was taken",
    "half an answer",
    "slow",
    "a bug",
)
