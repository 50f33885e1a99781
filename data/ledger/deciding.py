"""What a person decides on messages in doubt. A decision is no outcome: a receipt that comes later still wins."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from data.ledger.events import write_event
from data.ledger.rules import Rules
from data.ledger.standing import Standing, read_standings, write_standings
from data.ledger.statements import statement
from messaging.batches import BatchRef
from messaging.outcomes import OutcomeStatus

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


class Decision(StrEnum):
    """As it stands in `outcomes.decision` and in the event."""

    ASSUMED_SENT = "assumed sent"  # stays unconfirmed, and is never claimed again
    SEND_AGAIN = "send again"  # becomes unsent, with fresh attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """n_too_early: messages that their claim may still send; they stay undecided, and may be asked for at ask_again_at."""

    n_decided: int
    n_too_early: int
    ask_again_at: float | None


def decide(
    connection: Connection, run: int, decision: Decision, *, by: str, why: str, rules: Rules, now: float
) -> Decided:
    """Decide on every unconfirmed message of a run that is undecided, in the caller's transaction.

    One that was assumed sent stays so: who saw that decision relies on it.
    """
    chosen: dict[BatchRef, list[int]] = defaultdict(list)
    ahead: list[float] = []
    _count_anew(connection, run, rules, now)
    for batch, row, sent_until in connection.execute(statement("undecided"), {"run": run}):
        if decision is Decision.SEND_AGAIN and sent_until is not None and now < sent_until:
            ahead.append(sent_until)
        else:
            chosen[BatchRef(run, batch)].append(row)
    for ref, rows in chosen.items():
        _write(connection, ref, rows, decision, now)
        payload = {"rows": rows, "decision": decision.value, "by": by, "why": why}
        write_event(connection, "decision", ref, payload, now=now)
    return Decided(
        n_decided=sum(map(len, chosen.values())),
        n_too_early=len(ahead),
        ask_again_at=max(ahead, default=None),
    )


def _count_anew(connection: Connection, run: int, rules: Rules, now: float) -> None:
    """An end further ahead than any claim reaches was written before a clock was set back.

    Nobody knows how much of that time is over, and it would not be over before the clock has caught up: all of it, from now.
    """
    times = {
        "too_far": now + rules.right_to_send_s + rules.clock_horizon_s,
        "sent_until": now + rules.right_to_send_s,
    }
    connection.execute(statement("count_anew"), {"run": run} | times)


def _write(connection: Connection, ref: BatchRef, rows: list[int], decision: Decision, now: float) -> None:
    before = read_standings(connection, ref, rows[0], rows[-1] + 1)
    write_standings(connection, ref, before, [_after(before[row], decision, now) for row in rows])


def _after(standing: Standing, decision: Decision, now: float) -> Standing:
    if decision is Decision.ASSUMED_SENT:
        return standing._replace(decision=decision.value)
    return standing._replace(
        status=int(OutcomeStatus.UNSENT),
        decision=decision.value,
        attempts=0,
        retry_at=now,
        error_kind=None,
        error_code=None,
        settled_at=now,
    )
