"""Somebody reconciles the run: the order of engine.reconcile, with the parts of it that know no thread and no clock."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from data.ledger.reconciling import adopt_found, adopt_receipts, read_in_doubt, unknown_receipts_of
from data.ledger.records import Claim, ClaimRequest, Dedupe, Ended, InDoubt, Wait
from data.ledger.resubmitting import resubmit
from engine.reconcile import _as_found, _dedupe_of, _reopen
from engine.sender.core import send_batch
from engine.sender.lanes import Lanes, StopSign
from gateway_clients.base import LookUp
from gateway_clients.errors import GatewayUnavailable
from messaging.batches import BatchRef
from tests.simulation.memory_store import ACCOUNT, RUN
from tests.simulation.planned import SEALER
from tests.simulation.simulated_gateway import Carrier, SimulatedClient
from tests.simulation.workers import Worker, WorkerClock, WorkerLedger
from tests.simulation.world import Changes


class ResubmittingWorkerLedger(WorkerLedger):
    """Its claims hold messages in doubt only."""

    def __init__(self, worker: Worker, dedupe: Dedupe) -> None:
        super().__init__(worker)
        self._dedupe = dedupe

    async def claim(self, request: ClaimRequest) -> Claim | Wait | Ended:
        def check(answer: Claim | Wait | Ended, changes: Changes) -> None:
            if isinstance(answer, Claim):
                self._world.check_claim(request.lease, answer, changes)

        answer: Claim | Wait | Ended = await self._ask(
            resubmit, request, self._dedupe, self._rules, check=check
        )
        if isinstance(answer, Claim):
            self._world.counts["resubmitted"] += len(answer.rows)
            self._worker.unsettled[answer.ref.batch, answer.claim_no] += len(answer.rows)
        return answer


async def reconcile(worker: Worker, carrier: Carrier) -> None:
    """One call of it, by a process that can crash or sleep at any await."""
    world, client = worker.world, SimulatedClient(worker, carrier)

    def adopt_kept(connection: sa.Connection, now: float) -> Any:
        return adopt_receipts(connection, RUN, unknown_receipts_of(connection, RUN, ACCOUNT, SEALER), now)

    world.commit(adopt_kept)
    await worker.pass_time(world.random.uniform(0.0, 0.5))
    if client.capabilities.look_up is not LookUp.NONE:
        await _look_up(worker, client)
    dedupe = _dedupe_of(client.capabilities)
    if dedupe is not None:
        await _resubmit(worker, client, dedupe)


def _in_doubt(connection: sa.Connection, now: float) -> tuple[float, list[InDoubt]]:
    return now, read_in_doubt(connection, RUN, now)


async def _look_up(worker: Worker, client: SimulatedClient) -> None:
    world = worker.world
    asked_at, doubt = world.commit(_in_doubt)
    references = [SEALER.seal(RUN, one.batch, one.row) for one in doubt]
    try:
        answers = await client.look_up(references)
    except GatewayUnavailable:
        world.counts["look-ups failed"] += 1
        return
    found = [
        _as_found(one, answer, client.capabilities, asked_at)
        for one, answer in zip(doubt, answers, strict=True)
    ]

    def adopt(connection: sa.Connection, now: float) -> Any:
        return adopt_found(connection, RUN, ACCOUNT, found, SEALER, now)

    adopted = world.commit(adopt)
    for answer in answers:
        if answer.is_known:
            world.books.reported.add(answer.reference)
            world.books.tell(answer.reference, answer.gateway_message_id)
    world.counts["accepted by look-up"] += adopted.n_accepted


async def _resubmit(worker: Worker, client: SimulatedClient, dedupe: Dedupe) -> None:
    world = worker.world
    _, doubt = world.commit(_in_doubt)

    def reopen(connection: sa.Connection, now: float) -> bool:
        return _reopen(connection, RUN, "Ann", now)

    batches = sorted({one.batch for one in doubt if not one.is_assumed_sent})
    if not batches or not world.commit(reopen):
        return
    for batch in batches:
        await send_batch(
            world.batches[BatchRef(RUN, batch)],
            f"{worker.name}/{batch}",
            ledger=ResubmittingWorkerLedger(worker, dedupe),
            gateway=client,
            lanes=Lanes(world.scenario.concurrency),
            clock=WorkerClock(worker),
            random=world.random,
            stop=StopSign(),
            rules=world.scenario.rules,
        )
