"""People who have told a gateway, or the carrier behind it, to stop: it refuses what is sent to them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data.forgotten import forgotten_among
from data.sql import sql
from data.suppressions import EVERYWHERE, Suppression, record_suppressions

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

OPTED_OUT_AT_GATEWAY = "opted out at the gateway"


def suppress_opted_out(
    connection: Connection, run: int, account: str, people: Mapping[str, str | None], *, now: float
) -> int:
    """Suppress those whom an account's gateway calls opted out, in the transaction that records its word.

    people: person key → number. Everywhere, as a STOP that we read ourselves (data/replies.py); what a simulator says
    holds for its account only. Who was forgotten is suppressed already, by a word that stays. Returns how many were not
    suppressed there before.
    """
    forgotten = forgotten_among(connection, people)
    is_simulated = connection.execute(_is_simulated(), {"run": run}).scalar_one()
    entries = [
        Suppression(
            person_key=person,
            msisdn=msisdn,
            reason=OPTED_OUT_AT_GATEWAY,
            source=f"run {run} through {account}",
            scope=account if is_simulated else EVERYWHERE,
        )
        for person, msisdn in people.items()
        if person not in forgotten
    ]
    return record_suppressions(connection, entries, now=now)


@cache
def _is_simulated() -> sa.TextClause:
    return sa.text(sql("runs/is_simulated"))
