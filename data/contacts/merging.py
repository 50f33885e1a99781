"""Rows of a source into the stored contacts: who is new, who is changed, who stays as they were.

A row that the store has already is known by its hash and costs one look-up. All others are merged inside short
transactions that read what they change, so an edit by hand or another import at the same time is never lost, and a
sending run gets the writer between two.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import polars as pl
import sqlalchemy as sa

from data.consents import ConsentEntry, record_consents
from data.contacts.lists import add_members
from data.ledger.locking import lock_ledger
from data.sql import sql
from data.store.bulk import execute_many, insert_many
from data.suppressions import Suppression, record_suppressions
from messaging.incoming import STANDARD, hashes

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.store.engine import Store

DO_NOT_CONTACT = "do not contact"  # the reason of a suppression
FIRST_SLICE = 2_000  # rows of a transaction, until it is known how many the store takes …
LONGEST_SLICE = 20_000
SLICE_S = 0.12  # … in this time
PAUSE_PER_S = 0.25  # for each second that one took: whoever waits for SQLite's lock asks for it every 0.1 s
SHORTEST_PAUSE_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRules:
    """Where file and store both have a value: whose counts. An empty cell of the file never does."""

    file_wins: bool = True
    keep: frozenset[str] = frozenset()  # fields in which the stored value counts all the same

    def replaces(self, name: str) -> bool:
        return self.file_wins and name not in self.keep

    def __str__(self) -> str:
        return orjson.dumps([self.file_wins, sorted(self.keep)]).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What is the same for all rows of one import. by: as contacts and consents name it; lists: their numbers.

    purpose and source: of the consents. do_not_contact: where it stands that people want no text at all, in words.
    """

    by: str
    rules: MergeRules
    lists: Sequence[int] = ()
    purpose: str
    source: str
    do_not_contact: str = ""

    def hashes(self, people: pl.DataFrame) -> pl.Series:
        return hashes(people, rules=f"{self.rules} {self.purpose}")


@dataclass(slots=True)
class Merged:
    """What became of people, each counted once. forgotten: the source rows of those who are not stored again."""

    n_new: int = 0
    n_changed: int = 0
    n_same: int = 0
    n_consents: int = 0
    n_suppressed: int = 0  # who were not before
    forgotten: list[int] = field(default_factory=list)

    @property
    def n_people(self) -> int:
        return self.n_new + self.n_changed + self.n_same + len(self.forgotten)

    def add(self, other: Merged) -> None:
        self.n_new += other.n_new
        self.n_changed += other.n_changed
        self.n_same += other.n_same
        self.n_consents += other.n_consents
        self.n_suppressed += other.n_suppressed
        self.forgotten += other.forgotten


def merged(
    stored: Mapping[str, str | None], row: Mapping[str, str], rules: MergeRules
) -> dict[str, tuple[str | None, str]]:
    """What a row changes of a contact: field → (before, after). row: what is filled of it."""
    return {
        name: (before, value)
        for name, value in row.items()
        if (before := stored.get(name)) != value and (not before or rules.replaces(name))
    }


class Row(NamedTuple):
    """What a row of a source says of a contact: INCOMING and its hash, the stored columns first and in their order."""

    person_key: str
    msisdn: str
    region: str
    number_type: str
    external_id: str | None
    first_name: str | None
    last_name: str | None
    language: str | None
    time_zone: str | None
    attributes: str
    source_hash: int
    is_given: bool | None
    said_at: float | None
    evidence: str | None
    do_not_contact: bool
    source_row: int

    @property
    def filled(self) -> dict[str, str]:
        """Field → value, of those that are not empty."""
        standard = {name: value for name in STANDARD if (value := getattr(self, name)) is not None}
        return {**standard, **orjson.loads(self.attributes)}


_N_STORED = Row._fields.index("source_hash") + 1


