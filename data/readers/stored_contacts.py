"""People of the store as a source: everybody in a list, a tag or a segment, in contact order, as of one instant.

They are contacts already, so none of them is a reject: a number that libphonenumber calls valid no longer, or writes
otherwise, has the type NO_LONGER_VALID and leaves its person out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import polars as pl
import sqlalchemy as sa

from data.behaviour import runs_to_come
from data.contacts.lists import list_id
from data.former_names import Kind, identity_of
from data.readers.grid import filled_cells
from data.segments import compile_within, find_segment
from data.spool import ROWS_OF_A_CHUNK, Spool, chunks_of
from data.sql import sql
from data.store.plain_rows import plain_rows
from data.store.snapshot import one_snapshot
from messaging.columns import Columns
from messaging.errors import SourceError
from messaging.field_words import FIELDS
from messaging.msisdn import parse_phones
from messaging.phone_rules import NO_LONGER_VALID
from messaging.schemas import CONTACTS, RAW, REJECTS, RESERVED
from messaging.segment_filter import asks_for

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, CursorResult

    from data.store.engine import Store
    from messaging.segment_filter import SegmentFilter

_AS_STORED = pl.Schema(
    {
        "person_key": pl.String,
        "msisdn": pl.String,
        "region": pl.String,
        "external_id": pl.String,
        "first_name": pl.String,
        "last_name": pl.String,
        "language": pl.String,
        "time_zone": pl.String,
        "attributes": pl.String,
    }
)
_CONTENT = ("msisdn", "external_id", *FIELDS, "attributes")
_ROWS_AT_ONCE = 25_000  # what the fingerprint is taken of at a time, so it never changes


class StoredContacts:
    """One reading of stored people: n_rows and fingerprint are complete once `contacts` came to its end.

    headers: names for templates → as the first source wrote them. source_row is the place in contact order, from 1.
    fingerprint: SHA-256 of everybody's number, fields and attributes, in order. identity: which people these are,
    whatever is known of them at the moment.
    """

    hollow: list[str]
    notices: list[str]
    copies: Mapping[str, str] = MappingProxyType({})  # no column repeats another one

    def __init__(
        self,
        rows: CursorResult[Any],
        attributes: Mapping[str, str],
        *,
        kind: Kind,
        name: str,
        rows_per_chunk: int = ROWS_OF_A_CHUNK,
    ) -> None:
        self._rows = rows
        self._attributes = list(attributes)
        self._rows_per_chunk = rows_per_chunk
        self._digest = hashlib.sha256()
        self.name = name
        self._identity = identity_of(kind, name)
        self.hollow, self.notices = [], []
        self.read_as = f"stored {kind}"
        self.headers = {**{field: field for field in FIELDS}, **attributes}
        self.columns = Columns(phone="msisdn", headers={"msisdn": "as stored"})
        self.rejects, self.cells = Spool(schema=REJECTS), Spool(schema=RAW)
        self.n_rows = 0

    def contacts(self) -> Iterator[pl.DataFrame]:
        """CONTACTS + person_key + the fields and attributes. Nobody has a consent: what they agreed to is stored apart.

        Raises SourceError when nobody is among them.
        """
        for stored in chunks_of(self._pieces(), rows=self._rows_per_chunk):
            first = self.n_rows + 1
            self.n_rows += stored.height
            yield self._as_contacts(stored, first)
            del stored  # or two chunks would be in memory at a time
        if not self.n_rows:
            raise SourceError(
                f"nobody is in the {self.read_as.removeprefix('stored ')} {self.name!r}. Nothing was planned."
            )

    @property
    def fingerprint(self) -> str:
        return self._digest.hexdigest()

    @property
    def identity(self) -> str:
        return self._identity

    def _pieces(self) -> Iterator[pl.DataFrame]:
        for rows in plain_rows(self._rows, _ROWS_AT_ONCE):
            piece = pl.DataFrame(rows, schema=_AS_STORED, orient="row")
            _add_content(self._digest, piece.select(_CONTENT))
            yield piece
            del rows, piece

    def _as_contacts(self, stored: pl.DataFrame, first: int) -> pl.DataFrame:
        numbers = _numbers(stored)
        rows = pl.int_range(first, first + stored.height, dtype=pl.UInt32, eager=True).alias("source_row")
        taken = stored.with_columns(
            rows,
            *numbers.get_columns(),
            *_filled("external_id", *FIELDS),
            consent=pl.lit(None, dtype=pl.String),
        )
        attributes = self._decoded(stored["attributes"])
        return taken.select(*CONTACTS, "person_key", *FIELDS).hstack(attributes)

    def _decoded(self, attributes: pl.Series) -> list[pl.Series]:
        if not self._attributes:
            return []
        kind = pl.Struct(dict.fromkeys(self._attributes, pl.String()))
        try:
            decoded = attributes.str.json_decode(kind)
        except pl.exceptions.PolarsError:  # its words quote the value
            raise SourceError(
                f"{self.name}: the attributes of a contact are no texts by name; import them again."
            ) from None
        return decoded.struct.unnest().select(_filled(*self._attributes)).get_columns()


@contextmanager
def open_stored_contacts(
    store: Store,
    kind: Kind,
    name: str,
    *,
    now: float,
    rows_per_chunk: int = ROWS_OF_A_CHUNK,
) -> Iterator[StoredContacts]:
    """Everybody who is in it at this instant; who writes meanwhile neither waits nor is seen.

    Raises UnknownList and UnknownSegment, which name those there are.
    """
    with one_snapshot(store) as connection:
        attributes = _attributes(connection)
        with _rows(connection, kind, name, now) as rows:
            stored = StoredContacts(rows, attributes, kind=kind, name=name, rows_per_chunk=rows_per_chunk)
            if kind == "segment":
                stored.notices += _about_behaviour(store, find_segment(connection, name).filter, name)
            yield stored


def _about_behaviour(store: Store, segment: SegmentFilter, name: str) -> list[str]:
    """Whoever is texted by a run at this moment counts as somebody who was not; so does everybody who clicked."""
    asked = asks_for(segment)
    runs = runs_to_come(store, simulated=segment.simulated) if asked else []
    said = []
    if runs:
        numbers = ", ".join(map(str, runs))
        said.append(
            f"{name} asks what people did, and not all is known yet of run {numbers}: people whom it texts, or has just "
            "texted, may be among these. Plan again once it is over and the analytics were loaded"
        )
    if "clicked" in asked:
        said.append(
            f"{name} asks who clicked; clicks are not recorded yet, so nobody counts as having clicked"
        )
    return said


def _rows(connection: Connection, kind: Kind, name: str, now: float) -> CursorResult[Any]:
    if kind == "segment":
        compiled = compile_within(connection, find_segment(connection, name).filter, now=now)
        text = sql("stored_contacts/of_segment").format(where=compiled.where)
        asked = compiled.parameters
    else:
        text = sql("stored_contacts/of_list")
        asked = {"list": list_id(connection, kind, name)}
    return connection.execution_options(stream_results=True).execute(sa.text(text), asked)


def _attributes(connection: Connection) -> dict[str, str]:
    """Name → header, without those that would stand in the place of a column of ours."""
    ours = RESERVED.union(FIELDS)
    found = connection.execute(sa.text(sql("stored_contacts/attributes")))
    return {name: header for name, header in found if name not in ours and name.isidentifier()}


def _numbers(stored: pl.DataFrame) -> pl.DataFrame:
    """Region and number_type by today's metadata. A number that it reads as another one would be somebody else's."""
    today = parse_phones(stored["msisdn"], None)
    is_valid = (today["msisdn"] == stored["msisdn"]).fill_null(value=False)
    return (
        pl.DataFrame({"region_then": stored["region"], "is_valid": is_valid})
        .hstack(today.select("region", "number_type"))
        .select(
            region=pl.when("is_valid").then("region").otherwise("region_then"),
            number_type=pl.when("is_valid").then("number_type").otherwise(pl.lit(NO_LONGER_VALID)),
        )
    )


def _filled(*names: str) -> list[pl.Expr]:
    return [filled_cells(pl.col(name)).alias(name) for name in names]


def _add_content(digest: Any, content: pl.DataFrame) -> None:
    """All cells, column by column: where each of them ends, and all of them on end, as Arrow lays them out."""
    for column in content.fill_null("").to_arrow(compat_level=pl.CompatLevel.oldest()).itercolumns():
        for buffer in column.combine_chunks().buffers()[1:]:
            digest.update(buffer or b"")
