"""Folding: what was planned for a run's messages, joined with the last that is known of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from data.lake.files import write_tables
from data.lake.schemas import MESSAGES
from data.sql import sql
from data.whole_files import make_private_folder
from messaging.errors import TidingsError

MEMORY_LIMIT = "1GB"  # above it, DuckDB spills to the lake's folder .spill
ROWS_PER_GROUP = 100_000


class LakeFileError(TidingsError):
    """A file that the manifest names is gone or unreadable."""


def fold_messages(lake: Path, run: int, planned: Sequence[Path], events: Sequence[Path], path: Path) -> int:
    """Write MESSAGES of one run from its planned twin and the files with its events; returns the rows.

    Raises LakeFileError.
    """
    spill = lake / ".spill"
    make_private_folder(spill)
    with duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "temp_directory": str(spill)}) as connection:
        try:
            files = {
                "planned": [str(file) for file in planned],
                "events": [str(file) for file in events],
            }
            folded = connection.sql(sql("lake/fold"), params=files | {"run": run})
            rows: Any = folded.to_arrow_reader(ROWS_PER_GROUP)
            return write_tables(rows, MESSAGES, path, cast=True)
        except duckdb.IOException as error:
            raise LakeFileError(
                f"run {run}: a file of the lake cannot be read ({str(error).splitlines()[0]}); "
                "put var/lake back from a backup. No message is affected."
            ) from None
