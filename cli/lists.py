"""`tidings list …` and `tidings tag …`: people put together, by hand or by an import. A tag is a list of another kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from cli.contacts import show_some, who
from cli.instance import open_here
from cli.output import EXIT_OK, print_json, screen
from cli.times import shown
from config.settings import load_settings
from messaging.contact_fields import check_text

if TYPE_CHECKING:
    from data.contacts.lists import ContactList, Kind
    from data.store.engine import Store


def add(kind: Kind, name: str, *, description: str, as_json: bool) -> int:
    from data.contacts.lists import find_list, make_list

    check_text("--description", description)
    with open_here(load_settings()) as instance, instance.store.write.begin() as connection:
        is_new = find_list(connection, kind, name) is None
        make_list(connection, kind, name, instance.store.now(), description=description, anew=True)
    if as_json:
        print_json({kind: name.strip(), "made": is_new})
    elif is_new:
        screen.print(f"{kind} {name.strip()} is made; nobody is in it yet.", markup=False)
    else:
        screen.print(f"{kind} {name.strip()} was there already, and stays as it is.", markup=False)
    return EXIT_OK


def delete(kind: Kind, name: str, *, by: str | None, as_json: bool) -> int:
    from data.contacts.lists import delete_list

    with open_here(load_settings()) as instance:
        store = instance.store
        n_members = delete_list(store, kind, name, at=store.now(), by=who(by))
    if as_json:
        print_json({kind: name.strip(), "members": n_members})
    else:
        were = _people(n_members) if n_members else "nobody was"
        screen.print(f"{kind} {name.strip()} is deleted; {were} in it. Contacts stay contacts.", markup=False)
    return EXIT_OK


def show(kind: Kind, name: str | None, *, as_json: bool) -> int:
    """Name None: all of them."""
    from data.contacts.lists import all_lists

    with open_here(load_settings()) as instance:
        if name is None:
            with instance.store.read.connect() as connection:
                found = all_lists(connection, kind)
        else:
            found = [_one(instance.store, kind, name)]
    if as_json:
        told = [_as_dict(one) for one in found]
        print_json(told if name is None else told[0])
    elif found:
        screen.print(_table(kind, found))
    else:
        screen.print(f"there is no {kind} yet; `tidings {kind} add NAME` makes one.", markup=False)
    return EXIT_OK


def members(kind: Kind, name: str, *, purpose: str, most: int, as_json: bool) -> int:
    is_list = kind == "list"
    return show_some(
        list_name=name if is_list else None,
        tag=None if is_list else name,
        text=None,
        purpose=purpose,
        most=most,
        as_json=as_json,
    )


def put_people(
    kind: Kind,
    name: str,
    numbers: Sequence[str],
    *,
    out: bool,
    region: str | None,
    by: str | None,
    as_json: bool,
) -> int:
    """Put contacts into it, or take them `out` of it; all of them or nobody."""
    from data.contacts.editing import list_people
    from messaging.one_number import parse_number

    msisdns = [
        parse_number(
            number, region, called=f"number {place} of {len(numbers)}" if numbers[1:] else "the number"
        ).msisdn
        for place, number in enumerate(numbers, start=1)
    ]
    with open_here(load_settings()) as instance:
        n_changed = list_people(
            instance.store,
            kind,
            name,
            msisdns,
            key=instance.keys.person,
            by=who(by),
            now=instance.store.now(),
            out=out,
        )
    n_same = len(set(msisdns)) - n_changed
    if as_json:
        print_json({kind: name.strip(), "removed" if out else "added": n_changed, "same": n_same})
        return EXIT_OK
    done = "taken out of" if out else "put into"
    was = "not in it" if out else "in it already"
    rest = f"; {_people(n_same)} {was}" if n_same else ""
    screen.print(f"{_people(n_changed)} {done} {kind} {name.strip()}{rest}.", markup=False)
    return EXIT_OK


def _one(store: Store, kind: Kind, name: str) -> ContactList:
    """Raises UnknownList."""
    from data.contacts.lists import all_lists, list_id

    with store.read.connect() as connection:
        wanted = list_id(connection, kind, name)
        return next(one for one in all_lists(connection, kind) if one.list_no == wanted)


def _as_dict(one: ContactList) -> dict[str, Any]:
    return {
        one.kind: one.name,
        "description": one.description,
        "members": one.n_members,
        "created_at": one.created_at,
    }


def _table(kind: Kind, found: Sequence[ContactList]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in (kind, "members", "made", "description"):
        table.add_column(column, justify="right" if column == "members" else "left", overflow="fold")
    for one in found:
        table.add_row(Text(one.name), f"{one.n_members:,}", shown(one.created_at), Text(one.description))
    return table


def _people(n: int) -> str:
    return "1 person was" if n == 1 else f"{n:,} people were"
