"""The folder of flight records, on a machine that knows which of its processes are dead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from data.ledger.records import Lease, own_request_key
from engine.sender.doors import FlightRecord
from messaging.batches import BatchRef
from tests.simulation.workers import Worker


@dataclass(slots=True)
class _Record:
    lease: Lease
    worker: Worker
    marks: dict[int, int] = field(default_factory=dict)  # row → claim number

    def mark(self, claim_no: int, rows: Sequence[int]) -> None:
        self.marks.update(dict.fromkeys(rows, claim_no))

    def end(self, *, is_settled: bool) -> None: ...


class SimulatedFlights:
    """As data.flight_record has them: one a batch, the next holder's in place of the one before."""

    def __init__(self) -> None:
        self._files: dict[BatchRef, _Record] = {}

    def begin(self, lease: Lease, worker: Worker) -> FlightRecord:
        self._files[lease.ref] = _Record(lease, worker)
        return self._files[lease.ref]

    def is_dead(self, ref: BatchRef, owner: str, fence: int) -> bool:
        record = self._left_behind(ref, fence)
        return record is not None and record.lease.owner == owner

    def departed(self, ref: BatchRef, fence: int, claim_no: int, request_key: str) -> set[int] | None:
        record = self._left_behind(ref, fence)
        if record is None or own_request_key(record.lease.owner, ref, claim_no) != request_key:
            return None
        world = record.worker.world
        world.counts["proved by a flight record"] += 1
        world.claims.died(ref, claim_no, world.now_s)
        return {row for row, marked in record.marks.items() if marked == claim_no}

    def _left_behind(self, ref: BatchRef, fence: int) -> _Record | None:
        record = self._files.get(ref)
        is_proof = record is not None and record.lease.fence == fence and record.worker.is_dead
        return record if is_proof else None


class WorkerFlights:
    """FlightRecorder of one worker."""

    def __init__(self, worker: Worker, folder: SimulatedFlights) -> None:
        self._worker = worker
        self._folder = folder

    async def begin(self, lease: Lease, n_rows: int) -> FlightRecord:
        await self._worker.pass_time(0.001)
        return self._folder.begin(lease, self._worker)
