"""The source that a section of a campaign or an import names: a file, or one reading of a named connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from data.connections import read_connection
from data.readers import Source, open_connection, open_source
from messaging.errors import SourceError

if TYPE_CHECKING:
    from data.store.engine import Store
    from messaging.source_section import SourceSection


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
    )
    connection = read_connection(store, name, sealing_key=sealing_key)
    with open_connection(connection, wanted, folder=folder, rows_per_chunk=rows_per_chunk) as source:
        yield source
