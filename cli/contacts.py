"""`tidings contacts add|edit|delete|show`: people in the store, one at a time, and a look at some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from cli.control import this_person
from cli.instance import open_here
from cli.output import EXIT_OK, print_json, screen
from cli.times import shown
from config.settings import load_settings
from messaging.contact_fields import check_text
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.consents import Statement
    from data.contacts.editing import Agreement, Written
    from data.contacts.history import Change
    from data.contacts.records import Contact
    from data.contacts.standing import Standing
    from data.suppressions import StoredSuppression


class UnclearContact(TidingsError):
    """What the line says of a contact does not go together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a person said of being texted, as the line tells it. consent None: nothing."""

    consent: bool | None = None
    purpose: str | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything about one number that `show` tells. contact None: it is none any more."""

    contact: Contact | None
    lists: Sequence[str]
    tags: Sequence[str]
    standing: Standing
    statements: Sequence[Statement]
    suppressions: Sequence[StoredSuppression]
    history: Sequence[Change]


def add(
    number: str,
    *,
    region: str | None,
    fields: Mapping[str, str | None],
    settings: Sequence[str],
    lists: Sequence[str],
    tags: Sequence[str],
    said: Said,
    by: str | None,
    as_json: bool,
) -> int:
    """Fields: what has an option of its own; settings: NAME=VALUE, of any field."""
    from data.contacts.editing import NewContact, add_contact
    from messaging.one_number import parse_number

    new = NewContact(
        number=parse_number(number, region),
        fields={
            **{name: value for name, value in fields.items() if value is not None},
            **_settings(settings),
        },
        lists=lists,
        tags=tags,
        agreement=_agreement(said),
    )
    with open_here(load_settings()) as instance:
        written = add_contact(
            instance.store,
            new,
            key=instance.keys.person,
            by=who(by),
            now=instance.store.now(),
        )
        with instance.store.read.connect() as connection:
            known = _known(connection, written.contact.person_key)
    _tell_written(written, known, f"{written.contact.msisdn} is a contact now", as_json=as_json)
    return EXIT_OK


def edit(
    number: str,
    *,
    region: str | None,
    settings: Sequence[str],
    unset: Sequence[str],
    by: str | None,
    as_json: bool,
) -> int:
    from data.contacts.editing import edit_contact
    from messaging.one_number import read_number

    put = _settings(settings)
    if not put and not unset:
        raise UnclearContact("nothing is to be changed; say what with --set NAME=VALUE or --unset NAME.")
    msisdn = read_number(number, region=region)
    with open_here(load_settings()) as instance:
        written = edit_contact(
            instance.store,
            msisdn,
            key=instance.keys.person,
            put=put,
            take=unset,
            by=who(by),
            now=instance.store.now(),
        )
        with instance.store.read.connect() as connection:
            known = _known(connection, written.contact.person_key)
    told = f"{msisdn} is changed" if written.changed else f"{msisdn} is so already; nothing was changed"
    _tell_written(written, known, told, as_json=as_json)
    return EXIT_OK


def delete(number: str, *, region: str | None, by: str | None, as_json: bool) -> int:
    from data.contacts.editing import delete_contact
    from messaging.one_number import read_number

    msisdn = read_number(number, region=region)
    with open_here(load_settings()) as instance:
        contact, n_lists = delete_contact(
            instance.store,
            msisdn,
            key=instance.keys.person,
            by=who(by),
            now=instance.store.now(),
        )
    if as_json:
        print_json({"deleted": contact_as_dict(contact), "lists_left": n_lists})
        return EXIT_OK
    left = f" and left {n_lists:,} {'list or tag' if n_lists == 1 else 'lists and tags'}" if n_lists else ""
    screen.print(
        f"{msisdn} is a contact no more{left}. Its history, suppressions, consents and what was sent stay known; "
        f"`tidings forget {msisdn}` erases the person.",
        markup=False,
        soft_wrap=True,
    )
    return EXIT_OK


def show_one(number: str, *, region: str | None, purpose: str, as_json: bool) -> int:
    from data.contacts.editing import NoContact
    from messaging.masking import mask
    from messaging.one_number import read_number
    from messaging.sealed import person_key

    msisdn = read_number(number, region=region)
    with open_here(load_settings()) as instance, instance.store.read.connect() as connection:
        known = _known(connection, person_key(instance.keys.person, msisdn))
    if known.contact is None and not known.history:
        raise NoContact(
            f"{mask(msisdn)} is no contact and never was; `tidings contacts add` makes it one, and "
            "`tidings person` tells what else is known of a number."
        )
    if as_json:
        print_json(_as_dict(known, purpose))
    else:
        _print_known(msisdn, known, purpose)
    return EXIT_OK


