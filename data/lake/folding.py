"""Folding: what was planned for a run's messages, joined with the last that is known of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from data.lake.files import write_tables
from data.lake.schemas import MESSAGES
from data.sql import sql
from data.whole_files import make_private_folder
from messaging.batches import batches_of_part, n_parts
from messaging.errors import TidingsError

MEMORY_LIMIT = "512MB"  # above it, DuckDB spills to the lake's folder .spill
ROWS_PER_GROUP = 100_000


class LakeFileError(TidingsError):
    """A file that the manifest names is gone or unreadable."""


def fold_messages(lake: Path, run: int, planned: Sequence[Path], events: Sequence[Path], path: Path) -> int:
    """Write MESSAGES of one run from its planned twin and the files with its events; returns the rows.

    Part by part, so that memory does not grow with the run. Raises LakeFileError.
    """
    spill = lake / ".spill"
    make_private_folder(spill)
    files = {"planned": [str(file) for file in planned], "events": [str(file) for file in events]}
    with duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "temp_directory": str(spill)}) as connection:
        try:
            return write_tables(_folded(connection, files, run), MESSAGES, path, cast=True)
        except duckdb.IOException as error:
            raise LakeFileError(
                f"run {run}: a file of the lake cannot be read ({str(error).splitlines()[0]}); "
                "put var/lake back from a backup. No message is affected."
            ) from None


def _folded(
    connection: duckdb.DuckDBPyConnection, files: Mapping[str, Sequence[str]], run: int
) -> Iterator[pa.RecordBatch]:
    planned = {"planned": files["planned"]}
    [(last_batch,)] = connection.execute(sql("lake/last_batch"), planned).fetchall()
    n_batches = 0 if last_batch is None else last_batch + 1
    for part in range(n_parts(n_batches)):
        batches = batches_of_part(part, n_batches)
        span = {"run": run, "first_batch": batches[0], "last_batch": batches[-1]}
        folded = connection.sql(sql("lake/fold"), params={**files, **span})
        rows: Any = folded.to_arrow_reader(ROWS_PER_GROUP)
        yield from rows
