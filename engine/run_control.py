"""Steering a run from outside: pause, resume, cancel.

A sender asks for the state of its run with every claim, so each of these takes effect with the next claim: within two
seconds, or one request. What is in flight is never touched; it settles as it comes.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data.audit_log import log_decision
from data.ledger.audit import audit_run
from data.ledger.leasing import live_leases
from data.ledger.locking import lock_ledger
from data.ledger.records import StopReason
from data.ledger.stopping import stop_run
from data.restores import confirm_opt_outs, unchecked_restore
from data.runs import RunRecord, move_within, read_run
from engine.closing import close_run, last_state
from messaging.errors import TidingsError
from messaging.runs import RunState, states_before

if TYPE_CHECKING:
    from data.store.engine import Store

_CAN_BE_PAUSED = states_before(RunState.PAUSED)
_CAN_BE_RESUMED = frozenset({RunState.PAUSED, RunState.STOPPED})
ENDS_BY_ITSELF = frozenset({RunState.FINISHED, RunState.FINISHED_WITH_UNCONFIRMED})


class CannotSteer(TidingsError):
    """run 3 is finished and cannot be paused; `tidings status 3` shows its account."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """n_stopped: messages that nobody had claimed, and nobody will. n_in_flight: still on their way out."""

    run: RunRecord
    n_stopped: int
    n_in_flight: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """is_worked: somebody sends it already; else it may send, and waits for somebody who does."""

    run: RunRecord
    is_worked: bool


def pause_run(store: Store, run: int, *, by: str, now: float) -> RunRecord:
    """No new claim until somebody resumes the run. Raises CannotSteer, UnknownRun."""
    if not _steer(store, run, RunState.PAUSED, what="pause", by=by, now=now):
        record = read_run(store, run)
        raise CannotSteer(
            f"run {run} is {record.state.in_words} and cannot be paused, only a run that is "
            f"{_in_words(_CAN_BE_PAUSED)} can; {next_step(record)}"
        )
    return read_run(store, run)


def resume_run(store: Store, run: int, *, by: str, now: float, opt_outs_checked: bool = False) -> Resumed:
    """A paused or stopped run may claim again; one that has nothing left gets its end. Raises CannotSteer, UnknownRun.

    A run that may send already, and that nobody works on, is returned as it is: it wants to be taken up.
    opt_outs_checked: whoever resumes it says that opt-outs since the backup are in this store; asked for once after a
    restore, and it holds for every run.
    """
    before = read_run(store, run)
    _refuse_unchecked(store, before, by=by, is_checked=opt_outs_checked, now=now)
    is_moved = before.state in _CAN_BE_RESUMED and _steer(
        store, run, RunState.SENDING, what="resume", by=by, now=now
    )
    with store.read.connect() as connection:
        end = last_state(audit_run(connection, run, now=now).terms)
        is_worked = live_leases(connection, run, now) > 0
    if not is_moved and (is_worked or read_run(store, run).state is not RunState.SENDING):
        record = read_run(store, run)
        raise CannotSteer(
            f"run {run} is {record.state.in_words} and cannot be resumed, only a run that is "
            f"{_in_words(_CAN_BE_RESUMED)} can; {next_step(record)}"
        )
    # Unsent messages end a run too, but these are what it was resumed for.
    record = close_run(store, run, now=now) if end in ENDS_BY_ITSELF else read_run(store, run)
    return Resumed(record, is_worked)


def _refuse_unchecked(store: Store, run: RunRecord, *, by: str, is_checked: bool, now: float) -> None:
    """After a restore somebody may have opted out of whom this store knows nothing: a person has looked, or nobody sends."""
    with store.read.connect() as connection:
        restore = unchecked_restore(connection)
    if restore is None:
        return
    if not is_checked:
        raise CannotSteer(
            f"this instance was restored, and who opted out {restore.span} may be missing here; pull or import those "
            f"opt-outs (`tidings suppress import FILE`), then say so: `tidings resume {run.run} --opt-outs-checked`."
        )
    with store.write.begin() as connection:
        lock_ledger(connection)
        if confirm_opt_outs(connection, by=by, now=now):
            details = {"run": run.run, "backup_at": restore.backup_at, "restored_at": restore.restored_at}
            log_decision(connection, who=by, what="opt-outs checked", details=details, now=now)


def cancel_run(store: Store, run: int, *, by: str, now: float) -> Cancelled:
    """End a run for good: whatever nobody has claimed is stopped, in one transaction with the run's new state.

    A cancelled run may be cancelled again: that stops what came back unsent from the claims that were open then.
    Raises CannotSteer, UnknownRun.
    """
    with store.write.begin() as connection:
        lock_ledger(connection)
        is_moved = move_within(connection, run, RunState.CANCELLED, f"cancelled by {by}", now)
        n_stopped = stop_run(connection, run, StopReason.CANCELLED, now) if is_moved else 0
        if is_moved:
            log_decision(
                connection, who=by, what="cancel", details={"run": run, "n_stopped": n_stopped}, now=now
            )
    record = read_run(store, run)
    if not is_moved and record.state is not RunState.CANCELLED:
        raise CannotSteer(
            f"run {run} is {record.state.in_words} and cannot be cancelled any more; {next_step(record)}"
        )
    if not is_moved:
        n_stopped = stop_leftovers(store, run, now=now)
    with store.read.connect() as connection:
        n_in_flight = audit_run(connection, run).terms["in_flight"]
    return Cancelled(record, n_stopped, n_in_flight)


def stop_leftovers(store: Store, run: int, *, now: float) -> int:
    """Stop what came back unsent after its run was cancelled. Returns how many messages; 0 for any other run."""
    if read_run(store, run).state is not RunState.CANCELLED:  # for good, so no lock is needed to know it
        return 0
    with store.write.begin() as connection:
        lock_ledger(connection)
        return stop_run(connection, run, StopReason.CANCELLED, now)


def how_to_start(run: RunRecord) -> str:
    """What sends a run that may send and that nobody works on, without `tidings up`."""
    return (
        f"Start `tidings up` and ask `tidings resume {run.run}`, or give its `tidings send` line once more "
        f"with --run-key {_quoted(run)}: both go on where it stopped"
    )


def _quoted(run: RunRecord) -> str:
    """The run key as a shell takes it."""
    return shlex.quote(run.run_key or "")


def _steer(store: Store, run: int, to: RunState, *, what: str, by: str, now: float) -> bool:
    with store.write.begin() as connection:
        lock_ledger(connection)
        is_moved = move_within(connection, run, to, f"{what}d by {by}", now)
        if is_moved:
            log_decision(connection, who=by, what=what, details={"run": run}, now=now)
        return is_moved


def _in_words(states: frozenset[RunState]) -> str:
    return " or ".join(sorted(state.in_words for state in states))


def next_step(run: RunRecord) -> str:
    """What a person can do about a run as it stands, as the end of a sentence."""
    number = run.run
    match run.state:
        case RunState.PAUSED | RunState.STOPPED:
            return f"`tidings resume {number}` lets it go on."
        case RunState.FINISHED_WITH_UNSENT:
            return (
                "to send what is left, Retry its run in Prefect, or give its `tidings send` line once more "
                f"with --run-key {_quoted(run)}."
            )
        case RunState.FINISHED_WITH_UNCONFIRMED:
            return f"`tidings reconcile {number}` proves what it can of what is in doubt."
        case RunState.CANCELLED:
            return "a cancelled run is never sent again; send its campaign as a new run."
        case RunState.SENDING:
            return f"it may send already; `tidings status {number}` shows how far it is."
        case _:
            return f"`tidings status {number}` shows its account."
