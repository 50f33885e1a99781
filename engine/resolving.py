"""Resolving what is in doubt: a person decides, by name and with a reason, and the run's state follows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data.audit_log import has_decided, log_decision
from data.ledger.deciding import Decided, Decision, decide
from data.ledger.locking import lock_ledger
from data.ledger.rules import Rules
from data.runs import RunRecord, move_within, read_within
from engine.closing import close_again
from messaging.errors import TidingsError
from messaging.runs import RunState

if TYPE_CHECKING:
    from data.store.engine import Store


class CannotResolve(TidingsError):
    """run 3 is cancelled: nothing of it is sent again; its messages in doubt can only be assumed sent."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """The run as it stands after the decision."""

    run: RunRecord
    decided: Decided


def resolve_run(
    store: Store,
    run: int,
    decision: Decision,
    *,
    by: str,
    why: str,
    now: float,
    rules: Rules | None = None,
    asked_as: str | None = None,
) -> Resolved:
    """Decide on all that is in doubt. Raises CannotResolve when nothing could be decided, and UnknownRun.

    `send again` moves a finished run back to sending in the same transaction; it sends nothing by itself.
    asked_as: an id of the asking, kept in the transaction of the decision; under the same one nothing is decided twice.
    """
    is_again = decision is Decision.SEND_AGAIN
    with store.write.begin() as connection:
        lock_ledger(connection)
        record = read_within(connection, run)
        if asked_as is not None and has_decided(connection, what="resolve", mark=asked_as):
            return Resolved(record, Decided(n_decided=0, n_too_early=0, ask_again_at=None))
        state = record.state
        if is_again and state is RunState.CANCELLED:
            raise CannotResolve(
                f"run {run} is cancelled, so nothing of it is sent again; `--unconfirmed assume-sent` can be said of it."
            )
        decided = decide(connection, run, decision, by=by, why=why, rules=rules or Rules(), now=now)
        if decided.n_decided:
            details = {"run": run, "decision": decision.value, "n": decided.n_decided, "why": why}
            if asked_as is not None:
                details["asked_as"] = asked_as
            log_decision(connection, who=by, what="resolve", details=details, now=now)
        if decided.n_decided and is_again and state.is_over:
            move_within(connection, run, RunState.SENDING, f"send again, decided by {by}", now)
    if not decided.n_decided and decided.ask_again_at is not None:
        raise CannotResolve(too_early(run, decided))
    if not decided.n_decided:
        close_again(store, run, now=now)
        raise CannotResolve(
            f"run {run} has nothing in doubt that nobody has decided on; `tidings status {run}` shows its account."
        )
    return Resolved(close_again(store, run, now=now), decided)


def too_early(run: int, decided: Decided) -> str:
    """Which messages may not be sent again yet, and from when on."""
    at = time.strftime("%H:%M:%S", time.localtime(decided.ask_again_at))
    return (
        f"{decided.n_too_early:,} messages of run {run} may still be on their way out, "
        f"so they cannot be sent again yet; ask again after {at}."
    )
