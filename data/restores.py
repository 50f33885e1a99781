"""What a restore leaves behind: a span of time of which this store knows nothing, and opt-outs that it may have missed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from math import ceil
from typing import TYPE_CHECKING

import orjson
import sqlalchemy as sa

from data.sql import sql
from messaging.errors import TidingsError
from messaging.runs import RunState

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


class RepeatUnknown(TidingsError):
    """Nobody can say what was sent between the backup and the restore, so a start by hand needs --again."""


RUNS_SKIPPED = 1 << 16  # plus one for each second since the backup: more than anybody can have started


@dataclass(frozen=True, slots=True)
class Restore:
    """What happened between the two instants is not in this store."""

    backup_at: float
    restored_at: float

    @property
    def span(self) -> str:
        return f"between {in_words(self.backup_at)} and {in_words(self.restored_at)}"


@dataclass(frozen=True, slots=True)
class ParkedRuns:
    """n_paused: frozen, with messages that may still be sent. n_cancelled: never frozen, so nobody knows what of them went out."""

    n_paused: int
    n_cancelled: int
    next_run: int


def record_restore(
    connection: Connection,
    *,
    backup_at: float,
    backup_instance_id: str,
    instance_id: str,
    keys_check: str,
    salt: str,
    now: float,
) -> None:
    """The store becomes that of a new instance, in the transaction in which it was made safe."""
    connection.execute(
        _statement("instance/insert"),
        {"instance_id": instance_id, "keys_check": keys_check, "salt": salt, "now": now},
    )
    restore = {"backup_at": backup_at, "backup_instance_id": backup_instance_id, "now": now}
    connection.execute(_statement("restores/insert"), restore)


def park_runs(connection: Connection, reason: str, *, backup_at: float, now: float) -> ParkedRuns:
    """No run goes on by itself, and the next one has a number that was never on the wire.

    The seconds count because a backup may be restored twice: the first of the two has sent under numbers of its own.
    """
    moved = {}
    for state in (RunState.PAUSED, RunState.CANCELLED):
        asked = {"state": state.value, "reason": reason, "now": now}
        moved[state] = connection.execute(_statement(f"restores/{state.value}"), asked).scalars().all()
        told = orjson.dumps({"state": state.value, "reason": reason}).decode()
        for run in moved[state]:
            event = {"run": run, "batch": None, "kind": "run", "claim_no": None, "at": now, "payload": told}
            connection.execute(_statement("ledger/write_event"), event)
    skipped = connection.execute(
        _statement(f"restores/skip_runs_{connection.dialect.name}"),
        {"skipped": RUNS_SKIPPED + max(0, ceil(now - backup_at))},
    ).scalar_one()
    return ParkedRuns(
        n_paused=len(moved[RunState.PAUSED]),
        n_cancelled=len(moved[RunState.CANCELLED]),
        next_run=int(skipped) + 1,
    )


def latest_restore(connection: Connection, *, since: float = 0.0) -> Restore | None:
    """The latest restore after an instant; None: this store knows everything that happened from then on."""
    row = connection.execute(_statement("restores/latest"), {"since": since}).one_or_none()
    return None if row is None else Restore(*row)


def unchecked_restore(connection: Connection) -> Restore | None:
    """The restore after which nobody has said yet that opt-outs were looked for; no run sends until then."""
    row = connection.execute(_statement("restores/unchecked")).one_or_none()
    return None if row is None else Restore(*row)


def why_nobody_sends(connection: Connection) -> str | None:
    """The reason for which no run may send yet; None: they may. The move of a run to `sending` asks the same."""
    restore = unchecked_restore(connection)
    return None if restore is None else f"opt-outs {restore.span} may be missing here"


def refuse_unknown_repeat(connection: Connection, since: float) -> None:
    """Raises RepeatUnknown when what was sent after this instant is not wholly known here."""
    restore = latest_restore(connection, since=since)
    if restore is not None:
        raise RepeatUnknown(
            f"this instance was restored from a backup, and whether the same text went to the same source "
            f"{restore.span} is not known; nothing was sent. Use --again if these people are to get it even so."
        )


def confirm_opt_outs(connection: Connection, *, by: str, now: float) -> bool:
    """A person says that opt-outs since the backup are in this store. False: nobody had to say so."""
    return connection.execute(_statement("restores/confirm"), {"by": by, "now": now}).rowcount > 0


def in_words(instant: float) -> str:
    """2026-11-27 18:30 UTC: the same on every machine that shows it."""
    return f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%d %H:%M} UTC"


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(name))
