"""One contact as it rests, and how contacts are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa

from data.sql import sql
from messaging.incoming import STANDARD

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

PEOPLE_PER_STATEMENT = 10_000  # SQLite takes 32,766 parameters, PostgreSQL 65,535

_DIGITS = set("0123456789")
_IN_NUMBERS = set("0123456789 +()-./")
_FEWEST_DIGITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person with a number. Attributes are text; instants are seconds since 1970, UTC.

    region and number_type: of the number, as libphonenumber says (messaging.schemas.CONTACTS).
    source_hash: of the row that an import took it from; None: changed by hand since.
    """

    contact: int
    person_key: str
    msisdn: str
    region: str
    number_type: str
    external_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    language: str | None = None
    time_zone: str | None = None
    attributes: Mapping[str, str]
    source_hash: int | None = None
    created_at: float
    changed_at: float
    changed_by: str

    @property
    def fields(self) -> dict[str, str]:
        """All that it has a value of: standard fields, then attributes by name."""
        standard = {name: value for name in STANDARD if (value := getattr(self, name)) is not None}
        return {**standard, **dict(sorted(self.attributes.items()))}

    @property
    def name(self) -> str:
        """First and last name, as far as they are known."""
        return " ".join(part for part in (self.first_name, self.last_name) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which contacts: all of it must hold. list_no, tag_no: data.contacts.lists; text: part of a name, number or id."""

    list_no: int | None = None
    tag_no: int | None = None
    text: str | None = None


def read_contact(connection: Connection, person_key: str) -> Contact | None:
    row = connection.execute(_statement("read"), {"person_key": person_key}).one_or_none()
    return None if row is None else _contact(row)


def hold_contact(connection: Connection, person_key: str) -> Contact | None:
    """`read_contact` in a transaction of the write engine: nobody else changes it until that is through."""
    row = connection.execute(_statement("hold"), {"person_key": person_key}).one_or_none()
    return None if row is None else _contact(row)


def find_contacts(connection: Connection, wanted: Wanted, *, most: int) -> list[Contact]:
    """The first of them, in the order they were added. Looks through the whole store where `text` is rare."""
    patterns = _patterns(wanted.text)
    asked = {
        "list": wanted.list_no,
        "tag": wanted.tag_no,
        "text": patterns[0] if patterns else None,
        **{f"name_{n}": pattern for n, pattern in enumerate(patterns or [None])},
        "digits": _number_pattern(wanted.text),
        "most": most,
    }
    return [_contact(row) for row in connection.execute(_some(max(len(patterns), 1)), asked)]


def numbers_of(connection: Connection, person_keys: Sequence[str]) -> dict[str, int]:
    """person_key → the contact's number in the store, of those who are contacts."""
    found: dict[str, int] = {}
    for first in range(0, len(person_keys), PEOPLE_PER_STATEMENT):
        asked = {"person_keys": list(person_keys[first : first + PEOPLE_PER_STATEMENT])}
        found |= {row.person_key: row.contact for row in connection.execute(_of_people("numbers"), asked)}
    return found


def as_stored(fields: Mapping[str, str]) -> dict[str, str | None]:
    """Fields as the columns of the store hold them."""
    others = {name: fields[name] for name in sorted(fields) if name not in STANDARD}
    return {
        **{name: fields.get(name) for name in STANDARD},
        "attributes": orjson.dumps(others).decode(),
    }


def _contact(row: Any) -> Contact:
    told = row._asdict()
    return Contact(**{**told, "attributes": orjson.loads(told["attributes"])})


def _patterns(text: str | None) -> list[str]:
    """Stores know upper and lower case of ASCII letters only; of all others, each way that names are written is asked."""
    if not text or not text.strip():
        return []
    written = text.strip()
    ways = (written.lower(), written, written.upper(), written.title())
    return [f"%{_escaped(way)}%" for way in dict.fromkeys(map(_ascii_lower, ways))]


def _ascii_lower(text: str) -> str:
    return "".join(char.lower() if char.isascii() else char for char in text)


def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _number_pattern(text: str | None) -> str | None:
    """Digits as people group them, also as they are dialled at home."""
    if not text or not set(text) <= _IN_NUMBERS:
        return None
    digits = "".join(char for char in text if char in _DIGITS).lstrip("0")
    return f"%{digits}%" if len(digits) >= _FEWEST_DIGITS else None


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(f"contacts/{name}"))


@cache
def _some(n_patterns: int) -> sa.TextClause:
    """contacts/some, with its line of :name once for each pattern."""
    lines = []
    for line in sql("contacts/some").splitlines():
        is_of_name = " :name " in line
        lines += [line.replace(":name", f":name_{n}") for n in range(n_patterns)] if is_of_name else [line]
    return sa.text("\n".join(lines))


@cache
def _of_people(name: str) -> sa.TextClause:
    return sa.text(sql(f"contacts/{name}")).bindparams(sa.bindparam("person_keys", expanding=True))
