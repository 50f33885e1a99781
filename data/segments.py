"""Segments: filters that are kept under a name, and the people who pass one at this moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data.segment_sql import Compiled, compile_filter, compile_within
from data.sql import sql
from data.store.snapshot import one_snapshot

if TYPE_CHECKING:
    from data.store.engine import Store
    from messaging.segment_filter import SegmentFilter

__all__ = ["Compiled", "compile_filter", "compile_within", "contacts_in_segment", "count_segment"]

CONTACTS_PER_CHUNK = 125_000


def count_segment(store: Store, segment: SegmentFilter, now: float) -> int:
    """How many contacts pass the filter at this instant. Raises UnknownList."""
    with one_snapshot(store) as connection:
        compiled = compile_within(connection, segment, now=now)
        text = sa.text(sql("segments/count").format(where=compiled.where))
        return int(connection.execute(text, compiled.parameters).scalar_one())


def contacts_in_segment(
    store: Store, segment: SegmentFilter, now: float, *, per_chunk: int = CONTACTS_PER_CHUNK
) -> Iterator[list[int]]:
    """The numbers of the contacts that pass the filter, in order, all as of one instant. Raises UnknownList."""
    with one_snapshot(store) as connection:
        compiled = compile_within(connection, segment, now=now)
        text = sa.text(sql("segments/contacts").format(where=compiled.where))
        streamed = connection.execution_options(stream_results=True).execute(text, compiled.parameters)
        for chunk in streamed.scalars().partitions(per_chunk):
            yield list(chunk)