class Merging:
    """Merges the people of one import, some at a time. now: the store's clock; pause: how to wait."""

    def __init__(
        self,
        store: Store,
        what: Import,
        *,
        now: Callable[[], float],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._what = what
        self._now = now
        self._pause = pause
        self._n_rows = FIRST_SLICE
        self._ended_s, self._to_wait_s = (
            0.0,
            0.0,
        )  # the last transaction, and how long the next one is to wait then

    def merge(self, people: pl.DataFrame) -> Iterator[Merged]:
        """Merge people into the store, in transactions of their own; tells of each. people: INCOMING, each person once."""
        hashed = people.with_columns(self._what.hashes(people))
        to_merge = self._to_merge(hashed)
        yield Merged(n_same=people.height - to_merge.height)
        for some in to_merge.select(Row._fields).iter_slices(LONGEST_SLICE):
            waiting = [Row._make(row) for row in some.rows()]
            while waiting:
                n = self._n_rows
                yield self._merge_slice(waiting[:n])
                del waiting[:n]

    def _to_merge(self, hashed: pl.DataFrame) -> pl.DataFrame:
        """Those whose row the store does not have already, or who are missing from a list."""
        told = hashed.select(pl.format('"{}":{}', "person_key", "source_hash").str.join(",")).item()
        asked = {
            "hashes": f"{{{told}}}",
            "lists": list(self._what.lists),
            "n_lists": len(self._what.lists),
        }
        with self._store.read.connect() as connection:
            _look_up_by_index(connection)
            keys = connection.execute(_statement("to_merge", connection), asked).scalars().all()
        if len(keys) == hashed.height:
            return hashed
        return hashed.filter(pl.col("person_key").is_in(pl.Series(keys, dtype=pl.String).implode()))

    def _merge_slice(self, rows: Sequence[Row]) -> Merged:
        self._give_way()
        with self._store.write.begin() as connection:
            began_s = time.perf_counter()  # once it is its turn
            done = merge_rows(connection, rows, self._what, now=self._now())
        self._ended_s = time.perf_counter()
        took_s = self._ended_s - began_s
        self._to_wait_s = max(SHORTEST_PAUSE_S, PAUSE_PER_S * took_s)
        fitting = int(len(rows) * SLICE_S / max(took_s, 0.001))
        self._n_rows = min(max(fitting, 100), 2 * self._n_rows, LONGEST_SLICE)
        return done

    def _give_way(self) -> None:
        """Let others write; what was prepared since the last transaction is time enough, or a part of it."""
        left_s = self._ended_s + self._to_wait_s - time.perf_counter()
        if left_s > 0:
            self._pause(left_s)


def merge_rows(connection: Connection, rows: Sequence[Row], what: Import, *, now: float) -> Merged:
    """Merge rows inside the caller's transaction of the write engine. rows: each person once."""
    _lock(connection, writes_ledger=any(row.is_given is not None or row.do_not_contact for row in rows))
    _look_up_by_index(connection)
    stored = _stored(connection, rows)
    known = [row for row in rows if row.person_key in stored]
    newcomers, forgotten = _without_forgotten(
        connection, [row for row in rows if row.person_key not in stored]
    )
    contacts = _insert(connection, newcomers, what, now)
    contacts += [stored[row.person_key].contact for row in known]
    other = [row for row in known if row.source_hash != stored[row.person_key].source_hash]
    n_changed = _change(connection, other, stored, what, now)
    for number in what.lists:
        add_members(connection, number, contacts, at=now, by=what.by)
    told = _consents([*newcomers, *other], what)
    stopped = _suppressions([*newcomers, *other], what)
    return Merged(
        n_new=len(newcomers),
        n_changed=n_changed,
        n_same=len(known) - n_changed,
        n_consents=record_consents(connection, told, now=now) if told else 0,
        n_suppressed=record_suppressions(connection, stopped, now=now) if stopped else 0,
        forgotten=[row.source_row for row in forgotten],
    )


def register_attributes(connection: Connection, headers: Mapping[str, str]) -> None:
    """Note names that contacts are about to have values of. headers: name → as the source writes it."""
    if headers:
        rows = [{"attribute": name, "header": header} for name, header in headers.items()]
        connection.execute(_statement("register_attribute", connection), rows)


def known_attributes(connection: Connection) -> set[str]:
    """The name of every attribute that some contact has."""
    return set(connection.execute(_statement("known_attributes", connection)).scalars())


def _lock(connection: Connection, *, writes_ledger: bool) -> None:
    """SQLite's write transactions come one after another anyway; on PostgreSQL so do those that change contacts."""
    if connection.dialect.name == "sqlite":
        return
    if writes_ledger:
        lock_ledger(connection)
    connection.execute(_statement("lock", connection))


def _look_up_by_index(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        connection.execute(_statement("by_index", connection))


def _stored(connection: Connection, rows: Sequence[Row]) -> dict[str, Any]:
    found = connection.execute(_statement("of_people", connection), _asked(rows)).all()
    return {contact.person_key: contact for contact in found}


def _without_forgotten(
    connection: Connection, newcomers: Sequence[Row]
) -> tuple[Sequence[Row], Sequence[Row]]:
    """Whoever asked to be forgotten is not stored again because a file still has them."""
    if not newcomers:
        return [], []
    keys = set(connection.execute(_statement("forgotten", connection), _asked(newcomers)).scalars())
    if not keys:
        return newcomers, []
    forgotten = [row for row in newcomers if row.person_key in keys]
    return [row for row in newcomers if row.person_key not in keys], forgotten


def _insert(connection: Connection, newcomers: Sequence[Row], what: Import, now: float) -> list[int]:
    """Returns the numbers of the new contacts, in order."""
    if not newcomers:
        return []
    numbers = _free_numbers(connection, len(newcomers))
    inserted = [
        (number, *row[:_N_STORED], now, now, what.by) for number, row in zip(numbers, newcomers, strict=True)
    ]
    insert_many(connection, "contacts/insert_imported", inserted)
    return numbers


def _free_numbers(connection: Connection, n: int) -> list[int]:
    if connection.dialect.name != "sqlite":
        return list(connection.execute(_statement("free", connection), {"n": n}).scalars())
    first = int(connection.execute(_statement("first_free", connection)).scalar_one())
    return list(range(first, first + n))


def _change(
    connection: Connection, rows: Sequence[Row], stored: Mapping[str, Any], what: Import, now: float
) -> int:
    """Merge rows that are other ones than the stored contact came from. Returns how many contacts that changed."""
    updates, changes, same = [], [], []
    for row in rows:
        contact = stored[row.person_key]
        before = {**orjson.loads(contact.attributes), **{name: getattr(contact, name) for name in STANDARD}}
        found = merged(before, row.filled, what.rules)
        # What the number itself says is nobody's opinion: the newest reading of it counts.
        about_number = {
            name: (getattr(contact, name), getattr(row, name))
            for name in ("region", "number_type")
            if getattr(contact, name) != getattr(row, name)
        }
        told = {**about_number, **found}
        if not told:
            same.append((row.source_hash, contact.contact))
            continue
        after = {**before, **{name: value for name, (_, value) in found.items()}}
        others = {name: after[name] for name in sorted(after) if name not in STANDARD}
        updates.append(
            (
                row.region, row.number_type, *(after[name] for name in STANDARD), orjson.dumps(others).decode(),
                row.source_hash, now, what.by, contact.contact,
            )
        )  # fmt: skip
        changes.append((row.person_key, now, what.by, "imported", orjson.dumps(told).decode()))
    execute_many(connection, "contacts/update_imported", updates)
    insert_many(connection, "contacts/insert_imported_change", changes)
    execute_many(connection, "contacts/note_row", same)
    return len(updates)


def _consents(rows: Iterable[Row], what: Import) -> list[ConsentEntry]:
    return [
        ConsentEntry(
            row.person_key,
            row.msisdn,
            what.purpose,
            row.is_given,
            row.said_at,
            what.source,
            row.evidence,
            what.by,
        )
        for row in rows
        if row.is_given is not None
    ]


def _suppressions(rows: Iterable[Row], what: Import) -> list[Suppression]:
    """Everywhere: no later file takes that back, only a person (`lift_suppression`)."""
    return [
        Suppression(
            person_key=row.person_key, msisdn=row.msisdn, reason=DO_NOT_CONTACT, source=what.do_not_contact
        )
        for row in rows
        if row.do_not_contact
    ]


def _asked(rows: Sequence[Row]) -> dict[str, str]:
    return {"person_keys": orjson.dumps([row.person_key for row in rows]).decode()}


_ONLY_ON_POSTGRESQL = {"lock", "free", "by_index"}
_WITH_JSON = {"to_merge", "of_people", "forgotten"}


def _statement(name: str, connection: Connection) -> sa.TextClause:
    is_other = connection.dialect.name != "sqlite" and name in _WITH_JSON | _ONLY_ON_POSTGRESQL
    return _text(f"{name}_on_postgresql" if is_other else name)


@cache
def _text(name: str) -> sa.TextClause:
    text = sa.text(sql(f"contacts/{name}"))
    return text.bindparams(sa.bindparam("lists", expanding=True)) if name.startswith("to_merge") else text
