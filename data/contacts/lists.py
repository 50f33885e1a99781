"""Lists and tags: people put together by hand or by an import. A tag is a list of kind 'tag'; nothing else differs.

A membership is itself the record of when it began, and by whom: an import of a million people writes no history
beside it. Whoever leaves takes both to contact_changes, as 'listed' and 'unlisted' (data.contacts.history reads them).
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import orjson
import sqlalchemy as sa

from data.sql import sql
from data.store.engine import Store
from messaging.definition import nearest
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

Kind = Literal["list", "tag"]

CONTACTS_PER_STATEMENT = 10_000  # SQLite takes 32,766 parameters
FIRST_SLICE = 1_000  # members of a list that is deleted, in one transaction; then as many as …
SLICE_S = 0.2  # … the store takes in this time
PAUSE_PER_S = 0.35  # between two, for each second the last one took: a sending run writes meanwhile
LONGEST_NAME = 100

_MOST_NAMES_SHOWN = 12


class UnknownList(TidingsError):
    """No list, or no tag, has this name."""


class BadListName(TidingsError):
    """A name that nobody could write on a line again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactList:
    """A list or tag, and how many people are in it."""

    list_no: int
    kind: Kind
    name: str
    description: str
    created_at: float
    n_members: int


def make_list(connection: Connection, kind: Kind, name: str, now: float, *, description: str = "") -> int:
    """The number of the list of this name, made if there is none yet. Raises BadListName."""
    checked = list_name(kind, name)
    told = {"kind": kind, "name": checked, "description": description, "at": now}
    connection.execute(_statement("insert"), told)
    return list_id(connection, kind, checked)


def list_id(connection: Connection, kind: Kind, name: str) -> int:
    """The number of a list. Raises UnknownList, which names those there are."""
    found = find_list(connection, kind, name)
    if found is not None:
        return found
    known = [one.name for one in all_lists(connection, kind)]
    shown = ", ".join(known[:_MOST_NAMES_SHOWN]) or "none"
    more = f" and {len(known) - _MOST_NAMES_SHOWN:,} more" if len(known) > _MOST_NAMES_SHOWN else ""
    meant = nearest(name, known)
    hint = (
        f"did you mean {meant}?" if meant else f"known: {shown}{more}. `tidings {kind} add NAME` makes one."
    )
    raise UnknownList(f"there is no {kind} {name.strip()!r}; {hint}")


def find_list(connection: Connection, kind: Kind, name: str) -> int | None:
    """The number of a list; None when there is none of this name."""
    if any(map(_is_control, name)):  # also what a driver could not even ask for
        return None
    asked = {"kind": kind, "name": _composed(name)}
    return connection.execute(_statement("find"), asked).scalar_one_or_none()


def all_lists(connection: Connection, kind: Kind) -> list[ContactList]:
    """Every list, or every tag, by name."""
    rows = connection.execute(_statement("all"), {"kind": kind})
    return [
        ContactList(
            list_no=row.list,
            kind=kind,
            name=row.name,
            description=row.description,
            created_at=row.created_at,
            n_members=row.n_members,
        )
        for row in rows
    ]


def lists_of(connection: Connection, contact: int) -> list[tuple[Kind, str]]:
    """Kind and name of each list and tag that a contact is in, the oldest list first."""
    rows = connection.execute(_statement("of_contact"), {"contact": contact})
    return [(row.kind, row.name) for row in rows]


def add_members(connection: Connection, list_no: int, contacts: Sequence[int], *, at: float, by: str) -> int:
    """Put contacts into a list. Returns how many were not in it; those who were stay as they are.

    Who is no contact any more is passed over. Raises UnknownList when the list was deleted meanwhile.
    """
    _hold(connection, list_no)
    told = {"list": list_no, "at": at, "by": by}
    add = _of_contacts("add_members", connection.dialect.name)
    return sum(connection.execute(add, {**told, "contacts": chunk}).rowcount for chunk in _chunks(contacts))


