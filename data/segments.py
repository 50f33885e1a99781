"""Segments: filters that are kept under a name, and the people who pass one at this moment."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import sqlalchemy as sa

from data.former_names import called_now, composed
from data.segment_names import check_names
from data.segment_sql import Compiled, compile_filter, compile_within
from data.sql import sql
from data.store.snapshot import one_snapshot
from messaging.definition import nearest
from messaging.errors import TidingsError
from messaging.masking import mask
from messaging.segment_filter import BadFilter, SegmentFilter, as_written, parse_filter

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.store.engine import Store

__all__ = [
    "Compiled",
    "Segment",
    "SegmentExists",
    "UnknownSegment",
    "all_segments",
    "compile_filter",
    "compile_within",
    "contacts_in_segment",
    "count_segment",
    "delete_segment",
    "find_segment",
    "has_only_simulated_runs",
    "has_segment",
    "people_in_segment",
    "read_segment",
    "save_segment",
    "segment_name",
]

CONTACTS_PER_CHUNK = 125_000
LONGEST_NAME = 100
_MOST_NAMES_SHOWN = 12


class UnknownSegment(TidingsError):
    """No segment has this name."""


class SegmentExists(TidingsError):
    """A segment of this name is there already, and nobody said that it is to be replaced."""


class BadSegmentName(TidingsError):
    """A name that nobody could write on a line again."""


class BrokenSegment(TidingsError):
    """A filter in the store that this version cannot read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A kept filter. changed_by: who saved it last."""

    name: str
    filter: SegmentFilter
    created_at: float
    changed_at: float
    changed_by: str


class SomePerson(NamedTuple):
    """Enough of a contact to see whether a filter means the right people; msisdn is masked."""

    contact: int
    msisdn: str
    region: str
    language: str | None


def save_segment(
    store: Store,
    name: str,
    segment: SegmentFilter,
    *,
    now: float,
    by: str,
    replace: bool = False,
    campaigns: Sequence[str] = (),
) -> bool:
    """Keep a filter under a name. Returns whether the name is new.

    campaigns: further names that it may speak of, beside those that have a run. Raises SegmentExists, BadSegmentName,
    UnknownName or UnknownList for a name in the filter that nobody knows.
    """
    told = {
        "segment": segment_name(name),
        "description": segment.description,
        "filter": orjson.dumps(as_written(segment)).decode(),
        "at": now,
        "by": by,
    }
    with store.write.begin() as connection:
        check_names(connection, segment, campaigns=campaigns)
        if connection.execute(_statement("save"), told).rowcount:
            return True
        if not replace:
            raise SegmentExists(
                f"there is a segment {told['segment']!r} already; --replace puts this filter in its place."
            )
        connection.execute(_statement("replace"), told)
        return False


def read_segment(store: Store, name: str) -> Segment:
    """Raises UnknownSegment, which names those there are, and BrokenSegment."""
    with store.read.connect() as connection:
        return find_segment(connection, name)


def find_segment(connection: Connection, name: str) -> Segment:
    """`read_segment` in the caller's transaction."""
    row = connection.execute(_statement("find"), {"segment": composed(name)}).first()
    if row is None:
        raise _unknown(connection, name)
    return _segment(row)


def has_segment(connection: Connection, name: str) -> bool:
    """Whether there is a segment of this name, readable or not."""
    return connection.execute(_statement("find"), {"segment": composed(name)}).first() is not None


def all_segments(store: Store) -> list[Segment]:
    """Every segment, by name. Raises BrokenSegment."""
    with store.read.connect() as connection:
        return [_segment(row) for row in connection.execute(_statement("all"))]


def delete_segment(store: Store, name: str) -> None:
    """Forget a filter; its people stay contacts. Raises UnknownSegment."""
    with store.write.begin() as connection:
        if not connection.execute(_statement("delete"), {"segment": composed(name)}).rowcount:
            raise _unknown(connection, name)


def count_segment(store: Store, segment: SegmentFilter, now: float) -> int:
    """How many contacts pass the filter at this instant. Raises UnknownList."""
    with one_snapshot(store) as connection:
        compiled = compile_within(connection, segment, now=now)
        return int(connection.execute(*_asked("count", compiled)).scalar_one())


def people_in_segment(store: Store, segment: SegmentFilter, now: float, *, most: int) -> list[SomePerson]:
    """A few who pass the filter, in contact order, their numbers masked. Raises UnknownList."""
    with one_snapshot(store) as connection:
        compiled = compile_within(connection, segment, now=now)
        rows = connection.execute(*_asked("some_people", compiled, most=most))
        return [SomePerson(row.contact, mask(row.msisdn), row.region, row.language) for row in rows]


def contacts_in_segment(
    store: Store, segment: SegmentFilter, now: float, *, per_chunk: int = CONTACTS_PER_CHUNK
) -> Iterator[list[int]]:
    """The numbers of the contacts that pass the filter, in order, all as of one instant. Raises UnknownList."""
    with one_snapshot(store) as connection:
        compiled = compile_within(connection, segment, now=now)
        streamed = connection.execution_options(stream_results=True).execute(*_asked("contacts", compiled))
        for chunk in streamed.scalars().partitions(per_chunk):
            yield list(chunk)


def has_only_simulated_runs(store: Store) -> bool:
    """Whether runs began to send, and each of them through a simulator."""
    with store.read.connect() as connection:
        return bool(connection.execute(_statement("only_simulated")).scalar_one())


def segment_name(name: str) -> str:
    """The name as it is kept. Raises BadSegmentName."""
    kept = composed(name)
    is_line = all(unicodedata.category(char)[0] != "C" for char in kept)
    if not kept or len(kept) > LONGEST_NAME or not is_line:
        raise BadSegmentName(
            f"the name of a segment has 1 to {LONGEST_NAME} characters and stands on one line (got {name[:40]!r})."
        )
    return kept


def _unknown(connection: Connection, name: str) -> UnknownSegment:
    known = [row.segment for row in connection.execute(_statement("all"))]
    renamed = called_now(connection, "segment", name)
    if renamed is not None and renamed.new in known:
        return UnknownSegment(f"there is no segment {name.strip()!r}; {renamed.in_words}")
    meant = nearest(name, known)
    shown = ", ".join(known[:_MOST_NAMES_SHOWN]) or "none"
    more = f" and {len(known) - _MOST_NAMES_SHOWN:,} more" if len(known) > _MOST_NAMES_SHOWN else ""
    hint = (
        f"did you mean {meant}?" if meant else f"known: {shown}{more}. `tidings segment add NAME` makes one."
    )
    return UnknownSegment(f"there is no segment {name.strip()!r}; {hint}")


def _segment(row: Any) -> Segment:
    try:
        segment = parse_filter(orjson.loads(row.filter))
    except (BadFilter, orjson.JSONDecodeError) as error:
        raise BrokenSegment(
            f"the filter of segment {row.segment!r} cannot be read ({error}); save it again with --replace."
        ) from None
    return Segment(
        name=row.segment,
        filter=segment,
        created_at=row.created_at,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
    )


def _asked(name: str, compiled: Compiled, **more: Any) -> tuple[sa.TextClause, dict[str, Any]]:
    text = sa.text(sql(f"segments/{name}").format(where=compiled.where, people=compiled.people))
    return text, {**compiled.parameters, **more}


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(f"segments/{name}"))