def show_some(
    *, list_name: str | None, tag: str | None, text: str | None, purpose: str, most: int, as_json: bool
) -> int:
    from data.contacts.lists import list_id
    from data.contacts.records import Wanted, find_contacts
    from data.contacts.standing import read_standings

    check_text("--search", text)
    with open_here(load_settings()) as instance, instance.store.read.connect() as connection:
        wanted = Wanted(
            list_no=None if list_name is None else list_id(connection, "list", list_name),
            tag_no=None if tag is None else list_id(connection, "tag", tag),
            text=text,
        )
        found = find_contacts(connection, wanted, most=most + 1)
        standings = read_standings(connection, [one.person_key for one in found[:most]])
    if as_json:
        told = [
            {
                **contact_as_dict(one),
                "left_out": standings[one.person_key].why_not(one, purpose),
                "has_said_yes": standings[one.person_key].has_said_yes(purpose),
            }
            for one in found[:most]
        ]
        print_json({"contacts": told, "is_all": len(found) <= most})
        return EXIT_OK
    if not found:
        screen.print("no contact is so; `tidings contacts import` brings many, `tidings contacts add` one.")
        return EXIT_OK
    _print_some(found[:most], standings, purpose)
    if len(found) > most:
        screen.print(f"[dim]the first {most:,}; --limit shows more, --search those you look for[/dim]")
    return EXIT_OK


def who(by: str | None) -> str:
    """Who does it: as the line says, or the user of the operating system."""
    check_text("--by", by)
    return by or this_person()


def contact_as_dict(contact: Contact) -> dict[str, Any]:
    """One contact as the JSON of every command tells it."""
    return {
        "number": contact.msisdn,
        "person_key": contact.person_key,
        "region": contact.region,
        "number_type": contact.number_type,
        "external_id": contact.external_id,
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "language": contact.language,
        "time_zone": contact.time_zone,
        "attributes": dict(contact.attributes),
        "created_at": contact.created_at,
        "changed_at": contact.changed_at,
        "changed_by": contact.changed_by,
    }


def _settings(written: Sequence[str]) -> dict[str, str]:
    from messaging.contact_fields import read_setting

    settings: dict[str, str] = {}
    for one in written:
        name, value = read_setting(one)
        if name in settings:
            raise UnclearContact(f"{name}: it is set twice; give one value.")
        settings[name] = value
    return settings


def _agreement(said: Said) -> Agreement | None:
    from data.contacts.editing import Agreement
    from messaging.purposes import MARKETING, check_purpose

    if said.consent is None:
        if said.purpose is not None or said.evidence is not None:
            raise UnclearContact(
                "--purpose and --evidence are about a consent; say with --consent yes or --consent no what it was."
            )
        return None
    check_text("--evidence", said.evidence)
    try:
        purpose = check_purpose((said.purpose or MARKETING).strip())
    except ValueError as error:
        raise UnclearContact(f"{said.purpose!r} is no purpose: {error}.") from None
    return Agreement(purpose=purpose, is_given=said.consent, evidence=said.evidence)


def _known(connection: Connection, person_key: str) -> Known:
    from data.consents import consents_of
    from data.contacts.history import read_history
    from data.contacts.lists import lists_of
    from data.contacts.records import read_contact
    from data.contacts.standing import read_standings
    from data.suppressions import suppressions_of

    contact = read_contact(connection, person_key)
    places = [] if contact is None else lists_of(connection, contact.contact)
    return Known(
        contact=contact,
        lists=[name for kind, name in places if kind == "list"],
        tags=[name for kind, name in places if kind == "tag"],
        standing=read_standings(connection, [person_key])[person_key],
        statements=consents_of(connection, person_key),
        suppressions=suppressions_of(connection, person_key),
        history=read_history(connection, person_key, contact),
    )


def _as_dict(known: Known, purpose: str) -> dict[str, Any]:
    from cli.consent import as_dict as consent_as_dict
    from cli.suppress import as_dict as suppression_as_dict

    contact = known.contact
    return {
        "contact": None if contact is None else contact_as_dict(contact),
        "lists": list(known.lists),
        "tags": list(known.tags),
        "purpose": purpose,
        "left_out": None if contact is None else known.standing.why_not(contact, purpose),
        "has_said_yes": known.standing.has_said_yes(purpose),
        "consents": [consent_as_dict(one) for one in known.statements],
        "suppressions": [suppression_as_dict(one) for one in known.suppressions],
        "history": [
            {
                "at": one.at,
                "by": one.by,
                "kind": one.kind,
                "fields": {name: list(both) for name, both in one.fields.items()},
            }
            for one in known.history
        ],
    }


