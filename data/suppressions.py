"""People who must not be texted. Every look-up is by person_key; a suppression is never taken back by a repeated one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
import polars as pl
import sqlalchemy as sa

from data.audit_log import log_decision
from data.ledger.locking import lock_ledger
from data.sql import sql
from data.store.engine import Store
from data.suppression_sources import is_word_of_a_list, joined
from messaging.errors import TidingsError
from messaging.person_set import PersonSet

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

T = TypeVar("T")

EVERYWHERE = ""  # the scope that holds for every sender ID and account
PURPOSE = "purpose:"  # how the scope of a purpose begins
FORGOTTEN = "forgotten"  # the reason of those of whom nothing else is kept
WITHDRAWN = "consent withdrawn"  # the only reason that a newer yes takes back (data/consents.py)
MOST_PEOPLE_KEPT = 2_000_000  # of a list that is read whole: 200 MB while it is read, 110 MB after
KEYS_PER_STATEMENT = 10_000  # SQLite takes 32,766 parameters, PostgreSQL 65,535

_OF_A_LIST = 1  # how hard it is to take back what lists alone say: see _rank

_Place = tuple[str, str]  # person_key, scope

_LISTS = {  # parameters that are lists
    "suppressions/among": ("person_keys", "scopes"),
    "suppressions/everybody": ("scopes",),
    "suppressions/everybody_on_postgresql": ("scopes",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """One person in one scope: everywhere, or a sender ID, an account, a purpose. at: None for now.

    reason and source: in words, without numbers; of a list as `list_source` writes it, of several as `joined` does.
    """

    person_key: str
    msisdn: str | None
    reason: str
    source: str
    scope: str = EVERYWHERE
    at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSuppression:
    """One row of the list. msisdn: None for somebody who was forgotten, or whose number nobody gave."""

    person_key: str
    scope: str
    msisdn: str | None
    reason: str
    source: str
    at: float


class NotSuppressed(TidingsError):
    """This number is not suppressed everywhere; it is for the sender ID or account SHOP. Name the scope with --scope."""


class StillWithdrawn(TidingsError):
    """Consent was withdrawn, so only a newer consent takes this back."""


def purpose_scope(purpose: str) -> str:
    """The scope of those who must not be texted for this purpose."""
    return f"{PURPOSE}{purpose}"


def suppress(store: Store, entries: Iterable[Suppression], now: float) -> int:
    """Suppress people, each with its event, in one transaction. Returns how many were not suppressed there before."""
    with store.write.begin() as connection:
        lock_ledger(connection)
        return record_suppressions(connection, entries, now=now)


def record_suppressions(connection: Connection, entries: Iterable[Suppression], *, now: float) -> int:
    """`suppress` inside the caller's transaction of the write engine."""
    first: dict[_Place, Suppression] = {}
    for entry in entries:
        place = (entry.person_key, entry.scope)
        told = _told(entry, first.get(place))
        if told is not None:
            first[place] = told
    known: dict[_Place, Any] = {}
    for chunk in _chunks(list(first)):
        known |= _known(connection, chunk)
    new = [told for place, entry in first.items() if (told := _told(entry, known.get(place))) is not None]
    if new:
        rows = [_row(entry, now, known.get((entry.person_key, entry.scope))) for entry in new]
        for row in rows:
            everywhere = known.get((str(row["person_key"]), EVERYWHERE))
            if everywhere is not None and everywhere.reason == FORGOTTEN:
                row["msisdn"] = None  # of them the key alone is kept, whoever names the number again
        connection.execute(_statement("suppressions/insert"), rows)
        connection.execute(_statement("ledger/write_event"), [_event(entry, now) for entry in new])
    return sum(place not in known for place in first)


def lift_withdrawals(connection: Connection, given: Mapping[_Place, float], *, now: float) -> int:
    """Take back what withdrawn consents had written, where somebody said yes since: (person_key, scope) → when.

    Any other suppression stays. Returns how many were taken back.
    """
    lifted = [
        place
        for chunk in _chunks(list(given))
        for place, stored in _known(connection, chunk).items()
        if place in given and stored.reason == WITHDRAWN and stored.at < given[place]
    ]
    if lifted:
        gone = [{"person_key": person, "scope": scope} for person, scope in lifted]
        connection.execute(_statement("suppressions/delete"), gone)
        events = [
            _lift(person, scope, now, reason="consent given", source="consent") for person, scope in lifted
        ]
        connection.execute(_statement("ledger/write_event"), events)
    return len(lifted)


