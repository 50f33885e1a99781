"""Contacts by hand: added, edited and deleted one at a time, each change with who made it and what was before.

A number is who the person is: suppressions, consents and history hang on it. So it is never edited; the new number is
added and the old one deleted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data.consents import ConsentEntry, record_consents
from data.contacts.history import Change, write_change, write_ended, write_first_import
from data.contacts.lists import Kind, add_members, list_id, make_list, memberships_of, remove_members
from data.contacts.merging import known_attributes, register_attributes
from data.contacts.records import Contact, as_stored, hold_contact, numbers_of, read_contact
from data.ledger.locking import lock_ledger
from data.readers.headers import clean_name
from data.sql import sql
from messaging.columns import meaning_of
from messaging.contact_fields import BadField, check_value
from messaging.errors import TidingsError
from messaging.incoming import STANDARD
from messaging.masking import mask
from messaging.one_number import Number
from messaging.sealed import person_key

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.store.engine import Store

BY_HAND = "by hand"  # the source of a consent that somebody wrote on the line


class AlreadyContact(TidingsError):
    """+4474…456 is a contact already, so nothing was changed. `tidings contacts edit` changes it."""


class NoContact(TidingsError):
    """+4474…456 is no contact. `tidings contacts add` makes it one."""


class WasForgotten(TidingsError):
    """Whoever asked to be forgotten is not stored again unless somebody lets them in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What a person said to a purpose, just now. evidence: how it can be shown."""

    purpose: str
    is_given: bool
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewContact:
    """What somebody writes of a person. fields: by any header a file might have (`Vorname`); lists must be there,
    tags are made by their first use.
    """

    number: Number
    fields: Mapping[str, str] = field(default_factory=dict)
    lists: Sequence[str] = ()
    tags: Sequence[str] = ()
    agreement: Agreement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A contact as it is now. changed: field → (before, after); new_attributes: which nobody had a value of before."""

    contact: Contact
    changed: Mapping[str, tuple[str | None, str | None]]
    new_attributes: Sequence[str] = ()


def add_contact(store: Store, new: NewContact, *, key: bytes, by: str, now: float) -> Written:
    """Make a person a contact, in one transaction with lists, tags and consent. key: the key of person keys.

    Raises AlreadyContact, WasForgotten, UnknownList, BadListName and BadField; then nothing was changed.
    """
    fields, headers = _named(new.fields, known=())
    person = person_key(key, new.number.msisdn)
    with store.write.begin() as connection:
        if new.agreement is not None:
            lock_ledger(connection)
        refuse_forgotten(connection, person, new.number.msisdn)
        row = {
            "person_key": person,
            "msisdn": new.number.msisdn,
            "region": new.number.region,
            "number_type": new.number.number_type,
            **as_stored(fields),
            "at": now,
            "by": by,
        }
        contact = connection.execute(_statement("insert"), row).scalar_one_or_none()
        if contact is None:
            raise AlreadyContact(
                f"{mask(new.number.msisdn)} is a contact already, so nothing was changed; "
                "`tidings contacts edit` changes it, `tidings list add-to` puts it into a list."
            )
        new_attributes = _register(connection, headers)
        changed = {name: (None, value) for name, value in fields.items()}
        write_change(connection, person, Change(at=now, by=by, kind="added", fields=changed))
        for list_no in _lists_of(connection, new, now):
            add_members(connection, list_no, [contact], at=now, by=by)
        if new.agreement is not None:
            record_consents(connection, [_consent(new.agreement, person, new.number, by, now)], now=now)
        written = _reread(connection, person)
    return Written(contact=written, changed=changed, new_attributes=new_attributes)


def edit_contact(
    store: Store,
    msisdn: str,
    *,
    key: bytes,
    put: Mapping[str, str] | None = None,
    take: Sequence[str] = (),
    by: str,
    now: float,
) -> Written:
    """Set fields of a contact and take others away; both by any header a file might have.

    Whatever is there already is no change, and a contact that nothing changed stays as it was.
    Raises NoContact and BadField; then nothing was changed.
    """
    person = person_key(key, msisdn)
    with store.write.begin() as connection:
        contact = hold_contact(connection, person)
        if contact is None:
            raise _no_contact(msisdn)
        before = contact.fields
        fields, headers = _named(put or {}, known=before)
        gone = _taken(take, before)
        both = [name for name in fields if name in gone]
        if both:
            raise BadField(
                f"{both[0]}: it cannot be set and taken away at once; give one of --set and --unset."
            )
        after = {name: value for name, value in {**before, **fields}.items() if name not in gone}
        changed = {
            name: (before.get(name), after.get(name))
            for name in (*fields, *gone)
            if before.get(name) != after.get(name)
        }
        if not changed:
            return Written(contact=contact, changed={})
        new_attributes = _register(connection, {name: headers[name] for name in changed if name in headers})
        write_first_import(connection, contact)
        told = {"contact": contact.contact, **as_stored(after), "at": now, "by": by}
        connection.execute(_statement("update"), told)
        write_change(connection, person, Change(at=now, by=by, kind="edited", fields=changed))
        written = _reread(connection, person)
    return Written(contact=written, changed=changed, new_attributes=new_attributes)


def delete_contact(store: Store, msisdn: str, *, key: bytes, by: str, now: float) -> tuple[Contact, int]:
    """Delete a contact; returns it as it was, and how many lists and tags it left.

    Its history stays, and so do suppressions, consents and all that was sent: data.forgetting erases a person.
    Raises NoContact.
    """
    person = person_key(key, msisdn)
    with store.write.begin() as connection:
        contact = hold_contact(connection, person)
        if contact is None:
            raise _no_contact(msisdn)
        write_first_import(connection, contact)
        n_left = _leave_lists(connection, contact, person, by=by, now=now)
        connection.execute(_statement("delete"), {"contact": contact.contact})
        gone = {name: (value, None) for name, value in contact.fields.items()}
        write_change(connection, person, Change(at=now, by=by, kind="deleted", fields=gone))
    return contact, n_left