def _tell_written(written: Written, known: Known, words: str, *, as_json: bool) -> None:
    from messaging.purposes import MARKETING

    notices = [
        f"{name} is a new attribute: no contact had a value of it before." for name in written.new_attributes
    ]
    purpose = next((one.purpose for one in known.statements), MARKETING)
    why_not = known.standing.why_not(written.contact, purpose)
    if why_not is not None:
        notices.append(f"no campaign texts this number: {why_not}.")
    if as_json:
        changed = {name: list(both) for name, both in written.changed.items()}
        print_json({**_as_dict(known, purpose), "changed": changed, "notices": notices})
        return
    where = [f"list {name}" for name in known.lists] + [f"tag {name}" for name in known.tags]
    screen.print(" · ".join([words, *where]), markup=False)
    for name, both in written.changed.items():
        screen.print(f"  {_in_words(name, both)}", markup=False)
    for notice in notices:
        screen.print(Text.assemble(("note", "yellow"), f" {notice}"))


def _print_known(msisdn: str, known: Known, purpose: str) -> None:
    contact = known.contact
    if contact is None:
        screen.print(Text.assemble((msisdn, "bold"), " · a contact no more"))
    else:
        about_number = f" · {contact.region} · {contact.number_type.replace('_', ' ')}"
        screen.print(Text.assemble((msisdn, "bold"), about_number))
        table = Table.grid(padding=(0, 2))
        for name, value in contact.fields.items():
            table.add_row(Text(name.replace("_", " "), style="dim"), Text(value))
        for name, places in (("lists", known.lists), ("tags", known.tags)):
            if places:
                table.add_row(Text(name, style="dim"), Text(" · ".join(places)))
        table.add_row(Text("texts", style="dim"), _in_standing(contact, known.standing, purpose))
        screen.print(table)
    _print_said(known)
    _print_history(known.history)


def _print_said(known: Known) -> None:
    from data.suppressions import scope_in_words

    for one in known.suppressions:
        screen.print(
            f"suppressed {scope_in_words(one.scope)} since {shown(one.at)}: {one.reason} · {one.source}",
            markup=False,
            soft_wrap=True,
        )
    for said in known.statements:
        when = "at an unknown time" if said.at is None else shown(said.at)
        parts = [said.source, said.evidence, f"recorded by {said.by}", "counts" if said.is_current else None]
        told = " · ".join(part for part in parts if part)
        screen.print(
            f"{'yes' if said.is_given else 'no'} to {said.purpose}, {when} · {told}",
            markup=False,
            soft_wrap=True,
        )


def _print_history(history: Sequence[Change]) -> None:
    table = Table.grid(padding=(0, 2))
    for one in history:
        what = Text.assemble((one.kind, "bold"), " ", _changed(one))
        table.add_row(Text(shown(one.at), style="dim"), Text(one.by), what)
    screen.print(table)


def _changed(change: Change) -> str:
    if change.kind in {"listed", "unlisted"}:
        return ", ".join(f"{kind} {before or after}" for kind, (before, after) in change.fields.items())
    return ", ".join(_in_words(name, both) for name, both in change.fields.items())


def _in_words(name: str, both: tuple[Any, Any]) -> str:
    before, after = both
    label = name.replace("_", " ")
    if before is None:
        return f"{label}: {after}"
    return f"{label}: {before} → nothing" if after is None else f"{label}: {before} → {after}"


def _print_some(found: Sequence[Contact], standings: Mapping[str, Standing], purpose: str) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("number", "name", "external id", "texts"):
        table.add_column(column, overflow="fold")
    for one in found:
        standing = _in_standing(one, standings[one.person_key], purpose)
        table.add_row(Text(one.msisdn), Text(one.name), Text(one.external_id or ""), standing)
    screen.print(table)


def _in_standing(contact: Contact, standing: Standing, purpose: str) -> Text:
    why_not = standing.why_not(contact, purpose)
    if why_not is not None:
        return Text(f"none: {why_not}", style="yellow")
    if standing.has_said_yes(purpose):
        return Text(f"said yes to {purpose}")
    return Text(f"no consent to {purpose} is recorded", style="dim")
