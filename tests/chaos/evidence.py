"""In which phase a victim died, by what the store and the simulator's log say; its own word only names the messages."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from data.instance import Instance
from data.ledger.recovering import rows_of
from messaging.sealed import Sealer
from tests.chaos.phases import LastWords, Phase

CLAIM = "select * from claims where run = :run and request_key = :request_key"
SETTLED = "select payload from events where run = :run and batch = :batch and claim_no = :claim_no and kind = 'outcomes'"


@dataclass(frozen=True, slots=True)
class _Found:
    """What the store has of the claim: its rows, and those that the dead process had settled."""

    rows: dict[str, int]  # by reference
    settled: AbstractSet[int]


def proven_phase(words: Path, instance: Instance, run: int, received: AbstractSet[str]) -> Phase | None:
    """The phase that was meant, if all witnesses agree that it died there; None: it is not proven."""
    if not words.exists():
        return None
    said = LastWords.from_json(words.read_text())
    found = _look_up(instance, run, said.request_key)
    if found is None:
        return Phase.BEFORE_CLAIM_COMMIT if said.phase is Phase.BEFORE_CLAIM_COMMIT else None
    rows = {found.rows[reference] for reference in said.references}
    is_at_gateway = received >= set(said.references)
    match said.phase:
        case Phase.BEFORE_CLAIM_COMMIT:
            is_so = False
        case Phase.COMMITTED_UNWRITTEN:
            is_so = not found.settled and received.isdisjoint(found.rows)
        case Phase.IN_FLIGHT:
            is_so = found.settled.isdisjoint(rows)
        case Phase.ANSWERED_UNSETTLED:
            is_so = found.settled.isdisjoint(rows) and (is_at_gateway or not said.accepted)
        case Phase.SETTLED:
            is_so = found.settled >= rows
    return said.phase if is_so else None


def _look_up(instance: Instance, run: int, request_key: str) -> _Found | None:
    with instance.store.read.connect() as connection:
        key = {"run": run, "request_key": request_key.partition("-")[0]}
        claim: Any = connection.execute(sa.text(CLAIM), key).one_or_none()
        if claim is None:
            return None
        key = {"run": run, "batch": claim.batch, "claim_no": claim.claim_no}
        payloads = connection.execute(sa.text(SETTLED), key).scalars().all()
    rows = list(rows_of(claim))
    references = Sealer(instance.keys.references).seal_many(run, [claim.batch] * len(rows), rows)
    settled = {row for payload in payloads for row in orjson.loads(payload)["rows"]}
    return _Found(dict(zip(references, rows, strict=True)), settled)
