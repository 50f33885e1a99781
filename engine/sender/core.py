"""One task attempt at one batch: take, claim, submit, settle, give back.

Free of threads, and everything outside comes as an argument: a simulation runs this very code in virtual time.
Only one instant decides whether a byte may leave: boot time as it was before the claim was asked for, plus the time
the ledger gave. So a process that slept for an hour, or whose answer from the store was slow, sends nothing late.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from data.ledger.pacing import late_s
from data.ledger.records import STALE, Busy, Claim, ClaimRequest, Ended, Lease, Recipients, Settlement, Wait
from data.ledger.rules import Rules
from engine.sender.answers import in_order, missed
from engine.sender.doors import Clock, FlightRecord, FlightRecorder, LedgerDoor, NoFlightRecorder, Random
from engine.sender.lanes import Lanes, StopSign
from gateway_clients.base import GatewayClient
from gateway_clients.verdicts import HELD_BACK, unconfirmed, unsent
from messaging.batches import BatchRef
from messaging.guarding import STOPS_AT_ONCE
from messaging.outcomes import ErrorKind, Outcome, OutgoingMessage
from messaging.tally import BUSY, DONE, DRAINED, UNREACHABLE, BatchTally

log = logging.getLogger(__name__)

NO_FLIGHT_RECORDS = NoFlightRecorder()
SETTLE_EVERY_S = 0.1
LONGEST_NAP_S = 1.0  # so that a pause, a new rate or the end of this process is noticed
NAP_S = 0.25
ANSWER_PATIENCE_S = 60.0  # after a claim's last instant to send: gateway clients give up far earlier
UNASKED_HOLD_S = 1.0  # after a throttle that names no time; or until the settle has stopped the run

_HOLDS = STOPS_AT_ONCE | {ErrorKind.THROTTLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchToSend:
    """The messages of a batch, in the order of their rows from 0."""

    ref: BatchRef
    messages: Sequence[OutgoingMessage]
    recipients: Recipients


async def send_batch(
    batch: BatchToSend,
    owner: str,
    *,
    ledger: LedgerDoor,
    gateway: GatewayClient,
    lanes: Lanes,
    clock: Clock,
    random: Random,
    stop: StopSign,
    rules: Rules,
    flights: FlightRecorder = NO_FLIGHT_RECORDS,
) -> BatchTally:
    """Send what is claimable of a batch, and say how the batch stands then. Safe to repeat: a finished one sends nothing.

    owner: unique to this task attempt. Raises what the ledger raises when the store is gone for good; whatever was in
    flight is unconfirmed then, once the lease has expired.
    """
    if stop.is_set:
        return await ledger.tally(batch.ref, DRAINED)
    lease = await ledger.take(batch.ref, owner)
    if isinstance(lease, Busy):
        return await ledger.tally(batch.ref, BUSY)
    record = await flights.begin(lease, len(batch.messages))
    ended = None
    try:
        ended = await _Sender(batch, lease, ledger, gateway, lanes, clock, random, stop, rules, record).work()
    finally:
        record.end(is_settled=ended is not None)
    if ended == STALE:
        return await ledger.tally(batch.ref, BUSY)
    await ledger.give_back(lease)
    return await ledger.tally(batch.ref, ended)


@dataclass(slots=True)
class _Flight:
    """One claim on its way. All instants in boot seconds."""

    claim: Claim
    send_until_s: float
    first_at_s: float
    answered: list[Settlement] = field(default_factory=list)  # and not settled yet
    silent: set[int] = field(default_factory=set)  # rows without an answer
    left: set[int] = field(default_factory=set)  # rows whose first byte may have left
    has_arrived: bool = False  # some request was on the wire
    has_missed: bool = False  # some request found no gateway


class _Sender:
    """The holder of one lease."""

    def __init__(
        self,
        batch: BatchToSend,
        lease: Lease,
        ledger: LedgerDoor,
        gateway: GatewayClient,
        lanes: Lanes,
        clock: Clock,
        random: Random,
        stop: StopSign,
        rules: Rules,
        record: FlightRecord,
    ) -> None:
        self._batch = batch
        self._lease = lease
        self._ledger = ledger
        self._gateway = gateway
        self._lanes = lanes
        self._clock = clock
        self._random = random
        self._stop = stop
        self._rules = rules
        self._record = record
        self._bulk_size = gateway.capabilities.bulk_size
        self._n_claims = lease.n_claims
        self._n_held = 0  # permits
        self._n_unreachable = 0  # claims in a row of which nothing reached the gateway
        self._settling: asyncio.Task[None] | None = None  # the one settle that is not acknowledged yet

    @property
    def _is_bulk(self) -> bool:
        return self._bulk_size > 1

    async def work(self) -> str:
        """Claim and send until nothing more is to be claimed; says why that is."""
        try:
            while not self._stop.is_set:
                is_settling = self._settling is not None
                asked_at_s, answer = await self._claim()
                if isinstance(answer, Ended) and answer.why == DONE and is_settling:
                    await self._settled()  # it may bring unsent messages that this claim could not see yet
                    continue
                if isinstance(answer, Ended):
                    return answer.why
                if isinstance(answer, Wait):
                    await self._settled()
                    await self._nap(min(answer.wait_s, LONGEST_NAP_S))
                    continue
                await self._send(answer, asked_at_s)
                if self._n_unreachable >= self._rules.max_attempts:
                    return UNREACHABLE
                await self._nap(self._back_off_s())
            return DRAINED
        finally:
            try:
                await self._settled()
            finally:
                self._lanes.permits.give_back(self._n_held)

    def _back_off_s(self) -> float:
        """How long to leave a gateway alone that could not be reached; 0 when it could."""
        if not self._n_unreachable:
            return 0.0
        back_off_s = min(
            self._rules.back_off_s * 2.0 ** (self._n_unreachable - 1), self._rules.longest_back_off_s
        )
        return back_off_s * (0.5 + 0.5 * self._random.random())

    async def _claim(self) -> tuple[float, Claim | Wait | Ended]:
        """Ask for the next claim, with permits for it in hand. Returns boot time from before it was asked, too."""
        permits = self._lanes.permits
        n_wanted = 1 if self._is_bulk else min(self._rules.most_per_claim, permits.capacity)
        await permits.take(n_wanted)
        self._n_held += n_wanted
        asked_at_s = self._clock.boot_s()
        answer = await self._ledger.claim(
            ClaimRequest(
                lease=self._lease,
                claim_no=self._n_claims,
                recipients=self._batch.recipients,
                most=self._bulk_size if self._is_bulk else n_wanted,
                is_bulk=self._is_bulk,
            )
        )
        n_used = 0
        if isinstance(answer, Claim):
            self._n_claims += 1
            n_used = 1 if self._is_bulk else len(answer.rows)
        self._release(n_wanted - n_used)
        return asked_at_s, answer

    async def _send(self, claim: Claim, asked_at_s: float) -> None:
        """Submit a claim and settle every message of it, in parts when it lasts."""
        flight = _Flight(
            claim,
            asked_at_s + claim.send_for_s,
            self._slot_s(claim.slot_at, claim.start_in_s, asked_at_s),
            silent=set(claim.rows),
        )
        groups = [claim.rows] if self._is_bulk else [(row,) for row in claim.rows]
        pending = {
            asyncio.ensure_future(self._submit(flight, rows, flight.first_at_s + i * claim.step_s))
            for i, rows in enumerate(groups)
        }
        try:
            while pending and self._clock.boot_s() < self._give_up_at_s(flight):
                _, pending = await asyncio.wait(pending, timeout=SETTLE_EVERY_S)
                if pending and flight.answered and (self._settling is None or self._settling.done()):
                    await self._settle(flight)
        finally:
            await _cancel(pending)
        self._answer(flight, sorted(flight.silent), [self._unanswered(flight, r) for r in flight.silent])
        self._count_unreachable(flight)
        await self._settle(flight)

    def _slot_s(self, slot_at: float, start_in_s: float, asked_at_s: float) -> float:
        """When the first message of a slot may leave, in boot seconds.

        The wall clock tells exactly on one machine; on another one, or after a jump, it may not lead out of what is
        certain: the ledger read its clock between our question and now.
        """
        boot_s = self._clock.boot_s()
        earliest_s, latest_s = asked_at_s + start_in_s, boot_s + start_in_s
        return min(max(boot_s + slot_at - self._clock.now(), earliest_s), latest_s)

    def _give_up_at_s(self, flight: _Flight) -> float:
        last_s = flight.send_until_s + ANSWER_PATIENCE_S
        return last_s if self._stop.give_up_at_s is None else min(last_s, self._stop.give_up_at_s)

    def _unanswered(self, flight: _Flight, row: int) -> Outcome:
        """No answer is awaited any longer: what may have left is in doubt."""
        reference = self._batch.messages[row].reference
        if row in flight.left:
            return unconfirmed(ErrorKind.TIMEOUT).outcome(reference)
        return HELD_BACK.outcome(reference)

    async def _submit(self, flight: _Flight, rows: Sequence[int], at_s: float) -> None:
        """One request, at its time, when there is a lane free for it."""
        delay_s = at_s - self._clock.boot_s()
        if delay_s > 0:
            await self._clock.sleep(delay_s)
        async with self._lanes.requests:
            if self._is_held_back(flight) or not await self._keeps_pace(flight.claim, len(rows), at_s):
                self._answer(flight, rows, HELD_BACK.outcomes([self._batch.messages[row] for row in rows]))
                return
            self._answer(flight, rows, await self._ask_gateway(flight, rows))

    async def _keeps_pace(self, claim: Claim, n: int, at_s: float) -> bool:
        """Whether n messages may leave now as far as the pace goes. They may have missed their slot, waiting for a lane.

        Then they wait for another one: what comes after theirs belongs to others, maybe of another process. False: there
        is none soon. Whatever the time is when that other slot was waited for, they go: else a machine that is always
        late would never send.
        """
        step_s = claim.step_s * n
        if not step_s or self._clock.boot_s() - at_s <= late_s(step_s):
            return True
        asked_at_s = self._clock.boot_s()
        reserved = await self._ledger.reserve_again(claim.account, n)
        if reserved is None:
            return False
        delay_s = self._slot_s(reserved.slot_at, reserved.start_in_s, asked_at_s) - self._clock.boot_s()
        if delay_s > 0:
            await self._clock.sleep(delay_s)
        return True

    async def _ask_gateway(self, flight: _Flight, rows: Sequence[int]) -> list[Outcome]:
        def may_leave() -> bool:
            if self._is_held_back(flight):
                return False
            flight.left.update(rows)
            self._record.mark(flight.claim.claim_no, rows)
            return True

        messages = [self._batch.messages[row] for row in rows]
        key = flight.claim.request_key
        try:
            return await self._gateway.submit(
                messages, request_key=key if self._is_bulk else f"{key}-{rows[0]}", may_leave=may_leave
            )
        except Exception as error:  # noqa: BLE001 - a bug of one client must not hide what may have been sent
            log.error("%s: the gateway client failed (%s)", flight.claim.ref, type(error).__name__)  # noqa: TRY400 - its words may be personal
            if flight.left.isdisjoint(rows):
                # Counted as an attempt, or a client that always fails would be asked for ever.
                return unsent(ErrorKind.UNKNOWN, code=type(error).__name__).outcomes(messages)
            return unconfirmed(ErrorKind.UNKNOWN, code=type(error).__name__).outcomes(messages)

    def _is_held_back(self, flight: _Flight) -> bool:
        boot_s = self._clock.boot_s()
        return self._stop.is_set or boot_s >= flight.send_until_s or boot_s < self._lanes.held_until_s

    def _answer(self, flight: _Flight, rows: Sequence[int], outcomes: Sequence[Outcome]) -> None:
        """Match what the gateway said to the rows it was asked for, and obey it."""
        said = in_order(outcomes, [self._batch.messages[row] for row in rows], flight.claim.ref)
        flight.answered += map(Settlement, rows, said)
        flight.silent.difference_update(rows)
        n_good = 0
        for outcome in said:
            if outcome.error is None and outcome.on_wire and outcome.retry_after_s is None:
                n_good += 1
                continue
            flight.has_arrived = flight.has_arrived or outcome.on_wire
            flight.has_missed = flight.has_missed or missed(outcome)
            self._obey(outcome)
        if n_good:
            flight.has_arrived = True
            self._lanes.went_well(n_good)

    def _count_unreachable(self, flight: _Flight) -> None:
        """Requests that never reached the gateway use up no attempt, so something else must end their repetition."""
        if flight.has_arrived:
            self._n_unreachable = 0
        elif flight.has_missed:
            self._n_unreachable += 1

    def _obey(self, outcome: Outcome) -> None:
        """A wish to wait holds for the whole account: at once in this process, by the settle in all others."""
        wait_s, kind = outcome.retry_after_s, None if outcome.error is None else outcome.error.kind
        if wait_s is None and kind in _HOLDS:
            wait_s = UNASKED_HOLD_S
        if not wait_s:
            return
        if kind == ErrorKind.THROTTLED:
            self._lanes.throttled(wait_s, now_s=self._clock.boot_s())
        else:
            self._lanes.hold(wait_s, now_s=self._clock.boot_s())

    async def _settle(self, flight: _Flight) -> None:
        """Ask for a settle of what was answered, once the settle before it is acknowledged."""
        await self._settled()
        part, flight.answered = flight.answered, []
        if part:
            n_permits = 1 if self._is_bulk else len(part)
            self._settling = asyncio.ensure_future(self._settle_part(flight.claim, part, n_permits))

    async def _settle_part(self, claim: Claim, part: Sequence[Settlement], n_permits: int) -> None:
        blocked_s = max(0.0, self._lanes.held_until_s - self._clock.boot_s())
        await self._ledger.settle(claim, part, blocked_s=blocked_s, jitter=self._random.random())
        self._release(n_permits)

    async def _settled(self) -> None:
        """Wait for the settle that is not acknowledged yet. Raises what it raised: then nothing more is claimed."""
        settling, self._settling = self._settling, None
        if settling is not None:
            await settling

    def _release(self, n: int) -> None:
        self._n_held -= n
        self._lanes.permits.give_back(n)

    async def _nap(self, seconds: float) -> None:
        until_s = self._clock.boot_s() + seconds
        while not self._stop.is_set and (left_s := until_s - self._clock.boot_s()) > 0:
            await self._clock.sleep(min(left_s, NAP_S))


async def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    if not tasks:
        return
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
