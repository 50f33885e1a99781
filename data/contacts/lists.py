"""Lists and tags: people put together by hand or by an import. A tag is a list of kind 'tag'; nothing else differs.

A membership is itself the record of when it began, and by whom: an import of a million people writes no history
beside it. Whoever leaves takes both to contact_changes, as 'listed' and 'unlisted' (data.contacts.history reads them).
A list that is deleted ends for all of its people by one row: theirs stay, and the list says when they ended.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import orjson
import sqlalchemy as sa

from data.former_names import called_now, composed
from data.sql import sql
from data.store.engine import Store
from messaging.definition import nearest
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

Kind = Literal["list", "tag"]

CONTACTS_PER_STATEMENT = 10_000  # SQLite takes 32,766 parameters
LONGEST_NAME = 100

_MOST_NAMES_SHOWN = 12
_DELETED = "deleted "  # before the kind of a list that history alone knows: its description says how it ended


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Of one contact in one list. ended_at and ended_by: when the list was deleted, and by whom; None: it is there."""

    list_no: int
    kind: Kind
    name: str
    added_at: float
    added_by: str
    ended_at: float | None = None
    ended_by: str | None = None


def make_list(
    connection: Connection, kind: Kind, name: str, now: float, *, description: str = "", anew: bool = False
) -> int:
    """The number of the list of this name, made if there is none yet. Raises BadListName.

    anew: also under a name that another list has given up. Otherwise UnknownList says what that one is called now: whoever
    goes on filling it by its old name would have half of its people in each of the two.
    """
    checked = list_name(kind, name)
    if not anew and find_list(connection, kind, checked) is None:
        _refuse_old_name(connection, kind, checked, f" `tidings {kind} add` makes a new one of the old name.")
    told = {"kind": kind, "name": checked, "description": description, "at": now}
    connection.execute(_statement("insert"), told)
    return list_id(connection, kind, checked)


def list_id(connection: Connection, kind: Kind, name: str) -> int:
    """The number of a list. Raises UnknownList, which names those there are, or the name that it bears now."""
    found = find_list(connection, kind, name)
    if found is not None:
        return found
    _refuse_old_name(connection, kind, name)
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
    asked = {"kind": kind, "name": composed(name)}
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
    return [(one.kind, one.name) for one in memberships_of(connection, contact) if one.ended_at is None]


def memberships_of(connection: Connection, contact: int) -> list[Membership]:
    """Of each list and tag that a contact is in, or was in when it was deleted; the oldest list first."""
    return [_membership(row) for row in connection.execute(_statement("of_contact"), {"contact": contact})]


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


def delete_list(store: Store, kind: Kind, name: str, *, at: float, by: str) -> int:
    """Delete a list; its people stay contacts. Returns how many were in it. Raises UnknownList.

    Its row and its memberships stay, as what history tells: a million lines to write would take minutes. Nobody finds
    it any more, and its name is free.
    """
    with store.write.begin() as connection:
        list_no = list_id(connection, kind, name)
        ended = orjson.dumps({"name": composed(name), "at": at, "by": by}).decode()
        told = {"list": list_no, "kind": f"{_DELETED}{kind}", "name": str(list_no), "ended": ended}
        connection.execute(_statement("delete"), told)
    with store.read.connect() as connection:  # nobody comes into it from here on
        return int(connection.execute(_statement("n_members"), {"list": list_no}).scalar_one())


def list_name(kind: Kind, name: str) -> str:
    """The name as it is kept. Raises BadListName."""
    kept = composed(name)
    if not kept or len(kept) > LONGEST_NAME or any(map(_is_control, kept)):
        raise BadListName(
            f"the name of a {kind} has 1 to {LONGEST_NAME} characters and stands on one line (got {name[:40]!r})."
        )
    return kept


def _refuse_old_name(connection: Connection, kind: Kind, name: str, hint: str = "") -> None:
    renamed = called_now(connection, kind, name)
    if renamed is not None and find_list(connection, kind, renamed.new) is not None:
        raise UnknownList(f"there is no {kind} {name.strip()!r}; {renamed.in_words}{hint}")


def _hold(connection: Connection, list_no: int) -> None:
    """Keep a list as it is until the end of the transaction: a member of a deleted one would be nowhere."""
    if not connection.execute(_statement("hold"), {"list": list_no}).rowcount:
        raise UnknownList(
            f"list or tag number {list_no} was deleted meanwhile; who was not in it yet is in none."
        )


def _is_control(char: str) -> bool:
    return unicodedata.category(char).startswith("C")


def _remove(connection: Connection, told: dict[str, object]) -> int:
    for name in ("tell_members", "tell_leaving"):
        connection.execute(_of_contacts(name, connection.dialect.name), told)
    return connection.execute(_of_contacts("remove_members", connection.dialect.name), told).rowcount


def _chunks(contacts: Sequence[int]) -> Iterator[list[int]]:
    for first in range(0, len(contacts), CONTACTS_PER_STATEMENT):
        yield list(contacts[first : first + CONTACTS_PER_STATEMENT])


def _membership(row: Any) -> Membership:
    told = {"list_no": row.list, "added_at": row.added_at, "added_by": row.added_by}
    if not row.kind.startswith(_DELETED):
        return Membership(kind=row.kind, name=row.name, **told)
    ended = orjson.loads(row.description)
    return Membership(
        kind=row.kind.removeprefix(_DELETED),
        name=ended["name"],
        ended_at=ended["at"],
        ended_by=ended["by"],
        **told,
    )


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
