"""Taking people out of the pages that gateways sent: what stands beside their number is blanked, the page stays.

A page may also come after somebody was forgotten, since gateways tell the same again: it is blanked as it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl
import sqlalchemy as sa

from data.sql import sql
from messaging.sealed import person_keys
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
            blanked = page_without(bytes(body), traces)
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
    return dict(zip(person_keys(key, pl.Series(numbers, dtype=pl.String)), numbers, strict=True))


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
    blanked = page_without(body, Traces(key, told)) if told else None
    if blanked is None:
        return False
    connection.execute(_statement("blank_page"), {"page": page, "body": blanked})
    return True


def pages_about(store: Store, traces: Traces, *, national: str) -> list[int]:
    """The numbers of the pages that tell of somebody. national: the digits of their number."""
    after, told = -1, []
    while found := _pages(store, after, national):
        told += [page for page, body, _ in found if page_without(bytes(body), traces) is not None]
        after = found[-1][0]
    return told


def _pages(store: Store, after: int, national: str | None) -> list[Any]:
    asked: dict[str, Any] = {"after": after, "most": _PAGES_AT_ONCE}
    with store.read.connect() as connection:
        if national is None:
            return list(connection.execute(_statement("pages"), asked))
        name = "pages_with" if store.is_sqlite else "pages_with_on_postgresql"
        return list(connection.execute(_statement(name), {**asked, "digits": national.encode()}))


def page_without(body: bytes, traces: Traces) -> bytes | None:
    """The page without these people; None: it does not tell of them."""
    try:
        page = orjson.loads(body)
    except orjson.JSONDecodeError:
        told = any(traces.speaks_of(found.decode("ascii")) for found in _NUMBER.findall(body))
        return b"" if told else None
    if not isinstance(page, dict | list):
        return b"" if _is_number(page, traces) else None
    return orjson.dumps(page) if _blank(page, traces) else None


def _blank(page: Any, traces: Traces) -> bool:
    """Blank, in place, each record in which their number stands, however deep; whether there was one.

    A record is one of a list of objects, or what of the page stands in no such list.
    """
    lists = list(_lists_of_records(page))
    apart = {id(one) for one in lists}
    records = [page, *(record for one in lists for record in one)]
    told = [one for one in records if any(_is_number(leaf, traces) for leaf in _leaves(one, apart))]
    for one in told:
        _empty(one, traces, apart)
    return bool(told)


def _lists_of_records(value: Any) -> Iterator[list[Any]]:
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        yield value
    elif isinstance(value, dict | list):
        for one in _parts(value):
            yield from _lists_of_records(one)


def _leaves(value: Any, apart: set[int]) -> Iterator[Any]:
    if not isinstance(value, dict | list):
        yield value
    elif id(value) not in apart:
        for one in _parts(value):
            yield from _leaves(one, apart)


def _empty(value: Any, traces: Traces, apart: set[int]) -> None:
    """Texts become empty and numbers of theirs null; what else there is, such as times and states, says nothing of them."""
    if id(value) in apart:
        return
    for place in list(value) if isinstance(value, dict) else range(len(value)):
        one = value[place]
        if isinstance(one, dict | list):
            _empty(one, traces, apart)
        elif _is_number(one, traces):
            value[place] = None
        elif isinstance(one, str):
            value[place] = ""


def _parts(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _is_number(value: object, traces: Traces) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and traces.speaks_of(str(value))


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(f"forgotten/{name}"))
