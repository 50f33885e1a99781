"""Who works a batch: one holder at a time, told apart by a fence that only rises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.ledger.records import Busy, Lease
from data.ledger.recovering import recover
from data.ledger.rules import Rules
from data.ledger.statements import statement
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.flight_record import FlightRecords
    from messaging.batches import BatchRef


class NoSuchBatch(TidingsError):
    """batch 17 of run 42 is not in the store; was its run planned in another one?"""


def take(
    connection: Connection,
    ref: BatchRef,
    owner: str,
    rules: Rules,
    now: float,
    *,
    flights: FlightRecords | None = None,
) -> Lease | Busy:
    """Become the holder of a batch that nobody holds any more; what an earlier holder left open is in doubt then.

    flights: a holder that is provably dead is not waited for, and what it provably never sent is unsent. The same owner
    may ask again (the first answer was lost) and gets a newer fence. Raises NoSuchBatch.
    """
    key = {"run": ref.run, "batch": ref.batch}
    held = connection.execute(statement("holder"), key).one_or_none()
    if held is None:
        raise NoSuchBatch(f"{ref} is not in the store; was its run planned in another one?")
    is_dead = flights is not None and held.owner is not None and flights.is_dead(ref, held.owner, held.fence)
    taken = connection.execute(
        statement("take"),
        key
        | {
            "owner": owner,
            "now": now,
            "expires_at": now + rules.lease_s,
            "too_far": now + rules.lease_s + rules.clock_horizon_s,
            "dead_fence": held.fence if is_dead else None,
        },
    ).one_or_none()
    if taken is None:
        return Busy(ref=ref, expires_at=held.expires_at)
    recover(connection, ref, taken.fence, rules, now, flights=flights)
    return Lease(ref=ref, owner=owner, fence=taken.fence, n_claims=taken.n_claims)


def give_back(connection: Connection, lease: Lease, now: float) -> bool:  # noqa: ARG001 - all requests have one
    """Let the next one take the batch at once. False: the lease is not ours any more, or a claim of it is unsettled."""
    key = {"run": lease.ref.run, "batch": lease.ref.batch, "owner": lease.owner, "fence": lease.fence}
    return connection.execute(statement("give_back"), key).rowcount == 1


def live_leases(connection: Connection, run: int, now: float) -> int:
    """How many batches of a run somebody works on at this moment."""
    return int(connection.execute(statement("live_leases"), {"run": run, "now": now}).scalar_one())


def is_worked(connection: Connection, ref: BatchRef) -> bool:
    """Whether somebody holds the batch, or left a claim of it open."""
    key = {"run": ref.run, "batch": ref.batch}
    return connection.execute(statement("is_worked"), key).one_or_none() is not None
