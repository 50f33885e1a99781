"""The names in a segment's filter, looked up before it is kept: a misspelt one would mean nobody, or everybody."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data.contacts.lists import list_id
from data.sql import sql
from messaging.definition import nearest
from messaging.errors import TidingsError
from messaging.segment_filter import (
    STANDARD_FIELDS,
    Behaviour,
    FieldCondition,
    Membership,
    SegmentFilter,
    leaves,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_MOST_NAMES_SHOWN = 12
_MEANT = {
    "country": 'the country of a number is { country = "GB" }',
    "tag": 'a tag is { tag = "…" }',
    "list": 'a list is { list = "…" }',
}


class UnknownName(TidingsError):
    """An attribute, a campaign or a run that nobody knows."""


def check_names(connection: Connection, segment: SegmentFilter, *, campaigns: Sequence[str] = ()) -> None:
    """Raise UnknownName or UnknownList for the first name that nobody knows. campaigns: beside those that have a run."""
    attributes: dict[str, str] | None = None
    for condition in leaves(segment):
        match condition:
            case Membership():
                list_id(connection, condition.kind, condition.name)
            case FieldCondition() if condition.field not in STANDARD_FIELDS:
                if attributes is None:
                    attributes = {
                        row.attribute: row.header for row in connection.execute(_statement("attributes"))
                    }
                if condition.field not in attributes:
                    raise UnknownName(_no_attribute(condition.field, attributes))
            case Behaviour():
                _check_past(connection, condition, campaigns)
            case _:
                pass


def _no_attribute(name: str, attributes: dict[str, str]) -> str:
    said = f"no contact has an attribute {name!r}; "
    by_header = {header.casefold(): attribute for attribute, header in attributes.items()}
    meant = by_header.get(name.casefold()) or nearest(name, [*attributes, *STANDARD_FIELDS])
    if meant:
        return f"{said}did you mean {meant}?"
    if name in _MEANT:
        return f"{said}{_MEANT[name]}."
    return f"{said}known: {_listed([*STANDARD_FIELDS, *attributes])}."


def _check_past(connection: Connection, condition: Behaviour, campaigns: Sequence[str]) -> None:
    past = condition.past
    if (
        isinstance(past.run, int)
        and not connection.execute(_statement("has_run"), {"run": past.run}).scalar_one()
    ):
        raise UnknownName(f"there is no run {past.run}; `tidings runs` lists the latest.")
    if past.campaign is None or past.campaign in campaigns:
        return
    known = list(connection.execute(_statement("campaigns")).scalars())
    if past.campaign not in known:
        known = sorted({*known, *campaigns})
        meant = nearest(past.campaign, known)
        hint = f"did you mean {meant}?" if meant else f"known: {_listed(known)}."
        raise UnknownName(f"there is no campaign {past.campaign!r}; {hint}")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES_SHOWN:,} more" if len(names) > _MOST_NAMES_SHOWN else ""
    return (", ".join(names[:_MOST_NAMES_SHOWN]) or "none") + more


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(f"segments/{name}"))
