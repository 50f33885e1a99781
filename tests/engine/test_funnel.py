from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from data.runs import UnknownRun
from data.store.tables import batches, claims, outcomes
from engine.funnel import read_funnel
from messaging.outcomes import OutcomeStatus, ReceiptStatus
from tests.data.lake.small_world import SmallWorld


@pytest.fixture
def world(tmp_path) -> SmallWorld:
    world = SmallWorld(tmp_path)
    world.freeze(batch_sizes=(8,), n_excluded=3, n_rejects=2)
    return world


def read(world: SmallWorld, run: int = 1):
    return read_funnel(world.store, run, var_dir=world.lake.parent, now=world.now)


def settle(world: SmallWorld, row: int, status: OutcomeStatus, **fields: object) -> None:
    values = {"run": 1, "batch": 0, "row": row, "claim_no": 0, "status": int(status), "settled_at": world.now}
    world.do(sa.insert(outcomes).values(values | fields))


def test_every_message_of_a_run_is_accounted_for_with_its_reason(world):
    world.do(
        sa.insert(claims).values(
            run=1, batch=0, claim_no=0, kind="submit", account="sim", fence=1, first_row=0, last_row=6, n=6, n_settled=6,
            request_key="k", slot_at=0, step_s=0, send_before=0, state="settled", claimed_at=world.now - 2,
        )
    )  # fmt: skip
    world.do(sa.update(batches).values(next_row=6))
    settle(world, 0, OutcomeStatus.ACCEPTED, receipt=int(ReceiptStatus.DELIVERED))
    settle(world, 1, OutcomeStatus.ACCEPTED, receipt=int(ReceiptStatus.SENT))
    settle(world, 2, OutcomeStatus.ACCEPTED, settled_at=world.now - 3600)
    settle(world, 3, OutcomeStatus.REJECTED, error_kind="blocked")
    settle(world, 4, OutcomeStatus.UNSENT, error_kind="throttled")
    settle(world, 5, OutcomeStatus.UNCONFIRMED, decision="assumed sent")
    settle(world, 7, OutcomeStatus.STOPPED, claim_no=None, stop_reason="opted_out")
    funnel = read(world).as_json()
    assert funnel.pop("cost") == pytest.approx(0.4)
    assert {name: value for name, value in funnel.items() if value not in (0, None)} == {
        "run": 1,
        "run_key": "welcome+1",
        "campaign": "welcome",
        "account": "sim",
        "state": "sending",
        "is_simulated": True,
        "source_rows": 13,
        "rejects": 2,
        "contacts": 11,
        "excluded": 3,
        "audience": 8,
        "messages": 8,
        "rejects_by_rule": {"too_short": 2},
        "excluded_by_reason": {"duplicate": 3},
        "accepted": 3,
        "rejected": 1,
        "unsent": 1,
        "unconfirmed": 1,
        "assumed_sent": 1,
        "not_yet_claimed": 1,
        "stopped": 1,
        "reasons": {
            "rejected": {"blocked": 1},
            "unsent": {"throttled": 1},
            "unconfirmed": {"": 1},
            "stopped": {"opted_out": 1},
        },
        "delivered": 1,
        "waiting": 1,
        "no_receipt": 1,
        "segments": 8,
        "currency": "EUR",
        "first_claimed_at": world.now - 2,
        "last_settled_at": world.now,
        "throughput_mps": 2.0,
        "delivery_rate": pytest.approx(1 / 3),
        "balanced": True,
    }


def test_a_run_that_has_not_begun_has_neither_pace_nor_rate(world):
    funnel = read(world)
    assert (funnel.not_yet_claimed, funnel.throughput_mps, funnel.delivery_rate) == (8, None, None)
    assert json.dumps(funnel.as_json())


def test_an_unknown_run_is_said_so(world):
    with pytest.raises(UnknownRun, match="there is no run 9"):
        read(world, 9)
