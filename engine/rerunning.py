"""Running batches of a run again: what a person asks for in Prefect, checked and put on record before anything is sent.

Any batch may be run again: the ledger makes a finished one a no-op. What is asked for here only says where to look,
and what a person decides on messages in doubt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data.audit_log import has_decided, log_decision
from data.ledger.audit import audit_run
from data.ledger.deciding import Decision
from data.runs import RunRecord, read_run
from data.unattended import claimable_batches
from engine.closing import reopen_run
from engine.resolving import resolve_run
from messaging.errors import TidingsError
from messaging.reruns import InDoubt, Which, parse_batches
from messaging.runs import RunState

if TYPE_CHECKING:
    from data.store.engine import Store

_DECISIONS = {"assume sent": Decision.ASSUMED_SENT, "send again": Decision.SEND_AGAIN}


class CannotRerun(TidingsError):
    """run 3 is cancelled: nothing of it is sent again; send its campaign as a new run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """What a person asks for. asked_as: an id of the asking, so that a repeated one decides nothing twice."""

    run: int
    which: Which
    batches: str
    unconfirmed: InDoubt
    decided_by: str
    why: str
    asked_as: str


def begin_rerun(
    store: Store, rerun: Rerun, *, reconcile: Callable[[], object], now: float
) -> tuple[RunRecord, list[int]]:
    """Decide, log, reopen the run, and say which batches are to be run. Nothing of them is sent yet.

    reconcile: called when that is asked for, to prove what can be proved of messages in doubt.
    Asked again under the same `asked_as`, it decides nothing: what came to be in doubt since is another question.
    Raises CannotRerun, UnreadableBatches, CannotResolve and UnknownRun, each before anything is written.
    """
    record = read_run(store, rerun.run)
    _refuse(record, rerun)
    chosen = parse_batches(rerun.batches, n_batches=record.n_batches) if rerun.which == "chosen" else []
    if not _is_decided(store, rerun):
        _decide(store, rerun, now)
        _log(store, rerun, now)
    if rerun.unconfirmed == "reconcile":
        reconcile()
    record = reopen_run(store, read_run(store, rerun.run), now=now)
    match rerun.which:
        case "all":
            return record, list(range(record.n_batches))
        case "chosen":
            return record, chosen
        case "failed":
            return record, claimable_batches(store, rerun.run, now=now)


def _refuse(run: RunRecord, rerun: Rerun) -> None:
    if rerun.unconfirmed in _DECISIONS and not rerun.why.strip():
        raise CannotRerun(
            f"say why the messages in doubt of run {run.run} are to be taken so: “{rerun.unconfirmed}” stands "
            "in the audit log with your reason."
        )
    match run.state:
        case RunState.CANCELLED:
            raise CannotRerun(
                f"run {run.run} is cancelled: nothing of it is sent again; send its campaign as a new run."
            )
        case RunState.PAUSED | RunState.STOPPED:
            raise CannotRerun(
                f"run {run.run} is {run.state.in_words}; `tidings resume {run.run}` lets it go on, all of it."
            )
        case _ if not run.is_frozen:
            raise CannotRerun(
                f"run {run.run} is {run.state.in_words}: it has no batches; Retry its own flow run."
            )


def _is_decided(store: Store, rerun: Rerun) -> bool:
    with store.read.connect() as connection:
        return has_decided(connection, what="rerun", mark=rerun.asked_as)


def _decide(store: Store, rerun: Rerun, now: float) -> None:
    decision = _DECISIONS.get(rerun.unconfirmed)
    if decision is None:
        return
    with store.read.connect() as connection:
        terms = audit_run(connection, rerun.run, now=now).terms
    if terms["unconfirmed"] > terms["assumed_sent"]:
        # The mark lies in the decision's own transaction: a process that dies before its log must not decide again.
        resolve_run(
            store,
            rerun.run,
            decision,
            by=rerun.decided_by,
            why=rerun.why,
            now=now,
            asked_as=rerun.asked_as,
        )


def _log(store: Store, rerun: Rerun, now: float) -> None:
    details = {
        "run": rerun.run,
        "which": rerun.which,
        "batches": rerun.batches,
        "unconfirmed": rerun.unconfirmed,
        "why": rerun.why,
        "asked_as": rerun.asked_as,
    }
    with store.write.begin() as connection:
        log_decision(connection, who=rerun.decided_by, what="rerun", details=details, now=now)
