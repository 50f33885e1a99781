"""A gateway with its own memory of what it took, and the client that a worker has of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway_clients.base import Idempotency, LookedUp, MayLeave, Page
from gateway_clients.errors import GatewayUnavailable
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
from tests.simulation.memory_store import RUN
from tests.simulation.planned import SEALER
from tests.simulation.workers import Worker
from tests.simulation.world import World

FINAL = (ReceiptStatus.DELIVERED, ReceiptStatus.UNDELIVERED)


class Carrier:
    """What stands at the other end of the wire. Where it promises to refuse second copies it does, for its window."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._books = world.books
        self.n_receipts_due = 0
        self._first: dict[str, tuple[float, str]] = {}  # reference → when it was taken, and its id
        self._requests: dict[
            str, tuple[float, list[Outcome]]
        ] = {}  # request key → when, and what was answered

    def submit(self, messages: Sequence[OutgoingMessage], request_key: str) -> list[Outcome]:
        """The bytes of a request arrive."""
        world, scenario = self._world, self._world.scenario
        at_s, outcomes = self._requests.get(request_key, (-1e9, []))
        if scenario.idempotency is Idempotency.REQUEST_KEY and world.now_s - at_s < scenario.dedupe_window_s:
            if [outcome.reference for outcome in outcomes] != [message.reference for message in messages]:
                world.fail("a request came again with other messages under its old key")
            world.note(f"the gateway knows the request {request_key}")
            self._books.counts["second copies refused"] += len(messages)
            return [self._second_copy(outcome) for outcome in outcomes]
        outcomes = [self._take(message) for message in messages]
        self._requests[request_key] = world.now_s, outcomes
        return outcomes

    def _second_copy(self, first: Outcome) -> Outcome:
        if first.status != OutcomeStatus.ACCEPTED or not self._world.scenario.says_duplicate:
            return first
        return rejected(ErrorKind.DUPLICATE).outcome(first.reference)

    def _take(self, message: OutgoingMessage) -> Outcome:
        """From this instant the message is on its way to a person, unless it is refused."""
        world, reference = self._world, message.reference
        at_s, gateway_message_id = self._first.get(reference, (-1e9, ""))
        is_known = world.now_s - at_s < world.scenario.dedupe_window_s
        if world.scenario.idempotency is Idempotency.REFERENCE and is_known:
            world.note(f"the gateway knows {reference}")
            self._books.counts["second copies refused"] += 1
            return self._second_copy(self._accepted(reference, gateway_message_id))
        if world.chance(world.scenario.p_reject):
            world.note(f"the gateway refuses {reference}")
            self._books.refuse(reference)
            return rejected(ErrorKind.INVALID_NUMBER).outcome(reference)
        world.note(f"the gateway takes {reference}")
        self._books.arrive(reference)
        gateway_message_id = f"g{self._books.taken.total()}"
        self._first[reference] = world.now_s, gateway_message_id
        self._promise_receipts(reference, gateway_message_id)
        return self._accepted(reference, gateway_message_id)

    @staticmethod
    def _accepted(reference: str, gateway_message_id: str) -> Outcome:
        return Outcome(
            reference=reference, status=OutcomeStatus.ACCEPTED, gateway_message_id=gateway_message_id
        )

    def look_up(self, reference: str) -> LookedUp:
        """What it knows, a while after it took it."""
        at_s, gateway_message_id = self._first.get(reference, (1e9, ""))
        if self._world.now_s < at_s + self._world.scenario.look_up_lag_s:
            return LookedUp(reference=reference, is_known=False)
        return LookedUp(reference=reference, is_known=True, gateway_message_id=gateway_message_id)

    def _promise_receipts(self, reference: str, gateway_message_id: str) -> None:
        """Some at once, some far too late, some twice, some never; not in order."""
        draw, scenario = self._world.random, self._world.scenario
        if scenario.p_receipts and draw.random() < scenario.p_strange_receipt:
            self._deliver_later(self._strange(reference, gateway_message_id))
        for status in (ReceiptStatus.SENT, draw.choice(FINAL)):
            for _ in range(draw.choice((0, 1, 1, 2)) if draw.random() < scenario.p_receipts else 0):
                # A reference is the same in upper case: some gateways store it so.
                told = reference.upper() if draw.random() < 0.1 else reference
                self._deliver_later(
                    Receipt(gateway_message_id=gateway_message_id, reference=told, status=status)
                )

    def _strange(self, reference: str, gateway_message_id: str) -> Receipt:
        """Of nobody we know: of another instance, of another run, of a row that no batch has, without a reference."""
        draw = self._world.random
        foreign = draw.choice(
            (None, "", "0" * 20, reference[:-1], SEALER.seal(RUN + 98, 0, 0), SEALER.seal(RUN, 0, 999))
        )
        return Receipt(
            gateway_message_id=f"x{gateway_message_id}", reference=foreign, status=draw.choice(FINAL)
        )

    def _deliver_later(self, receipt: Receipt) -> None:
        draw = self._world.random
        self.n_receipts_due += 1
        delay_s = draw.choice((0.001, 0.05, 3.0, 40.0)) * draw.random()
        self._world.loop.call_later(delay_s, self._deliver, receipt)

    def _deliver(self, receipt: Receipt) -> None:
        """One page; now and then with the same receipt twice."""
        self.n_receipts_due -= 1
        reference = (receipt.reference or "").lower()
        if self._books.taken[reference]:
            self._books.reported.add(reference)
        self._world.record([receipt] * self._world.random.choice((1, 1, 1, 2)))


