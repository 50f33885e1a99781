"""A copy of a store in one instant, while others write to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from data.whole_files import whole_place


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a store as one commit left it into one private file that takes the place of `target`.

    Nobody waits: in WAL a reader holds no writer up, and the copy is one read. Raises sqlite3.Error, OSError.
    """
    with (
        whole_place(target) as draft,
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)) as origin,
        closing(sqlite3.connect(draft)) as copy,
    ):
        origin.backup(copy, pages=-1)  # in steps it would begin anew with every commit of another process
        copy.execute("pragma journal_mode = delete")  # what the copy holds stands in the one file
