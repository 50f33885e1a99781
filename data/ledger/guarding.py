"""The breaker: what a settle tells of a run's failures, counted where every process sees it (messaging.guarding).

Nothing is counted while nothing fails: `runs.recent` is null then, and a settle only reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import orjson

from data.ledger.statements import statement
from data.runs import move_within
from messaging.guarding import DEFAULT_GUARDS, FailureGuards, Recent, guard
from messaging.outcomes import Outcome
from messaging.runs import RunState

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


def guard_run(connection: Connection, run: int, outcomes: Sequence[Outcome], now: float) -> None:
    """Count the outcomes of a settle, in its transaction, and stop the run when they are more than its guards allow.

    A run that does not send (any more) is left as it is. One that is stopped begins to count anew when it is resumed.
    """
    row = connection.execute(statement("read_guards"), {"run": run}).one()
    if row.state != RunState.SENDING:
        return
    before = _recent(row.recent)
    guarded = guard(before, outcomes, _guards(row.guards))
    is_stopped = guarded.stop is not None and move_within(
        connection, run, RunState.STOPPED, guarded.stop, now
    )
    after = Recent() if is_stopped else guarded.recent
    if after != before:
        connection.execute(statement("keep_recent"), {"run": run, "recent": _as_text(after)})


def _guards(text: str | None) -> FailureGuards:
    return FailureGuards(**orjson.loads(text)) if text else DEFAULT_GUARDS


def _recent(text: str | None) -> Recent:
    if not text:
        return Recent()
    in_a_row, buckets = orjson.loads(text)
    return Recent(in_a_row, tuple((n, n_failed) for n, n_failed in buckets))


def _as_text(recent: Recent) -> str | None:
    return None if recent == Recent() else orjson.dumps([recent.in_a_row, recent.buckets]).decode()
