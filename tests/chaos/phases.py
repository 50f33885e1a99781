"""Where in a message's life a sender ends: at doors that it cannot tell from the real ones.

The executioner kills at a door, and leaves word of what was there. The harness believes none of it before the store
and the simulator's log agree (tests/chaos/evidence.py).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from data.ledger.claiming import claim as claim_in_ledger
from data.ledger.records import Claim, ClaimRequest, Ended, Settled, Settlement, Wait
from engine.sender.store_ledger import StoreLedger
from gateway_clients.base import GatewayClient, MayLeave
from messaging.outcomes import Outcome, OutcomeStatus, OutgoingMessage


class Phase(StrEnum):
    """Where in a message's life the process ends."""

    BEFORE_CLAIM_COMMIT = "before_claim_commit"
    COMMITTED_UNWRITTEN = "committed_unwritten"
    IN_FLIGHT = "in_flight"
    ANSWERED_UNSETTLED = "answered_unsettled"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastWords:
    """What stood at the door: messages of one claim, by the claim's request key or by their references."""

    phase: Phase
    request_key: str  # of the claim; one message's own has "-row" behind it
    references: list[str]  # of the messages of one request; empty: all of the claim
    accepted: bool = False  # the gateway had answered so

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> LastWords:
        words = json.loads(text)
        return cls(**{**words, "phase": Phase(words["phase"])})


class Executioner:
    """Counts the passages through a phase, from any thread, and ends this process at the chosen one.

    stop_at: or stops it (SIGSTOP) at that look at the clock, after which the first byte would leave.
    """

    def __init__(self, phase: Phase | None, at: int, words: Path, *, stop_at: int | None = None) -> None:
        self.phase = phase
        self._left = at
        self._looks_left = stop_at
        self._words = words
        self._lock = threading.Lock()

    def passes(self, words: LastWords) -> None:
        if words.phase is self.phase and self._comes_now():
            self.kill(words)

    def _comes_now(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left == 0

    def has_looked(self) -> None:
        """Asked on the loop's thread only."""
        if self._looks_left is not None:
            self._looks_left -= 1
            if self._looks_left == 0:
                os.kill(os.getpid(), signal.SIGSTOP)
                time.sleep(0.05)  # another thread may have got the signal, and this one would write meanwhile

    def kill(self, words: LastWords) -> None:
        self._words.write_text(words.as_json())
        os.kill(os.getpid(), signal.SIGKILL)


class WatchedLedger(StoreLedger):
    """The real door to the ledger, watched at its commits."""

    def __init__(self, door: StoreLedger, executioner: Executioner) -> None:
        super().__init__(door._writer, door._rules, door._flights)
        self._executioner = executioner

    async def claim(self, request: ClaimRequest) -> Claim | Wait | Ended:
        def claim_and_perhaps_die(connection: Any, *args: Any) -> Claim | Wait | Ended:
            answer = claim_in_ledger(connection, *args)
            if isinstance(answer, Claim):
                self._executioner.passes(_of_claim(Phase.BEFORE_CLAIM_COMMIT, answer))
            return answer

        answer = await asyncio.wrap_future(self._writer.ask(claim_and_perhaps_die, request, self._rules))
        if isinstance(answer, Claim):
            self._executioner.passes(_of_claim(Phase.COMMITTED_UNWRITTEN, answer))
        return answer

    async def settle(
        self, claim: Claim, settlements: Sequence[Settlement], *, blocked_s: float, jitter: float
    ) -> Settled:
        settled = await super().settle(claim, settlements, blocked_s=blocked_s, jitter=jitter)
        references = [outcome.reference for _, outcome in settlements]
        self._executioner.passes(
            LastWords(phase=Phase.SETTLED, request_key=claim.request_key, references=references)
        )
        return settled


def _of_claim(phase: Phase, claim: Claim) -> LastWords:
    return LastWords(phase=phase, request_key=claim.request_key, references=[])


class WatchedClient:
    """The real gateway client, watched at the wire."""

    def __init__(self, client: GatewayClient, executioner: Executioner, random_: random.Random) -> None:
        self._client = client
        self._executioner = executioner
        self._random = random_
        self.capabilities = client.capabilities

    async def submit(
        self, messages: Sequence[OutgoingMessage], *, request_key: str, may_leave: MayLeave
    ) -> list[Outcome]:
        references = [message.reference for message in messages]
        is_answered = False

        def leaves() -> bool:
            answer = may_leave()
            if answer:
                self._executioner.has_looked()
            if answer and self._executioner.phase is Phase.IN_FLIGHT:
                # From the first byte to about the answer: sometimes nothing has left yet, sometimes all was taken.
                asyncio.get_running_loop().call_later(self._random.uniform(0, 0.01), die_if_unanswered)
            return answer

        def die_if_unanswered() -> None:
            if not is_answered:
                self._executioner.passes(
                    LastWords(phase=Phase.IN_FLIGHT, request_key=request_key, references=references)
                )

        outcomes = await self._client.submit(messages, request_key=request_key, may_leave=leaves)
        is_answered = True
        self._executioner.passes(
            LastWords(
                phase=Phase.ANSWERED_UNSETTLED,
                request_key=request_key,
                references=references,
                accepted=all(outcome.status == OutcomeStatus.ACCEPTED for outcome in outcomes),
            )
        )
        return outcomes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)
