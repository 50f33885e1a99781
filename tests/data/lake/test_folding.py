from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.analytics import query
from data.lake.files import empty_file
from data.lake.folding import LakeFileError, fold_messages
from data.ledger.audit import audit_run
from messaging.outcomes import OutcomeStatus, ReceiptStatus
from tests.data.lake.small_world import History, SmallWorld

SIZES = (5, 3)
LEDGER = """
    select batch, row, status, gateway_message_id, stop_reason, receipt, receipt_code, receipt_at, settled_at
    from outcomes where status <> 6 order by batch, row
"""
LAKE = """
    select batch, row, status, gateway_message_id, stop_reason, receipt, receipt_code, epoch(receipt_at), epoch(settled_at)
    from messages where status not in ('in_flight', 'not_yet_claimed') order by batch, row
"""


def in_the_ledger(world: SmallWorld) -> list[tuple[object, ...]]:
    return [
        (
            batch,
            row,
            OutcomeStatus(status).name.lower(),
            gateway_message_id,
            stop_reason,
            None if receipt is None else ReceiptStatus(receipt).name.lower(),
            *rest,
        )
        for batch, row, status, gateway_message_id, stop_reason, receipt, *rest in world.rows(LEDGER)
    ]


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), n_steps=st.integers(1, 60))
def test_the_folded_messages_are_what_the_ledger_says(seed, n_steps):
    with tempfile.TemporaryDirectory() as folder:
        world = SmallWorld(Path(folder))
        history = History(world, seed, batch_sizes=SIZES)
        for step in range(n_steps):
            history.step()
            if step == n_steps // 2:
                world.load()
        world.load(fold_all=True)
        assert query(world.analytics, LAKE)[1] == in_the_ledger(world)
        _assert_the_funnel_is_the_audit(world)


def _assert_the_funnel_is_the_audit(world: SmallWorld) -> None:
    with world.store.read.connect() as connection:
        audit = audit_run(connection, 1, None)
    assert audit.balanced
    columns, [row] = query(world.analytics, "select * from campaign_funnel")
    funnel = dict(zip(columns, row, strict=True))
    assert {name: funnel[name] for name in audit.terms if name in funnel} == {
        name: n for name, n in audit.terms.items() if name in funnel
    }


def test_a_missing_file_is_named(tmp_path):
    gone = tmp_path / "planned" / "run-000001.parquet"
    with pytest.raises(LakeFileError, match=r"run 1: .*run-000001\.parquet"):
        fold_messages(tmp_path, 1, [gone], [empty_file(tmp_path, "events")], tmp_path / "messages.parquet")
