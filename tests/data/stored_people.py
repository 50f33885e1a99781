"""People in the store, written as they lie there: what reads them is tested apart from what imports them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa

from data.consents import ConsentEntry, record_consents
from data.contacts.lists import add_members, make_list
from data.store.engine import Store
from data.store.tables import attributes, contacts
from messaging.sealed import person_key

AT = 1_790_000_000.0


def store_people(
    store: Store,
    key: bytes,
    people: Sequence[Mapping[str, Any]],
    *,
    to: str | None = None,
    kind: Any = "list",
) -> list[int]:
    """Contacts of these columns, put into a list or tag of this name. attributes: a dict. Returns their numbers."""
    defaults = {"region": "GB", "number_type": "mobile", "attributes": {}}
    with store.write.begin() as connection:
        numbers = []
        for person in people:
            row = {**defaults, **person}
            own: dict[str, str] = row.pop("attributes")
            for name in own:
                _know(connection, name)
            inserted: Any = connection.execute(
                sa.insert(contacts).values(
                    **row,
                    person_key=person_key(key, row["msisdn"]),
                    attributes=orjson.dumps(own).decode(),
                    created_at=AT,
                    changed_at=AT,
                    changed_by="Ann",
                )
            )
            numbers.append(int(inserted.inserted_primary_key[0]))
        if to is not None:
            add_members(connection, make_list(connection, kind, to, AT), numbers, at=AT, by="Ann")
        return numbers


def say(
    store: Store, key: bytes, msisdn: str, *, yes: bool, at: float | None = None, purpose: str = "marketing"
) -> None:
    """Let somebody agree, or withdraw."""
    entry = ConsentEntry(
        person_key=person_key(key, msisdn),
        msisdn=msisdn,
        purpose=purpose,
        is_given=yes,
        at=at,
        source="web shop",
        evidence="form 12",
        by="Ann",
    )
    with store.write.begin() as connection:
        record_consents(connection, [entry], now=AT)


def _know(connection: sa.Connection, name: str) -> None:
    known = connection.execute(sa.select(attributes.c.attribute)).scalars().all()
    if name not in known:
        connection.execute(sa.insert(attributes).values(attribute=name, header=name.title()))
