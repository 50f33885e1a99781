"""The end of a run: it is over when every message is accounted for, and its last state says what is left in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.ledger.audit import audit_run
from data.ledger.locking import lock_ledger
from data.runs import RunRecord, move_run, move_within, read_run
from messaging.runs import RunState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from data.store.engine import Store

CAN_GO_ON = frozenset({RunState.FINISHED_WITH_UNSENT, RunState.FINISHED_WITH_UNCONFIRMED})


def reopen_run(store: Store, run: RunRecord, *, now: float) -> RunRecord:
    """A run that ended with something unsent or in doubt is sending again; any other stays as it is.

    For a Retry: what was finished stays finished, so nothing is sent but what is claimable.
    """
    if run.state in CAN_GO_ON:
        move_run(store, run.run, RunState.SENDING, reason="run again", now=now)
        return read_run(store, run.run)
    return run


def close_again(store: Store, run: int, *, now: float) -> RunRecord:
    """A run that is over gets the end that its ledger shows now: a receipt may have proved what was in doubt."""
    record = read_run(store, run)
    return close_run(store, run, now=now) if record.state in CAN_GO_ON else record


def close_run(store: Store, run: int, *, now: float) -> RunRecord:
    """Give a sending run its last state, if nothing of it is in flight or unclaimed any more; else leave it sending."""
    with store.read.connect() as connection:
        is_over = last_state(audit_run(connection, run, now=now).terms) is not None
    if is_over:
        _close(store, run, now)
    return read_run(store, run)


def _close(store: Store, run: int, now: float) -> None:
    """Counted again in the move's own transaction: a decision or a claim may have come in between."""
    with store.write.begin() as connection:
        lock_ledger(connection)
        end = last_state(audit_run(connection, run, now=now).terms)
        if end is not None:
            move_within(connection, run, end, None, now)


def last_state(terms: Mapping[str, int]) -> RunState | None:
    """What a run with these ledger terms has come to; None while messages are still on their way out."""
    if terms["in_flight"] or terms["not_yet_claimed"]:
        return None
    if terms["unsent"]:
        return RunState.FINISHED_WITH_UNSENT
    if terms["unconfirmed"] > terms["assumed_sent"]:
        return RunState.FINISHED_WITH_UNCONFIRMED
    return RunState.FINISHED
