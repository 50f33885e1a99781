"""The process that is killed: it sends all batches of a run with the real sending process, the task body of a flow.

    python -m tests.chaos.victim --var DIR --run 1 --simulator URL [--die-in PHASE --at N] [--lease S] [--threads N]

With --die-in it kills itself (SIGKILL, so nothing of Python runs any more) at the N-th time it comes through that phase.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Any

from data.accounts import Account
from data.ledger.claiming import claim as claim_in_ledger
from data.ledger.records import Claim, ClaimRequest, Ended, Settled, Settlement, Wait
from data.ledger.rules import Rules
from data.runs import read_run
from engine.sender.process import SendingProcess
from engine.sender.store_ledger import StoreLedger
from gateway_clients.base import GatewayClient, MayLeave
from gateway_clients.registry import make_client
from messaging.batches import BatchRef
from messaging.outcomes import Outcome, OutgoingMessage
from messaging.tally import BUSY
from tests.chaos.arena import instance_in


class Phase(StrEnum):
    """Where in a message's life the process ends."""

    BEFORE_CLAIM_COMMIT = "before_claim_commit"
    COMMITTED_UNWRITTEN = "committed_unwritten"
    IN_FLIGHT = "in_flight"
    ANSWERED_UNSETTLED = "answered_unsettled"
    SETTLED = "settled"


class Executioner:
    """Counts the passages through a phase, from any thread, and ends this process at the chosen one."""

    def __init__(self, phase: Phase | None, at: int) -> None:
        self._phase = phase
        self._left = at
        self._lock = threading.Lock()

    def comes_now(self, phase: Phase) -> bool:
        if phase is not self._phase:
            return False
        with self._lock:
            self._left -= 1
            return self._left == 0

    def passes(self, phase: Phase) -> None:
        if self.comes_now(phase):
            die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class WatchedLedger(StoreLedger):
    """The real door to the ledger, watched at its commits."""

    def __init__(self, door: StoreLedger, executioner: Executioner) -> None:
        super().__init__(door._writer, door._rules)
        self._executioner = executioner

    async def claim(self, request: ClaimRequest) -> Claim | Wait | Ended:
        def claim_and_perhaps_die(connection: Any, *args: Any) -> Claim | Wait | Ended:
            answer = claim_in_ledger(connection, *args)
            if isinstance(answer, Claim):
                self._executioner.passes(Phase.BEFORE_CLAIM_COMMIT)
            return answer

        answer = await asyncio.wrap_future(self._writer.ask(claim_and_perhaps_die, request, self._rules))
        if isinstance(answer, Claim):
            self._executioner.passes(Phase.COMMITTED_UNWRITTEN)
        return answer

    async def settle(
        self, claim: Claim, settlements: Sequence[Settlement], *, blocked_s: float, jitter: float
    ) -> Settled:
        settled = await super().settle(claim, settlements, blocked_s=blocked_s, jitter=jitter)
        self._executioner.passes(Phase.SETTLED)
        return settled


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
        def leaves() -> bool:
            answer = may_leave()
            if answer and self._executioner.comes_now(Phase.IN_FLIGHT):
                # From the first byte to about the answer: sometimes nothing has left yet, sometimes all was taken.
                asyncio.get_running_loop().call_later(self._random.uniform(0, 0.01), die)
            return answer

        outcomes = await self._client.submit(messages, request_key=request_key, may_leave=leaves)
        self._executioner.passes(Phase.ANSWERED_UNSETTLED)
        return outcomes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--var", type=Path, required=True)
    parser.add_argument("--store", default=None)
    parser.add_argument("--run", type=int, required=True)
    parser.add_argument("--simulator", required=True)
    parser.add_argument("--die-in", type=Phase, default=None)
    parser.add_argument("--at", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lease", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=4)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    executioner = Executioner(asked.die_in, asked.at)
    rules = Rules(lease_s=asked.lease, send_window_s=asked.lease, back_off_s=0.05, longest_back_off_s=0.3)

    def client_for(account: Account) -> GatewayClient:
        settings = {**account.settings, "url": asked.simulator}
        client = make_client(account.kind, settings, account.credentials, concurrency=account.concurrency)
        return WatchedClient(client, executioner, rng)

    with instance_in(asked.var, asked.store) as instance:
        sender = SendingProcess(
            instance.store,
            var_dir=asked.var,
            keys=instance.keys,
            drain_s=20,
            client_for=client_for,
            rules=rules,
        )
        sender._ledger = WatchedLedger(sender._ledger, executioner)
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=sender.drain).start())
        batches = list(range(read_run(instance.store, asked.run).n_batches))
        rng.shuffle(batches)
        print("sending", flush=True)
        with ThreadPoolExecutor(asked.threads) as pool:
            tallies = list(
                pool.map(
                    lambda batch: sender.submit_batch(
                        BatchRef(asked.run, batch), f"{os.getpid()}-{asked.seed}-{batch}"
                    ),
                    batches,
                )
            )
        sender.close()
    return 3 if any(tally.ended == BUSY for tally in tallies) else 0


if __name__ == "__main__":
    raise SystemExit(main())