def remove_members(
    connection: Connection, list_no: int, contacts: Sequence[int], *, at: float, by: str
) -> int:
    """Take contacts out of a list, with its word in their history. Returns how many were in it.

    Raises UnknownList when the list was deleted meanwhile.
    """
    _hold(connection, list_no)
    kind, name = connection.execute(_statement("name"), {"list": list_no}).one()
    told = {
        "list": list_no,
        "at": at,
        "by": by,
        "began": orjson.dumps({kind: [None, name]}).decode(),
        "ended": orjson.dumps({kind: [name, None]}).decode(),
    }
    return sum(_remove(connection, {**told, "contacts": chunk}) for chunk in _chunks(contacts))


def delete_list(
    store: Store,
    kind: Kind,
    name: str,
    *,
    at: float,
    by: str,
    pause: Callable[[float], None] = time.sleep,
    on_progress: Callable[[int], None] | None = None,
) -> int:
    """Delete a list; its people stay contacts. Returns how many were in it. Raises UnknownList.

    In slices, so that a sending run never waits long for the store; one that was cut off is deleted by asking again.
    """
    with store.read.connect() as connection:
        list_no = list_id(connection, kind, name)
    n_members, n_at_once = 0, FIRST_SLICE
    while True:
        with store.write.begin() as connection:
            began = time.perf_counter()  # once it is its turn
            n_removed = _remove_some(connection, list_no, n_at_once, at=at, by=by)
        if not n_removed:
            return n_members
        took = time.perf_counter() - began
        n_members += n_removed
        if on_progress is not None:
            on_progress(n_members)
        n_at_once = min(max(int(n_at_once * SLICE_S / took), FIRST_SLICE), CONTACTS_PER_STATEMENT)
        pause(PAUSE_PER_S * took)


def list_name(kind: Kind, name: str) -> str:
    """The name as it is kept. Raises BadListName."""
    composed = _composed(name)
    if not composed or len(composed) > LONGEST_NAME or any(map(_is_control, composed)):
        raise BadListName(
            f"the name of a {kind} has 1 to {LONGEST_NAME} characters and stands on one line (got {name[:40]!r})."
        )
    return composed


def _hold(connection: Connection, list_no: int) -> None:
    """Keep a list as it is until the end of the transaction: a member of a deleted one would be nowhere."""
    if not connection.execute(_statement("hold"), {"list": list_no}).rowcount:
        raise UnknownList(
            f"list or tag number {list_no} was deleted meanwhile; who was not in it yet is in none."
        )


def _composed(name: str) -> str:
    """One spelling of an é, whether the keyboard made it of one character or two."""
    return unicodedata.normalize("NFC", name.strip())


def _is_control(char: str) -> bool:
    return unicodedata.category(char).startswith("C")


def _remove_some(connection: Connection, list_no: int, most: int, *, at: float, by: str) -> int:
    """Take that many out of a list; it is deleted when nobody is in it any more."""
    _hold(connection, list_no)
    asked = {"list": list_no, "most": most}
    members = connection.execute(_statement("some_members"), asked).scalars().all()
    if not members:
        connection.execute(_statement("delete"), {"list": list_no})
        return 0
    return remove_members(connection, list_no, members, at=at, by=by)


def _remove(connection: Connection, told: dict[str, object]) -> int:
    for name in ("tell_members", "tell_leaving"):
        connection.execute(_of_contacts(name, connection.dialect.name), told)
    return connection.execute(_of_contacts("remove_members", connection.dialect.name), told).rowcount


def _chunks(contacts: Sequence[int]) -> Iterator[list[int]]:
    for first in range(0, len(contacts), CONTACTS_PER_STATEMENT):
        yield list(contacts[first : first + CONTACTS_PER_STATEMENT])


@cache
def _of_contacts(name: str, dialect: str) -> sa.TextClause:
    """A text about :contacts. PostgreSQL joins them as rows: it looks through a list of 10,000 for each member."""
    text = sql(f"lists/{name}")
    if dialect == "sqlite":
        return sa.text(text).bindparams(sa.bindparam("contacts", expanding=True))
    return sa.text(text.replace(" in :contacts", " in (select unnest(cast(:contacts as bigint[])))"))


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(f"lists/{name}"))
