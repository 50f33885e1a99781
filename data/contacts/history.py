"""What became of a contact: every change with who made it, and what each field was before.

What an import brought, and since when somebody is in a list, the contact and the membership say themselves; both are
written down when they end. So the history is what was written, and what still stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa

from data.contacts.lists import Membership, memberships_of
from data.contacts.records import Contact
from data.sql import sql

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_BEGINNINGS = {"added", "imported"}

Fields = Mapping[str, tuple[Any, Any]]  # name → (before, after); None: no value


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change. kind: added, edited, imported, deleted, listed or unlisted; the latter two name their list or tag."""

    at: float
    by: str
    kind: str
    fields: Fields


def read_history(connection: Connection, person_key: str, contact: Contact | None) -> list[Change]:
    """All changes of a person, the oldest first. contact: as read_contact gives it; None: is none (any more)."""
    written = _written(connection, person_key)
    if contact is None:
        return sorted(written, key=_place)
    if not any(_began(change, contact) for change in written):
        written.insert(0, _first_import(contact))
    listed = [change for one in memberships_of(connection, contact.contact) for change in _told_by(one)]
    return sorted([*written, *listed], key=_place)


def write_ended(connection: Connection, person_key: str, membership: Membership) -> None:
    """What a membership of a deleted list tells, before it is gone with its contact."""
    for change in _told_by(membership):
        write_change(connection, person_key, change)


def write_change(connection: Connection, person_key: str, change: Change) -> None:
    """Append one change in the transaction that makes it."""
    told = {
        "person_key": person_key,
        "at": change.at,
        "by": change.by,
        "kind": change.kind,
        "fields": orjson.dumps(dict(change.fields)).decode(),
    }
    connection.execute(_statement("contacts/write_change"), told)


def write_first_import(connection: Connection, contact: Contact) -> None:
    """Before a change by hand: which import it came from, which only the contact itself says so far."""
    if not any(_began(change, contact) for change in _written(connection, contact.person_key)):
        write_change(connection, contact.person_key, _first_import(contact))


def _written(connection: Connection, person_key: str) -> list[Change]:
    return [
        Change(at=row.at, by=row.by, kind=row.kind, fields=_read(row.fields))
        for row in connection.execute(_statement("contacts/changes"), {"person_key": person_key})
    ]


def _told_by(one: Membership) -> list[Change]:
    """When it began, and when it ended with its list."""
    came: Fields = {one.kind: (None, one.name)}
    left: Fields = {one.kind: (one.name, None)}
    began = Change(at=one.added_at, by=one.added_by, kind="listed", fields=came)
    if one.ended_at is None or one.ended_by is None:
        return [began]
    return [began, Change(at=one.ended_at, by=one.ended_by, kind="unlisted", fields=left)]


def _first_import(contact: Contact) -> Change:
    """An import that changed the contact again has put its own name over the first one's."""
    is_first = contact.changed_at == contact.created_at
    by = contact.changed_by if is_first else "an import"
    return Change(at=contact.created_at, by=by, kind="imported", fields={})


def _began(change: Change, contact: Contact) -> bool:
    return change.at == contact.created_at and change.kind in _BEGINNINGS


def _place(change: Change) -> tuple[float, bool]:
    """By time; whoever came with an import was a contact before they were in its list."""
    return change.at, change.kind not in _BEGINNINGS


def _read(fields: str) -> Fields:
    return {name: (before, after) for name, (before, after) in orjson.loads(fields).items()}


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(name))
