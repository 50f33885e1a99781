"""What people said of being texted, for each purpose. Statements are added and never changed; one of them is current.

A *no* is known to every claim: it writes the suppression `purpose:<purpose>`. A newer *yes* takes exactly that one back.
The newest statement is current, of two at the same instant the *no*. A statement without a time of its own is the
weakest *yes*, older than any *no*, or a *no* of this moment: what nobody dated can stop a text and never allows one again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from math import isfinite
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import sqlalchemy as sa

from data.ledger.locking import lock_ledger
from data.sql import sql
from data.store.bulk import insert_many
from data.suppressions import WITHDRAWN, Suppression, lift_withdrawals, purpose_scope, record_suppressions

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

UNDATED = 0.0  # when a yes was given of which nobody says when

_AT_ONCE = 50_000

_Place = tuple[str, str]  # person_key, purpose
_Said = tuple[str, str, bool, float]  # person_key, purpose, is_given, at


class ConsentEntry(NamedTuple):
    """One statement of one person. at: when it was made; None: nobody says. msisdn: for the suppression of a no.

    A tuple, for an import makes a million of them: a frozen dataclass takes six times as long.
    """

    person_key: str
    msisdn: str | None
    purpose: str
    is_given: bool
    at: float | None
    source: str
    evidence: str | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The statement that counts for a person and a purpose. at: None for a yes without a time of its own."""

    consent: int
    person_key: str
    purpose: str
    is_given: bool
    at: float | None
    source: str
    evidence: str | None
    by: str


def record_consents(connection: Connection, entries: Iterable[ConsentEntry], *, now: float) -> int:
    """Record statements, in the caller's transaction of the write engine. Returns how many were not known before.

    What is older than the current statement is kept as history. The same statement again (person, purpose, yes or no,
    instant) changes nothing, nor does a no without a time where a no is current already. A sending run waits for the
    transaction: 25,000 statements take it for about half a second.
    """
    lock_ledger(connection)
    n_recorded = 0
    waiting = iter(entries)
    while chunk := list(islice(waiting, _AT_ONCE)):
        n_recorded += _record(connection, chunk, now)
    return n_recorded


def current_consents(connection: Connection, purpose: str, person_keys: Iterable[str]) -> dict[str, Consent]:
    """What counts for this purpose, by person_key; who never said anything is not in it."""
    waiting = iter(person_keys)
    found: dict[str, Consent] = {}
    while chunk := list(islice(waiting, _AT_ONCE)):
        rows = connection.execute(
            _of_people("of_purpose", connection), {"purpose": purpose, "person_keys": _as_json(chunk)}
        ).all()
        found |= {row.person_key: _consent(row) for row in rows}
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One line of somebody's history, whether it counts or not. at: None for a yes without a time of its own."""

    purpose: str
    is_given: bool
    at: float | None
    source: str
    evidence: str | None
    recorded_at: float
    by: str
    is_current: bool


def consents_of(connection: Connection, person_key: str) -> list[Statement]:
    """Everything one person ever said, by purpose, the newest first."""
    rows = connection.execute(_statement("consents/history"), {"person_key": person_key})
    return [
        Statement(
            purpose=row.purpose,
            is_given=bool(row.is_given),
            at=_told_at(row),
            source=row.source,
            evidence=row.evidence,
            recorded_at=row.recorded_at,
            by=row.recorded_by,
            is_current=bool(row.is_current),
        )
        for row in rows
    ]


@dataclass(slots=True)
class _Standing:
    """What counts while statements are read. row: the one of this call that made it so; None: it is stored."""

    is_given: bool
    at: float
    row: _Row | None


@dataclass(slots=True)
class _Row:
    entry: ConsentEntry
    at: float
    is_current: bool


def _record(connection: Connection, entries: Sequence[ConsentEntry], now: float) -> int:
    people = _as_json(list({entry.person_key for entry in entries}))
    found = connection.execute(_of_people("current", connection), {"person_keys": people}).all()
    stored = {(person, purpose): consent for consent, person, purpose, *_ in found}
    standings = {
        (person, purpose): _Standing(bool(is_given), at, None) for _, person, purpose, is_given, at in found
    }
    rows, older = _weighed(entries, standings, now)
    rows += _not_said_before(connection, older, rows)
    changed = [
        (place, standing.at, standing.row.entry)
        for place, standing in standings.items()
        if standing.row is not None
    ]
    outdated = [{"consent": stored[place]} for place, *_ in changed if place in stored]
    if outdated:
        connection.execute(_statement("consents/outdate"), outdated)
    if rows:
        # In the order of the indexes: so a slice touches each of their pages once.
        in_order = sorted([_stored(row, now) for row in rows], key=itemgetter(0))
        insert_many(connection, "consents/insert", in_order)
    _suppress(connection, changed, now)
    return len(rows)


