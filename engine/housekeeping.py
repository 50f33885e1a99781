"""What nobody else does any more: leases of the dead, runs whose flow is gone, plans that were never frozen.

Every sweep may be repeated at any time, and beside running flows: each of them only writes what the ledger proves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from data.ledger.leasing import is_worked
from data.ledger.locking import lock_ledger
from data.ledger.recovering import expire_leases
from data.ledger.rules import Rules
from data.runs import move_run, read_run
from data.unattended import Idle, claimable_batches, idle_runs, overdue_plans, runs_with_leftovers
from engine.closing import close_run
from engine.run_control import stop_leftovers
from messaging.runs import RunState

if TYPE_CHECKING:
    from data.flight_record import FlightRecords
    from data.store.engine import Store

IDLE_S = 120.0
PLANNING_S = 1_800.0
LEFTOVERS_S = 7 * 86_400.0  # a claim that was open at the cancel has long ended by then


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one sweep did. idle: runs with something to claim that nobody works on; they want to be taken up."""

    n_expired: int = 0  # batches whose holder had gone
    n_leftovers: int = 0  # messages
    closed: tuple[int, ...] = ()
    failed_in_planning: tuple[int, ...] = ()
    idle: tuple[Idle, ...] = ()


def sweep(
    store: Store, *, now: float, rules: Rules | None = None, flights: FlightRecords | None = None
) -> Swept:
    """Expire leases, stop leftovers of cancelled runs, end plans that never froze, close or report idle runs.

    flights: spare doubt about what the dead provably never sent; records that nobody will ask for are removed.
    """
    rules = rules or Rules()
    n_expired = _expire(store, rules, now, flights)
    if flights is not None:
        _remove_spent(store, flights)
    n_leftovers = sum(
        stop_leftovers(store, run, now=now) for run in runs_with_leftovers(store, since=now - LEFTOVERS_S)
    )
    failed = tuple(run for run in overdue_plans(store, before=now - PLANNING_S) if _fail(store, run, now))
    closed: list[int] = []
    idle: list[Idle] = []
    for found in unattended_runs(store, now=now, rules=rules):
        if claimable_batches(store, found.run, now=now):
            idle.append(found)
        elif close_run(store, found.run, now=now).state.is_over:
            closed.append(found.run)
    return Swept(
        n_expired=n_expired,
        n_leftovers=n_leftovers,
        closed=tuple(closed),
        failed_in_planning=failed,
        idle=tuple(idle),
    )


def unattended_runs(store: Store, *, now: float, rules: Rules | None = None) -> list[Idle]:
    """Sending runs of which nobody has held a lease for two minutes."""
    rules = rules or Rules()
    return idle_runs(store, before=now - IDLE_S, too_far=now + rules.lease_s + rules.clock_horizon_s)


def is_unattended(store: Store, run: int, *, now: float) -> bool:
    """Whether a run has something to claim, and nobody has worked on it for two minutes."""
    found = {idle.run for idle in unattended_runs(store, now=now)}
    return run in found and bool(claimable_batches(store, run, now=now))


def _expire(store: Store, rules: Rules, now: float, flights: FlightRecords | None) -> int:
    with store.write.begin() as connection:
        lock_ledger(connection)
        return len(expire_leases(connection, rules, now, flights=flights))


def _remove_spent(store: Store, flights: FlightRecords) -> None:
    """One of a process that was killed stays until the batch is taken again, and some never are."""
    with store.read.connect() as connection:
        spent = [ref for ref in flights.batches() if not is_worked(connection, ref)]
    for ref in spent:
        flights.remove(ref)


def _fail(store: Store, run: int, now: float) -> bool:
    minutes = round((now - read_run(store, run).state_at) / 60)
    reason = f"not planned after {minutes} minutes: whoever planned it is gone; Retry plans it anew"
    return move_run(store, run, RunState.FAILED_IN_PLANNING, reason=reason, now=now)