def lift_suppression(
    store: Store, person_key: str, scope: str, *, by: str, why: str, now: float
) -> StoredSuppression:
    """Let somebody be texted again in one scope, by decision of a person; returns what stood there.

    Raises NotSuppressed, and StillWithdrawn for what only a newer consent takes back: another reason may stand in the
    place of a no that counts all the same.
    """
    with store.write.begin() as connection:
        lock_ledger(connection)
        found = {one.scope: one for one in suppressions_of(connection, person_key)}
        if scope not in found:
            raise NotSuppressed(_not_there(scope, found))
        if scope.startswith(PURPOSE) and (
            found[scope].reason == WITHDRAWN or _has_said_no(connection, person_key, scope)
        ):
            raise StillWithdrawn(
                "consent was withdrawn, so first of all a newer one has to be there: "
                f"`tidings consent give NUMBER --purpose {scope.removeprefix(PURPOSE)} …`."
            )
        gone = {"person_key": person_key, "scope": scope}
        connection.execute(_statement("suppressions/delete"), gone)
        record_lifts(connection, [(person_key, scope, found[scope].reason)], by=by, why=why, now=now)
        details = {"scope": scope, "reason": found[scope].reason, "why": why}
        log_decision(connection, who=by, what="lift suppression", details=details, now=now)
    return found[scope]


def record_lifts(
    connection: Connection, lifted: Iterable[tuple[str, str, str]], *, by: str, why: str, now: float
) -> None:
    """The events of what a person took back: (person_key, scope, reason)."""
    events = [_lift(person, scope, now, reason=reason, by=by, why=why) for person, scope, reason in lifted]
    connection.execute(_statement("ledger/write_event"), events)


def record_sources(connection: Connection, left: Sequence[StoredSuppression], *, now: float) -> None:
    """Suppressions that stay, each with a source of its own from now on, and their events."""
    rows = [{"person_key": one.person_key, "scope": one.scope, "source": one.source} for one in left]
    events = [_event(one, now) for one in left]
    connection.execute(_statement("suppressions/set_source"), rows)
    connection.execute(_statement("ledger/write_event"), events)


def _has_said_no(connection: Connection, person_key: str, scope: str) -> bool:
    asked = {"person_key": person_key, "purpose": scope.removeprefix(PURPOSE)}
    return connection.execute(_statement("suppressions/still_withdrawn"), asked).first() is not None


def suppressions_of(connection: Connection, person_key: str) -> list[StoredSuppression]:
    """All of one person, by scope."""
    rows = connection.execute(_statement("suppressions/of_person"), {"person_key": person_key})
    return [_stored(row) for row in rows]


def latest_suppressions(store: Store, *, scope: str | None, most: int) -> list[StoredSuppression]:
    """The newest first. scope None: of all scopes."""
    asked = {"scope": scope, "most": most}
    with store.read.connect() as connection:
        return [_stored(row) for row in connection.execute(_statement("suppressions/latest"), asked)]


def count_suppressions(store: Store, *, scope: str | None) -> dict[tuple[str, str], int]:
    """How many there are, by scope and reason."""
    with store.read.connect() as connection:
        rows = connection.execute(_statement("suppressions/by_reason"), {"scope": scope})
        return {(row.scope, row.reason): int(row.n) for row in rows}


def all_suppressions(store: Store) -> Iterator[list[StoredSuppression]]:
    """Everything, in pages of bounded size; who is added meanwhile may be in it or not."""
    after = {"person_key": "", "scope": ""}
    while True:
        with store.read.connect() as connection:
            asked = {**after, "most": KEYS_PER_STATEMENT}
            page = [_stored(row) for row in connection.execute(_statement("suppressions/page"), asked)]
        if not page:
            return
        yield page
        after = {"person_key": page[-1].person_key, "scope": page[-1].scope}


class SuppressedPeople:
    """Who is suppressed in one of the scopes, for a plan that asks for many people in turn.

    A message is under EVERYWHERE and its sender's. The list is read whole once that is cheaper than looking people up,
    and kept, so it does not change under the plan. store None: nobody is known to be suppressed.
    """

    def __init__(self, store: Store | None, *, scopes: Sequence[str] = (EVERYWHERE,)) -> None:
        self._store = store
        self._scopes = scopes
        self._whole: PersonSet | None = None

    def among(self, person_keys: pl.Series) -> PersonSet:
        """All of these people who are suppressed, and perhaps others."""
        if self._whole is None and self._store is not None:
            with self._store.read.connect() as connection:
                if len(person_keys) <= KEYS_PER_STATEMENT or _n_suppressions(connection) > MOST_PEOPLE_KEPT:
                    return self._looked_up(connection, person_keys.drop_nulls().unique().to_list())
                self._whole = _everybody(connection, self._scopes)
        return self._whole or PersonSet()

    def _looked_up(self, connection: Connection, keys: Sequence[str]) -> PersonSet:
        found: list[str] = []
        for chunk in _chunks(keys):
            asked = {"scopes": list(self._scopes), "person_keys": list(chunk)}
            found += connection.execute(_statement("suppressions/among"), asked).scalars().all()
        return PersonSet(found)


