"""A source to people, in two passes of chunks: every row by itself, then every row beside all others.

The first pass parts contacts from rejects and keeps, in memory, 13 bytes of each row; what rows of one number mean for
each other is decided on these all at once. So the cost grows with the rows and the memory hardly does (design.md §8).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from data.readers import Source
from data.spool import Spool
from data.suppressions import SuppressedPeople
from engine.parting import PartedSource
from messaging.audience import WEIGHED, choose_audience, compare_rows, weigh_contacts
from messaging.columns import Columns
from messaging.schemas import CONTACTS


@dataclass(frozen=True, slots=True)
class Candidates:
    """Every row of a source, once: a contact or a reject.

    contacts: CONTACTS + person_key + the source's columns + Columns.fields. rejects: REJECTS; cells: RAW + the source's columns, row by
    row those of the rejects, null for a row that could not be cut into cells. weighed: of all contacts, with
    what `compare_rows` says.
    """

    contacts: Spool
    rejects: Spool
    cells: Spool
    weighed: pl.DataFrame

    def chosen(self, *, priced_regions: Collection[str]) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Chunk by chunk the people who may be texted, and the others as EXCLUDED + person_key."""
        n_before = 0
        for contacts in self.contacts:
            weighed = self.weighed.slice(n_before, contacts.height)
            n_before += contacts.height
            yield choose_audience(contacts, weighed, priced_regions=priced_regions)
            del contacts


def gather_candidates(
    source: Source,
    columns: Columns,
    *,
    region: str | None,
    consent_basis: Literal["recorded", "attested"] | None,
    suppressed: SuppressedPeople,
    key: bytes,
    folder: Path | None = None,
) -> Candidates:
    """The first pass; it reads the source to its end. region: as in split_contacts. key: that of person keys.

    folder: as in open_source. Raises SourceError when `region` is no country, and as Source.chunks does.
    """
    parted = PartedSource(source, columns, region=region, key=key, folder=folder)
    contacts, weighed = Spool(folder, schema=CONTACTS), Spool(folder, schema=WEIGHED)
    for people in parted.contacts():
        contacts.append(people)
        weighed.append(
            weigh_contacts(
                people, consent_basis=consent_basis, suppressed=suppressed.among(people["person_key"])
            )
        )
        del people  # or two chunks would be in memory at a time
    return Candidates(contacts, parted.rejects, parted.cells, _compared(weighed.frame))


def _compared(weighed: pl.DataFrame) -> pl.DataFrame:
    return weighed.drop("source_row", "number").hstack(compare_rows(weighed).get_columns())
