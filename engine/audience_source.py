"""The source that a section of a campaign or an import names: a file, or one reading of a named connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from data.connections import read_connection
from data.readers import Source, open_connection, open_source
from data.readers.stored_contacts import StoredContacts, open_stored_contacts
from engine.parting import PartedSource
from messaging.columns import Columns, choose_columns
from messaging.errors import SourceError

if TYPE_CHECKING:
    from data.keys import Keys
    from data.store.engine import Store
    from messaging.campaign import Campaign
    from messaging.source_section import SourceSection


@contextmanager
def open_people(
    campaign: Campaign,
    *,
    base: Path,
    store: Store | None,
    keys: Keys,
    folder: Path | None,
    rows_per_chunk: int,
) -> Iterator[tuple[Source | StoredContacts, PartedSource | StoredContacts]]:
    """The source of a campaign, and its contacts: for stored people both are the same. Otherwise as open_audience."""
    audience = campaign.audience
    if audience.stored is not None:
        kind, name = audience.stored
        if store is None:
            raise SourceError(f"{name}: a {kind} is known to a store only, and there is none.")
        with open_stored_contacts(
            store, kind, name, now=store.now(), rows_per_chunk=rows_per_chunk
        ) as stored:
            yield stored, stored
        return
    with open_audience(
        audience,
        base=base,
        store=store,
        sealing_key=keys.sealing,
        folder=folder,
        rows_per_chunk=rows_per_chunk,
    ) as source:
        columns = columns_of(source, audience)
        yield (
            source,
            PartedSource(source, columns, region=audience.region, key=keys.person, folder=folder),
        )


def columns_of(source: Source, told: SourceSection) -> Columns:
    """The columns that a section names, and those that are recognised."""
    return choose_columns(
        source.headers,
        phone=told.phone,
        region=told.country,
        consent=told.consent,
        external_id=told.external_id,
        fields=told.fields,
        source=source.name,
    )


@contextmanager
def open_audience(
    audience: SourceSection,
    *,
    base: Path,
    store: Store | None,
    sealing_key: bytes,
    folder: Path | None,
    rows_per_chunk: int,
) -> Iterator[Source]:
    """base: the folder that files are relative to. store None: no connection is known. Raises as open_source does."""
    if audience.file is not None:
        with open_source(
            base / Path(audience.file).expanduser(),
            separator=audience.separator,
            encoding=audience.encoding,
            sheet=audience.sheet,
            folder=folder,
            rows_per_chunk=rows_per_chunk,
        ) as source:
            yield source
        return
    name = str(audience.connection)
    if store is None:
        raise SourceError(f"{name}: a connection is known to a store only, and there is none.")
    from data.readers.http_pages import Pages  # brings a network library, which a file needs nothing of

    wanted = audience.query or Pages(
        path=str(audience.path),
        rows=audience.rows,
        next=audience.next,
        next_parameter=audience.next_parameter,
        paginator=audience.paginator,
    )
    connection = read_connection(store, name, sealing_key=sealing_key)
    with open_connection(connection, wanted, folder=folder, rows_per_chunk=rows_per_chunk) as source:
        yield source