def _n_suppressions(connection: Connection) -> int:
    return int(connection.execute(_statement("suppressions/count")).scalar_one())


def _everybody(connection: Connection, scopes: Sequence[str]) -> PersonSet:
    name = "everybody" if connection.dialect.name == "sqlite" else "everybody_on_postgresql"
    text = connection.execute(_statement(f"suppressions/{name}"), {"scopes": list(scopes)}).scalar_one()
    return PersonSet(pl.Series([text], dtype=pl.String).str.split(",").explode())


def _known(connection: Connection, places: Sequence[_Place]) -> dict[_Place, Any]:
    """What is stored of these people: reason, source and at, by place."""
    name = "known" if connection.dialect.name == "sqlite" else "known_on_postgresql"
    asked = {"person_keys": orjson.dumps([person_key for person_key, _ in places]).decode()}
    rows = connection.execute(_statement(f"suppressions/{name}"), asked).all()
    return {(row.person_key, row.scope): row for row in rows}


def _told(entry: Suppression, known: Any) -> Suppression | None:
    """What stands from now on in the place of what is known there; None: that stays as it is.

    What is harder to take back stands in the place of what is easier: else it would go with that. Of two lists both are
    named, so that the end of one is not that of the other.
    """
    if known is None:
        return entry
    if entry.source == known.source and entry.reason == known.reason:
        return None
    rank, known_rank = _rank(entry), _rank(known)
    if rank > known_rank:
        return entry
    if rank == known_rank == _OF_A_LIST:
        source = joined(known.source, entry.source)
        if source != known.source:
            return replace(entry, reason=known.reason, source=source, at=known.at)
    return None


def _rank(one: Any) -> int:
    """How hard a suppression is to take back: by a newer yes, with all of its list, or by a decision on one person."""
    if one.reason == WITHDRAWN:
        return 0
    return _OF_A_LIST if is_word_of_a_list(one.source, one.reason) else 2


def _stored(row: Any) -> StoredSuppression:
    return StoredSuppression(
        person_key=row.person_key,
        scope=row.scope,
        msisdn=row.msisdn,
        reason=row.reason,
        source=row.source,
        at=row.at,
    )


def scope_in_words(scope: str) -> str:
    """As a person reads it: everywhere; for marketing; for the sender ID or account SHOP."""
    if scope == EVERYWHERE:
        return "everywhere"
    purpose = scope.removeprefix("purpose:")
    return f"for {purpose}" if purpose != scope else f"for the sender ID or account {scope}"


def _not_there(scope: str, found: Iterable[str]) -> str:
    others = " and ".join(scope_in_words(other) for other in found)
    if not others:
        return "this number is not suppressed."
    return (
        f"this number is not suppressed {scope_in_words(scope)}; it is {others}. Name the scope with --scope."
    )


def _row(entry: Suppression, now: float, known: Any) -> dict[str, object]:
    """known: what is stored in its place, and gives way to it; None: nothing."""
    return {
        "known_reason": None if known is None else known.reason,
        "known_source": None if known is None else known.source,
        "person_key": entry.person_key,
        "scope": entry.scope,
        "msisdn": entry.msisdn,
        "reason": entry.reason,
        "source": entry.source,
        "at": now if entry.at is None else entry.at,
    }


def _event(entry: Suppression | StoredSuppression, now: float) -> dict[str, object]:
    told = {
        "person_key": entry.person_key,
        "scope": entry.scope,
        "reason": entry.reason,
        "source": entry.source,
    }
    return _of_no_message("suppression", told, now)


def _lift(person: str, scope: str, now: float, **told: str) -> dict[str, object]:
    return _of_no_message("lift", {"person_key": person, "scope": scope, **told}, now)


def _of_no_message(kind: str, told: dict[str, str], now: float) -> dict[str, object]:
    event = {"run": None, "batch": None, "kind": kind, "claim_no": None, "at": now}
    return {**event, "payload": orjson.dumps(told).decode()}


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(items), KEYS_PER_STATEMENT):
        yield items[first : first + KEYS_PER_STATEMENT]


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(name)).bindparams(*(sa.bindparam(one, expanding=True) for one in _LISTS.get(name, ())))
