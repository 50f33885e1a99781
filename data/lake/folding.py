"""Folding: what was planned for a run's messages, joined with the last that is known of each; and what that changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from data.behaviour import Behaved
from data.lake.files import empty_file, write_tables
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
    with readable(f"run {run}: "), _connected(spill) as connection:
        return write_tables(_folded(connection, files, run), MESSAGES, path, cast=True)


def changed_behaviour(lake: Path, run: int, newer: Path, older: Sequence[Path]) -> Iterator[Behaved]:
    """For whom the newer messages file of a run says another thing than the older one, in the order of their keys.

    older: the files that behaviour was filled from; none: it knows nothing of the run. Raises LakeFileError.
    """
    spill = lake / ".spill"
    make_private_folder(spill)
    files = {
        "newer": [str(newer)],
        "older": [str(file) for file in older] or [str(empty_file(lake, "messages"))],
    }
    with readable(f"run {run}: "), _connected(spill) as connection:
        changed = connection.execute(sql("lake/behaviour"), files)
        while rows := changed.fetchmany(ROWS_PER_GROUP):
            yield from map(Behaved._make, rows)


def _connected(spill: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "temp_directory": str(spill)})


@contextmanager
def readable(of: str = "") -> Iterator[None]:
    """Raises LakeFileError for a file that DuckDB cannot read. of: what it is about, such as 'run 7: '."""
    try:
        yield
    except duckdb.IOException as error:
        raise LakeFileError(
            f"{of}a file of the lake cannot be read ({str(error).splitlines()[0]}); "
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
