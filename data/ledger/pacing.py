"""The pace of a gateway account: slots that are given out once, over all threads, processes and machines (GCRA)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data.ledger.records import Reserved
from data.ledger.rules import Rules
from data.ledger.statements import statement

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_SHORT_STEP_S = 0.01  # of an account with 100 messages a second
_LATE_OF_SHORT_S = 0.04
_LONGEST_LATE_S = 0.25
_IN_USE_S = 1.0


@dataclass(frozen=True, slots=True)
class Slot:
    """When the account is free, and how far apart its messages are (0: as fast as it answers)."""

    at: float
    step_s: float


def late_s(step_s: float) -> float:
    """How late a slot of this length may still be used: the next ones are somebody else's.

    With every message in its slot or so little behind it, no second holds more than 1.04 times the rate; below 100
    messages a second, no more than one above it.
    """
    return min(step_s, _LONGEST_LATE_S) if step_s > _SHORT_STEP_S else _LATE_OF_SHORT_S


def next_slot(pace: Any, size: int, rules: Rules, now: float) -> Slot:
    """The account is free when what was reserved before is through, and no gateway's wish blocks it.

    pace: rate_mps, next_free_at and blocked_until of the account. While it is in use, a slot may begin in the past by
    half of what a message may be late: else every moment between two claims would be lost to the pace.
    """
    step_s = 1 / pace.rate_mps if pace.rate_mps else 0.0
    at = now
    if now - _IN_USE_S < pace.next_free_at <= now + rules.clock_horizon_s + step_s * size:
        at = max(now - late_s(step_s) / 2, pace.next_free_at) if step_s else max(now, pace.next_free_at)
    if pace.blocked_until <= now + rules.longest_block_s:
        at = max(at, pace.blocked_until)
    return Slot(at, step_s)


def reserve_again(connection: Connection, account: str, n: int, rules: Rules, now: float) -> Reserved | None:
    """Another slot for n claimed messages that have missed theirs. None: there is none soon; nothing was reserved.

    Asked twice it reserves twice: the account is then a little slower, never faster.
    """
    pace = connection.execute(statement("pace_of_account"), {"account": account}).one()
    slot = next_slot(pace, n, rules, now)
    if slot.at - now > rules.horizon_s:
        return None
    reserve_until(connection, account, slot, n)
    return Reserved(slot_at=slot.at, start_in_s=slot.at - now)


def reserve_until(connection: Connection, account: str, slot: Slot, n: int) -> None:
    """The account is taken until n messages have left from this slot on."""
    if slot.step_s:
        free_at = {"account": account, "next_free_at": slot.at + slot.step_s * n}
        connection.execute(statement("reserve_pace"), free_at)
