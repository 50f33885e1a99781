"""Taking people out of the pages that gateways sent: what stands beside their number is blanked, the page stays.

A page may also come after somebody was forgotten, since gateways tell the same again: it is blanked as it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa

from data.sql import sql
from messaging.sealed import person_key
from messaging.traces import Traces, trace_of

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.store.engine import Store

_PAGES_AT_ONCE = 50
_NUMBER = re.compile(rb"\d(?:[ .()\-/]?\d){6,}")
_NO_DIGIT = re.compile(rb"\D+")
_MOST_DIGITS = 15  # of a number with its country (ITU-T E.164)


@dataclass(frozen=True, slots=True)
class ErasedPages:
    """n_unread: pages that tell of them and were not read yet; reading them needs what they say."""

    n_pages: int
    n_unread: int


def erase_pages(store: Store, traces: Traces, *, national: str | None = None) -> ErasedPages:
    """Blank these people in all pages that were read. national: the digits of the only one; the store looks for them."""
    n_pages = n_unread = 0
    after = -1
    while found := _pages(store, after, national):
        for page, body, is_read in found:
            after = page
            blanked = _without(bytes(body), traces)
            if blanked is None:
                continue
            if not is_read:
                n_unread += 1
                continue
            with store.write.begin() as connection:
                connection.execute(_statement("blank_page"), {"page": page, "body": blanked})
            n_pages += 1
    return ErasedPages(n_pages, n_unread)


def people_in(body: bytes, key: bytes) -> dict[str, str]:
    """Person key → number, of all that could be a number with its country in a page, whether it is one or not.

    key: the key of person keys. As gateways write numbers: with a plus, two noughts or neither before the country.
    """
    found = {_NO_DIGIT.sub(b"", run).removeprefix(b"00") for run in _NUMBER.findall(body)}
    numbers = [f"+{digits.decode('ascii')}" for digits in found if len(digits) <= _MOST_DIGITS]
    return {person_key(key, number): number for number in numbers}


def blank_page(
    connection: Connection,
    page: int,
    body: bytes,
    people: Mapping[str, str],
    forgotten: Iterable[str],
    key: bytes,
) -> bool:
    """Blank those of the people in a page who were forgotten, in the caller's transaction. Whether it tells of any.

    people: as people_in found them. key: the key of person keys.
    """
    told = [trace_of(key, people[person]) for person in forgotten]
    blanked = _without(body, Traces(key, told)) if told else None
    if blanked is None:
        return False
    connection.execute(_statement("blank_page"), {"page": page, "body": blanked})
    return True


def pages_about(store: Store, traces: Traces, *, national: str) -> list[int]:
    """The numbers of the pages that tell of somebody. national: the digits of their number."""
    after, told = -1, []
    while found := _pages(store, after, national):
        told += [page for page, body, _ in found if _without(bytes(body), traces) is not None]
        after = found[-1][0]
    return told


def _pages(store: Store, after: int, national: str | None) -> list[Any]:
    asked: dict[str, Any] = {"after": after, "most": _PAGES_AT_ONCE}
    with store.read.connect() as connection:
        if national is None:
            return list(connection.execute(_statement("pages"), asked))
        name = "pages_with" if store.is_sqlite else "pages_with_on_postgresql"
        return list(connection.execute(_statement(name), {**asked, "digits": national.encode()}))


def _without(body: bytes, traces: Traces) -> bytes | None:
    """The page without these people; None: it does not tell of them."""
    try:
        page = orjson.loads(body)
    except orjson.JSONDecodeError:
        told = any(traces.speaks_of(found.decode("ascii")) for found in _NUMBER.findall(body))
        return b"" if told else None
    return orjson.dumps(page) if _blank(page, traces) else None


def _blank(value: Any, traces: Traces) -> bool:
    """Blank, in place, every object in which their number stands; whether there was one."""
    places: list[Any] = list(value) if isinstance(value, dict) else []
    if isinstance(value, list):
        places = list(range(len(value)))
    told = False
    for place in places:
        one = value[place]
        if isinstance(one, dict | list):
            told |= _blank(one, traces)
        elif _is_number(one, traces):
            value[place] = None
            told = True
            if isinstance(value, dict):
                value.update({name: "" for name, other in value.items() if isinstance(other, str)})
    return told


def _is_number(value: object, traces: Traces) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and traces.speaks_of(str(value))


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(f"forgotten/{name}"))