def _weighed(
    entries: Iterable[ConsentEntry], standings: dict[_Place, _Standing], now: float
) -> tuple[list[_Row], list[_Row]]:
    """Each statement against what counts so far: the ones that came to count in turn, and those that are older."""
    newer, older = [], []
    for entry in entries:
        place = (entry.person_key, entry.purpose)
        standing = standings.get(place)
        at = _instant(entry, standing, now)
        if at is None:
            continue
        if standing is not None:
            weight, counts = (at, not entry.is_given), (standing.at, not standing.is_given)
            if weight < counts:
                older.append(_Row(entry, at, is_current=False))
            if weight <= counts:
                continue
            if standing.row is not None:
                standing.row.is_current = False
        row = _Row(entry, at, is_current=True)
        standings[place] = _Standing(entry.is_given, at, row)
        newer.append(row)
    return newer, older


def _instant(entry: ConsentEntry, standing: _Standing | None, now: float) -> float | None:
    """When it counts as made. None: an undated no, where a no stands already.

    An instant that has not come yet is none: a yes of the year 2099 would outweigh every no until then.
    """
    at = entry.at
    if at is not None and at <= now and isfinite(at):
        return max(UNDATED, at)
    if entry.is_given:
        return UNDATED
    if standing is None:
        return now
    return max(now, standing.at) if standing.is_given else None  # a clock that was set back loses no no


def _not_said_before(connection: Connection, older: Sequence[_Row], newer: Sequence[_Row]) -> list[_Row]:
    """Those of the older statements that are not in the history yet, each once."""
    if not older:
        return []
    people = _as_json(list({row.entry.person_key for row in older}))
    found = connection.execute(_of_people("said", connection), {"person_keys": people})
    said: set[_Said] = {(person, purpose, bool(is_given), at) for person, purpose, is_given, at in found}
    said |= {_said(row) for row in newer}
    fresh = {_said(row): row for row in reversed(older) if _said(row) not in said}
    return list(reversed(fresh.values()))


def _said(row: _Row) -> _Said:
    return row.entry.person_key, row.entry.purpose, row.entry.is_given, row.at


def _suppress(
    connection: Connection, changed: Sequence[tuple[_Place, float, ConsentEntry]], now: float
) -> None:
    """Bring the suppressions to where these people's statements stand now."""
    scopes = {purpose: purpose_scope(purpose) for purpose in {purpose for (_, purpose), *_ in changed}}
    given = {(person, scopes[purpose]): at for (person, purpose), at, entry in changed if entry.is_given}
    lift_withdrawals(connection, given, now=now)
    refused = [
        Suppression(
            person_key=person,
            msisdn=entry.msisdn,
            reason=WITHDRAWN,
            source=entry.source,
            scope=scopes[purpose],
            at=at,
        )
        for (person, purpose), at, entry in changed
        if not entry.is_given
    ]
    record_suppressions(connection, refused, now=now)


def _stored(row: _Row, now: float) -> tuple[object, ...]:
    entry = row.entry
    return (
        entry.person_key, entry.purpose, entry.is_given, row.at, entry.source, entry.evidence, now, entry.by,
        row.is_current,
    )  # fmt: skip


def _consent(row: Any) -> Consent:
    return Consent(
        consent=row.consent,
        person_key=row.person_key,
        purpose=row.purpose,
        is_given=bool(row.is_given),
        at=_told_at(row),
        source=row.source,
        evidence=row.evidence,
        by=row.recorded_by,
    )


def _told_at(row: Any) -> float | None:
    return None if row.is_given and row.at == UNDATED else float(row.at)


def _as_json(people: Sequence[str]) -> str:
    return orjson.dumps(people).decode()


def _of_people(name: str, connection: Connection) -> sa.TextClause:
    is_sqlite = connection.dialect.name == "sqlite"
    return _statement(f"consents/{name}" if is_sqlite else f"consents/{name}_on_postgresql")


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(name))
