"""The source of an import, read to its end: what its columns mean, its people by their person keys, its rejects."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from data.contacts.lists import Kind, list_name
from data.contacts.merging import known_attributes
from data.imports import ImportRecord, find_earlier
from data.readers import Source
from data.spool import Spool
from engine.audience_source import columns_of
from engine.parting import PartedSource
from messaging.columns import Columns, find_column
from messaging.errors import SourceError
from messaging.incoming import (
    INCOMING,
    STANDARD,
    Fields,
    fields_of,
    filled_attributes,
    n_unclear,
    read_incoming,
)

if TYPE_CHECKING:
    from data.store.engine import Store
    from messaging.import_file import ImportRequest

CELLS_AT_ONCE = 2_000_000


class ImportReading:
    """A source, what its columns mean, and once it was read its people and rejects."""

    def __init__(
        self, request: ImportRequest, source: Source, *, store: Store, key: bytes, folder: Path, now: float
    ) -> None:
        self.request = request
        self.source = source
        self.columns = columns_of(source, request.source)
        self.fields = _fields(source, self.columns, request)
        _refuse_unknown_fields(request, self.fields, source, store)
        self.names: list[tuple[Kind, str]] = [("tag", tag) for tag in request.tags]
        if request.list:
            self.names.append(("list", request.list))
        for kind, name in self.names:
            list_name(kind, name)  # raises before anything is read
        self.parted = PartedSource(source, self.columns, region=request.source.region, key=key, folder=folder)
        self.people = PeopleByKey(folder)
        self.earlier: ImportRecord | None = None
        self.filled: set[str] = set()  # attributes that somebody has a value of
        self._now = now
        self._n_neither = 0
        self._n_undated = 0

    def is_imported(self, store: Store, *, again: bool) -> bool:
        """Whether this very source is in the store already, and is not to be stored again."""
        if not again and self.earlier is None:
            self.earlier = find_earlier(store, self.fingerprint, name=self.request.name)
        return self.earlier is not None

    def read(self, tell: Callable[[int], None]) -> None:
        """Read the source to its end; tell: how many rows that are so far. Raises SourceError."""
        for contacts in self.parted.contacts():
            # Each cell is turned over a few times, all columns at once: of 300 columns fewer rows at a time.
            slices = contacts.iter_slices(max(CELLS_AT_ONCE // contacts.width, 1))
            read = [read_incoming(some, self.fields, now=self._now) for some in slices]
            incoming = pl.concat([pl.DataFrame(schema=INCOMING), *read])
            n_neither, n_undated = n_unclear(contacts, incoming, self.fields)
            self._n_neither += n_neither
            self._n_undated += n_undated
            self.filled |= filled_attributes(contacts, self.fields, besides=self.filled)
            self.people.add(incoming)
            del contacts, incoming  # or two chunks would be in memory at a time
            tell(self.source.n_rows)

    @property
    def fingerprint(self) -> str:
        """Of all that decides what an import does: the rows, how they are read and merged, and where they are put."""
        request = self.request
        where = {"file", "connection", "query", "path", "rows", "next", "next_parameter", "paginator"}
        parts = {
            "rows": self.source.fingerprint,
            "source": request.source.model_dump(mode="json", exclude=where),
            "list": request.list,
            "tags": sorted(request.tags),
            "consent": request.consent.model_dump(mode="json"),
            "merge": request.merge.model_dump(mode="json"),
        }
        # What an earlier version stored without suppressing anybody is another import.
        if self.columns.do_not_contact:
            parts["do_not_contact"] = list(self.columns.do_not_contact)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def notices(self) -> list[str]:
        """What a person should know, in sentences."""
        told = list(self.source.notices)
        if self.columns.opt_out is not None:
            told.append(
                f"{self.columns.in_words['opt_out']} counts for {self.request.consent.purpose} alone; "
                "a column do_not_contact, or `tidings suppress import`, keeps all texts from people."
            )
        if self.request.source.region is None and self.columns.region is None and not self.people.n_rows:
            told.append(
                "numbers written without a country need one: --region GB, or source.region in the import file"
            )
        if self._n_neither:
            told.append(
                f"{self._n_neither:,} cells of {self.columns.in_words['consent']} say neither yes nor no; "
                "nothing was taken from them."
            )
        if self._n_undated:
            told.append(
                f"{self._n_undated:,} times of consent could not be read, or have not come yet; write them such as "
                "2026-11-29 14:05. Theirs counts as given at no known time."
            )
        return told


def _fields(source: Source, columns: Columns, request: ImportRequest) -> Fields:
    def named(key: str, column: str | None) -> str | None:
        if column is None:
            return None
        return find_column(source.headers, column, setting=f"[consent] {key}", source=source.name)

    return fields_of(
        columns,
        consent_at=named("at", request.consent.at),
        evidence=named("evidence", request.consent.evidence),
    )


def _refuse_unknown_fields(request: ImportRequest, fields: Fields, source: Source, store: Store) -> None:
    """A misspelt field would be kept by nobody."""
    known = {*STANDARD, *fields.names}
    if set(request.merge.keep) <= known:
        return
    with store.read.connect() as connection:
        known |= known_attributes(connection)
    for name in request.merge.keep:
        if name not in known:
            raise SourceError(
                f"{source.name}: merge.keep names {name!r}, and no contact has such a field; it has: "
                f"{', '.join([*STANDARD, *fields.attributes])}. Correct [merge] keep, or --keep."
            )


class PeopleByKey:
    """People put aside so that all rows of a person come together, by the first digits of their person keys.

    So the store is changed from its front to its back, which costs a third of changing it all over. Few enough people
    to come at once stay in the order of their source.
    """

    PARTS = 32  # of a million people 31,000 each, of five million as many as a chunk has

    def __init__(self, folder: Path) -> None:
        self._first: pl.DataFrame | None = None
        self._spool = Spool(folder, schema=INCOMING)

    def add(self, people: pl.DataFrame) -> None:
        if self._first is None and not len(self._spool):
            self._first = people
            return
        if self._first is not None:
            self._put_aside(self._first)
            self._first = None
        self._put_aside(people)

    @property
    def n_rows(self) -> int:
        return self._spool.n_rows + (0 if self._first is None else self._first.height)

    @property
    def are_parted(self) -> bool:
        """Whether they come in another order than that of their source."""
        return self._first is None

    def __iter__(self) -> Iterator[pl.DataFrame]:
        """INCOMING: some people with all their rows, in source order."""
        if self._first is not None:
            yield self._first
        for part in range(self.PARTS if len(self._spool) else 0):
            yield pl.concat([self._spool[place] for place in range(part, len(self._spool), self.PARTS)])

    def _put_aside(self, people: pl.DataFrame) -> None:
        first_byte = people["person_key"].str.head(2).str.to_integer(base=16)
        parts = people.with_columns(part=first_byte // (256 // self.PARTS)).partition_by(
            "part", as_dict=True, include_key=False
        )
        for part in range(self.PARTS):
            self._spool.append(parts.get((part,), people.clear()))