class SimulatedClient:
    """GatewayClient of one worker. An answer that was lost says so; it never says what it does not know."""

    def __init__(self, worker: Worker, carrier: Carrier) -> None:
        self._worker = worker
        self._world = worker.world
        self._carrier = carrier
        self.capabilities = worker.world.scenario.capabilities

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
        if fault == "a bug before it left":
            raise KeyError("a field that was always there")
        if not may_leave():
            world.counts["held back"] += len(messages)
            return HELD_BACK.outcomes(messages)
        world.counts[fault or "answers"] += 1
        world.note(f"{self._worker.name} sends {len(messages)} under {request_key} {fault}")
        world.claims.leaves(request_key, [message.reference for message in messages], world.now_s)
        outcomes = self._arrive(messages, request_key, fault)
        await self._answer_time(fault)
        return self._told(messages, outcomes, fault)

    def _arrive(self, messages: Sequence[OutgoingMessage], request_key: str, fault: str) -> list[Outcome]:
        if fault in {"throttle", "lost before it was read", "no credit"}:
            return []
        if fault == "throttle half" and self.capabilities.idempotency is not Idempotency.REQUEST_KEY:
            return self._carrier.submit(messages[: len(messages) // 2], request_key)
        return self._carrier.submit(messages, request_key)

    async def _answer_time(self, fault: str) -> None:
        longest_s = 20.0 if fault == "slow" else self._world.scenario.answer_s
        await self._worker.pass_time(self._world.random.uniform(0.001, longest_s))

    def _told(
        self, messages: Sequence[OutgoingMessage], outcomes: list[Outcome], fault: str
    ) -> list[Outcome]:
        draw = self._world.random
        match fault:
            case "throttle" | "throttle half":
                after_s = draw.choice((None, 0.2, 3.0))
                refused = unsent(ErrorKind.THROTTLED, retry_after_s=after_s)
                return outcomes + refused.outcomes(messages[len(outcomes) :])
            case "no credit":
                return unsent(ErrorKind.NO_CREDIT, permanent=True).outcomes(messages)
            case "lost before it was read" | "lost after it was taken":
                return unconfirmed(ErrorKind.LOST_CONNECTION).outcomes(messages)
            case "half an answer":
                strangers = [Outcome(reference="nobody's", status=OutcomeStatus.REJECTED)]
                return strangers + outcomes[: len(outcomes) // 2]
            case "of two minds":
                return outcomes + rejected(ErrorKind.BLOCKED).outcomes(messages[:1])
            case "a bug":
                raise KeyError("a field that was always there")
            case _:
                return outcomes

    async def pull_receipts(self, cursor: str | None) -> Page:
        raise NotImplementedError

    def read_receipts(self, body: bytes) -> tuple[list[Receipt], list[Reply]]:
        raise NotImplementedError

    async def look_up(self, references: Sequence[str]) -> list[LookedUp]:
        world = self._world
        await self._worker.pass_time(world.random.uniform(0.01, 1.0))
        if world.chance(world.scenario.p_look_up_fails):
            raise GatewayUnavailable("the gateway does not answer")
        found = [self._carrier.look_up(reference) for reference in references]
        await self._worker.pass_time(world.random.uniform(0.01, 1.0))
        return found

    async def close(self) -> None:
        await asyncio.sleep(0)


FAULTS = (
    "no connection",
    "throttle",
    "throttle",
    "throttle half",
    "lost before it was read",
    "lost after it was taken",
    "half an answer",
    "of two minds",
    "slow",
    "no credit",
    "a bug before it left",
    "a bug",
)
