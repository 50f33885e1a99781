"""A source to people, in two passes of chunks: every row by itself, then every row beside all others.

The first pass parts contacts from rejects and keeps, in memory, 13 bytes of each row; what rows of one number mean for
each other is decided on these all at once. So the cost grows with the rows and the memory hardly does (design.md §8).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from data.spool import Spool
from data.suppressions import SuppressedPeople
from engine.consent import RestingOn
from messaging.audience import EVERYBODY, WEIGHED, Reach, choose_audience, compare_rows, weigh_contacts
from messaging.schemas import CONTACTS


@dataclass(frozen=True, slots=True)
class Candidates:
    """Every row of a source, once: a contact or a reject.

    contacts: CONTACTS + person_key + the source's columns + Columns.fields, and what the store knows of their consent.
    rejects: REJECTS; cells: RAW + the source's columns, row by row those of the rejects, null for a row that could not
    be cut into cells. weighed: of all contacts, with what `compare_rows` says.
    """

    contacts: Spool
    rejects: Spool
    cells: Spool
    weighed: pl.DataFrame
    resting: RestingOn

    def chosen(self, *, priced_regions: Collection[str]) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Chunk by chunk the people who may be texted, with CONSENT_OF_A_MESSAGE, and the others as EXCLUDED + person_key."""
        n_before = 0
        for contacts in self.contacts:
            weighed = self.weighed.slice(n_before, contacts.height)
            n_before += contacts.height
            people, others = choose_audience(contacts, weighed, priced_regions=priced_regions)
            del contacts  # or two chunks would be in memory at a time
            yield self.resting.of(people), others
            del people, others


class People(Protocol):
    """One reading of a source: engine.parting.PartedSource, or data.readers.stored_contacts.StoredContacts."""

    @property
    def rejects(self) -> Spool: ...
    @property
    def cells(self) -> Spool: ...
    @property
    def copies(self) -> Mapping[str, str]: ...
    def contacts(self) -> Iterator[pl.DataFrame]: ...


def gather_candidates(
    people: People,
    *,
    resting: RestingOn,
    suppressed: SuppressedPeople,
    reach: Reach = EVERYBODY,
    folder: Path | None = None,
) -> Candidates:
    """The first pass; it reads the source to its end. folder: as in open_source. Raises what People.contacts raises."""
    kept = Spool(folder, schema=CONTACTS, copies=people.copies)
    weighed = [WEIGHED.to_frame()]
    for contacts in people.contacts():
        contacts = resting.known(contacts)  # noqa: PLW2901 - or two chunks would be in memory at a time
        kept.append(contacts)
        weighed.append(
            weigh_contacts(
                resting.of(contacts),
                needs_yes=resting.needs_yes,
                suppressed=suppressed.among(contacts["person_key"]),
                reach=reach,
            )
        )
        del contacts
    return Candidates(kept, people.rejects, people.cells, _compared(pl.concat(weighed)), resting)


def _compared(weighed: pl.DataFrame) -> pl.DataFrame:
    return weighed.drop("source_row", "number").hstack(compare_rows(weighed).get_columns())