def list_people(
    store: Store,
    kind: Kind,
    name: str,
    msisdns: Sequence[str],
    *,
    key: bytes,
    by: str,
    now: float,
    out: bool = False,
) -> int:
    """Put contacts into a list, or take them `out`; all of them or nobody. Returns how many that changed.

    A tag is made by its first use. Raises NoContact and UnknownList.
    """
    people = {person_key(key, msisdn): msisdn for msisdn in msisdns}
    with store.write.begin() as connection:
        is_made = kind == "tag" and not out
        list_no = make_list(connection, kind, name, now) if is_made else list_id(connection, kind, name)
        found = numbers_of(connection, list(people))
        missing = [msisdn for person, msisdn in people.items() if person not in found]
        if missing:
            are_none = f" and {len(missing) - 1:,} more are no contacts" if missing[1:] else " is no contact"
            raise NoContact(
                f"{mask(missing[0])}{are_none}, so nothing was changed; "
                "`tidings contacts add` makes one, `tidings contacts import` many."
            )
        change = remove_members if out else add_members
        return change(connection, list_no, list(found.values()), at=now, by=by)


def refuse_forgotten(connection: Connection, person: str, msisdn: str) -> None:
    """Raises WasForgotten: they are let in first, if they came back themselves."""
    if connection.execute(_statement("is_forgotten"), {"person_key": person}).one_or_none() is not None:
        raise WasForgotten(
            f"{mask(msisdn)} asked to be forgotten and is not stored again; if they came back themselves, "
            "`tidings suppress remove` lets them in."
        )


def field_of(header: str, *, known: Mapping[str, str] | Sequence[str] = ()) -> str:
    """The field that a header means: as it would in a file, or an attribute that the contact has. Raises BadField."""
    if header in known:
        return header
    meaning = meaning_of(header)
    if meaning == "phone":
        raise BadField(
            f"{header}: a number is who the person is, and suppressions, consents and history hang on it; "
            "add the new number with `tidings contacts add` and delete the old one."
        )
    if meaning in {"consent", "opt_out"}:
        raise BadField(
            f"{header}: what a person agreed to is kept with its time and source, not as a field; see `tidings consent`."
        )
    if meaning == "do_not_contact":
        raise BadField(f"{header}: it is no field; `tidings suppress add NUMBER` keeps all texts away.")
    name = meaning or clean_name(header)
    if not name:
        raise BadField(f"{header[:40]!r} cannot be the name of a field; use letters, digits and '_'.")
    return name


def _leave_lists(connection: Connection, contact: Contact, person: str, *, by: str, now: float) -> int:
    """Take a contact that is to be deleted out of everything. Returns how many lists and tags it was in."""
    memberships = memberships_of(connection, contact.contact)
    there = [one.list_no for one in memberships if one.ended_at is None]
    for list_no in there:
        remove_members(connection, list_no, [contact.contact], at=now, by=by)
    for one in memberships:
        if one.ended_at is not None:
            write_ended(connection, person, one)
    connection.execute(_statement("leave"), {"contact": contact.contact})
    return len(there)


def _named(
    written: Mapping[str, str], *, known: Mapping[str, str] | Sequence[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Field → checked value, and of attributes field → header as written."""
    fields: dict[str, str] = {}
    headers: dict[str, str] = {}
    for header, value in written.items():
        name = field_of(header, known=known)
        if name in fields:
            raise BadField(f"{name}: it is set twice; give one value.")
        fields[name] = check_value(name, value)
        if name not in STANDARD:
            headers[name] = header
    return fields, headers


def _taken(headers: Sequence[str], before: Mapping[str, str]) -> set[str]:
    gone = {field_of(header, known=before) for header in headers}
    strange = sorted(name for name in gone if name not in before and name not in STANDARD)
    if strange:
        has = ", ".join(before) or "none"
        raise BadField(
            f"{strange[0]}: the contact has no such field, so nothing was changed (it has: {has})."
        )
    return gone


def _register(connection: Connection, headers: Mapping[str, str]) -> list[str]:
    """Returns those that nobody had a value of before."""
    if not headers:
        return []
    known = known_attributes(connection)
    new = [name for name in headers if name not in known]
    register_attributes(connection, {name: headers[name] for name in new})
    return new


def _lists_of(connection: Connection, new: NewContact, now: float) -> list[int]:
    """In one order, so that two people who add to the same lists never wait for each other."""
    lists = [list_id(connection, "list", name) for name in new.lists]
    tags = [make_list(connection, "tag", name, now) for name in sorted(new.tags)]
    return sorted({*lists, *tags})


def _consent(agreement: Agreement, person: str, number: Number, by: str, now: float) -> ConsentEntry:
    return ConsentEntry(
        person_key=person,
        msisdn=number.msisdn,
        purpose=agreement.purpose,
        is_given=agreement.is_given,
        at=now,
        source=BY_HAND,
        evidence=agreement.evidence,
        by=by,
    )


def _reread(connection: Connection, person: str) -> Contact:
    contact = read_contact(connection, person)
    assert contact is not None, "it was written in this transaction"
    return contact


def _no_contact(msisdn: str) -> NoContact:
    return NoContact(
        f"{mask(msisdn)} is no contact, so nothing was changed; `tidings contacts add` makes it one."
    )


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(f"contacts/{name}"))
