"""What people write back: kept once, and whoever writes STOP is suppressed in the same commit.

Of somebody who was forgotten only that somebody wrote is kept, and whether it was a STOP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import sqlalchemy as sa

from data.forgotten import forgotten_among
from data.sql import sql
from data.suppressions import Suppression, record_suppressions
from messaging.outcomes import Reply
from messaging.sealed import person_key
from messaging.stop_words import is_stop

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


class RecordedReplies(NamedTuple):
    """n_stops: new replies that ask for no more. Repeated ones change nothing."""

    n_new: int
    n_stops: int


def record_replies(
    connection: Connection, account: str, replies: Sequence[Reply], *, person: bytes, now: float
) -> RecordedReplies:
    """Keep replies with their events, in the caller's transaction of the write engine.

    person: the key of person keys. A reply is the same one when account and gateway_message_id are.
    """
    keys = [person_key(person, reply.msisdn) for reply in replies]
    forgotten = forgotten_among(connection, keys)
    n_new = n_stops = 0
    for reply, key in zip(replies, keys, strict=True):
        is_forgotten = key in forgotten
        if not _insert(connection, account, reply, None if is_forgotten else key):
            continue
        asks_for_no_more = is_stop(reply.text)
        who = {} if is_forgotten else {"person_key": key}
        _write_event(connection, "reply", {**who, "account": account, "is_stop": asks_for_no_more}, now)
        if asks_for_no_more and not is_forgotten:  # they are suppressed already, by a word that stays
            _suppress(connection, account, reply, key, now)
        n_new += 1
        n_stops += asks_for_no_more
    return RecordedReplies(n_new, n_stops)


def _insert(connection: Connection, account: str, reply: Reply, key: str | None) -> bool:
    """Without a key it is of somebody who was forgotten, as forgotten/replies leaves what they wrote before."""
    row = {
        "account": account,
        "gateway_message_id": reply.gateway_message_id,
        "person_key": key or "",
        "msisdn": reply.msisdn if key else None,
        "to": reply.to,
        "text": reply.text if key else None,
        "received_at": reply.received_at,
    }
    return connection.execute(_statement("insert"), row).first() is not None


def _suppress(connection: Connection, account: str, reply: Reply, key: str, now: float) -> None:
    """Everywhere: who says stop to one sender is not asked which others they meant."""
    entry = Suppression(person_key=key, msisdn=reply.msisdn, reason="opted_out", source=f"reply to {account}")
    record_suppressions(connection, [entry], now=now)


def _write_event(connection: Connection, kind: str, payload: Mapping[str, Any], now: float) -> None:
    event = {"run": None, "batch": None, "kind": kind, "claim_no": None, "at": now}
    text = orjson.dumps(payload).decode()
    connection.execute(sa.text(sql("ledger/write_event")), event | {"payload": text})


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(f"replies/{name}"))
