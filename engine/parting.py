"""Every row of a source by itself: it is somebody with a number, or a reject beside the cells that a person mends.

Planning and importing part a source alike, so that the same file has the same rejects in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Protocol

import polars as pl

from data.files import write_csv_for_people
from data.readers import Source
from data.spool import Spool
from messaging.audience import in_source_order
from messaging.columns import Columns
from messaging.contacts import split_contacts
from messaging.schemas import RAW, REJECTS
from messaging.sealed import person_keys


class WithRejects(Protocol):
    """What has rejects to mend: REJECTS, row by row the cells of the source, and its headers (cleaned → as written)."""

    @property
    def rejects(self) -> Iterable[pl.DataFrame]: ...
    @property
    def cells(self) -> Iterable[pl.DataFrame]: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


class PartedSource:
    """One reading of a source. rejects and cells are complete once `contacts` came to its end.

    rejects: REJECTS; cells: RAW + the source's columns, row by row those of the rejects, null for a row that could not
    be cut into cells. region and folder: as in split_contacts and open_source. key: that of person keys.
    """

    def __init__(
        self, source: Source, columns: Columns, *, region: str | None, key: bytes, folder: Path | None = None
    ) -> None:
        self._source = source
        self.columns = columns
        self._region = region
        self._key = key
        self._folder = folder
        self.rejects = Spool(folder, schema=REJECTS)
        self.cells = Spool(folder, schema=RAW)

    @property
    def copies(self) -> Mapping[str, str]:
        """Of what `contacts` gives: the column of the source that a column of ours repeats."""
        return self.columns.copies

    @property
    def headers(self) -> Mapping[str, str]:
        hollow = set(self._source.hollow)
        return {name: written for name, written in self._source.headers.items() if name not in hollow}

    def contacts(self) -> Iterator[pl.DataFrame]:
        """CONTACTS + person_key + the source's columns + Columns.fields, chunk by chunk, in source order.

        Raises SourceError when the region is no country, and as Source.chunks does.
        """
        for raw in self._source.chunks():
            people, without_number = split_contacts(raw, self.columns, region=self._region)
            if without_number.height:
                self.rejects.append(without_number)
                self.cells.append(raw[raw["source_row"].search_sorted(without_number["source_row"])])
            del raw, without_number  # or two chunks would be in memory at a time
            yield people.with_columns(
                person_keys(self._key, people["msisdn"]),
                *(pl.col(column).alias(name) for name, column in self.columns.fields.items()),
            )
            del people
        self.add_rejects(self._source.rejects)

    def add_rejects(self, others: pl.DataFrame) -> None:
        """Put rows without cells to mend among the rejects, in source order. others: REJECTS, in source order."""
        if others.is_empty():
            return
        together, beside = Spool(self._folder, schema=REJECTS), Spool(self._folder, schema=RAW)
        last = (others.clear(), self._source.frame_of_nobody())
        for some, raw in chain(zip(self.rejects, self.cells, strict=True), [last]):
            is_here = (
                others["source_row"] <= some["source_row"].max()
                if some.height
                else others["source_row"].is_not_null()
            )
            merged = in_source_order(others.filter(is_here), some)
            together.append(merged)
            beside.append(
                merged.select("source_row").join(raw, on="source_row", how="left", maintain_order="left")
            )
            others = others.filter(~is_here)
        self.rejects, self.cells = together, beside


def write_rejects(of: WithRejects, path: Path) -> None:
    """The rejects as a CSV that a person mends and gives as a source; only its owner may read it."""
    write_csv_for_people([*REJECTS, *of.headers.values()], _rejects_to_mend(of), path)


def _rejects_to_mend(of: WithRejects) -> Iterator[pl.DataFrame]:
    """REJECTS and the source's own columns: a person corrects the cell in its place and gives the file as a source."""
    for rejects, cells in zip(of.rejects, of.cells, strict=True):
        beside = cells.select(pl.col(list(of.headers)).name.prefix("cell "))
        yield rejects.hstack(beside.get_columns())
