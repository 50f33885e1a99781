"""The lake's files on the disk: streamed in, tidied up, and one loader at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data.file_lock import only_one
from data.lake.schemas import EVENTS, MESSAGES, RUNS
from data.whole_files import whole_file
from messaging.schemas import EXCLUDED_TWIN, PLANNED_TWIN, REJECTS_TWIN

SCHEMAS = {
    "events": EVENTS,
    "messages": MESSAGES,
    "runs": RUNS,
    "planned": PLANNED_TWIN,
    "excluded": EXCLUDED_TWIN,
    "rejects": REJECTS_TWIN,
}
LOCK_FILE = ".loader.lock"


def only_loader(lake: Path) -> AbstractContextManager[bool]:
    """True: nobody else loads this lake until the block ends. False: somebody does."""
    return only_one(lake / LOCK_FILE)


def file_of_export(kind: str, export: int, run: int | None = None) -> str:
    """Relative to the lake. The number alone makes it unique, so a repeat overwrites what a crash left."""
    return f"{kind}/{export:09}.parquet" if run is None else f"{kind}/run-{run:06}-{export:09}.parquet"


def write_frames(frames: Iterable[pl.DataFrame], schema: pl.Schema, path: Path) -> int:
    """Stream frames of one schema into a whole file, a row group each; returns the rows."""
    tables = (frame.to_arrow(compat_level=pl.CompatLevel.oldest()) for frame in frames)
    return write_tables(tables, schema, path)


def write_tables(
    tables: Iterable[pa.Table | pa.RecordBatch], schema: pl.Schema, path: Path, *, cast: bool = False
) -> int:
    """The same from Arrow. cast: the columns' types are near those of the schema, not equal."""
    shape = _arrow(schema)
    n_rows = 0
    with whole_file(path) as file, pq.ParquetWriter(file, shape, compression="zstd") as writer:
        for piece in tables:
            table = pa.Table.from_batches([piece]) if isinstance(piece, pa.RecordBatch) else piece
            writer.write_table(table.cast(shape) if cast else table)
            n_rows += piece.num_rows
    return n_rows


def read_tables(paths: Sequence[Path]) -> Iterator[pa.Table]:
    """The row groups of several files, one after another; small ones are put together to some 100,000 rows."""
    waiting: list[pa.Table] = []
    for path in paths:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                waiting.append(file.read_row_group(group))
                if sum(table.num_rows for table in waiting) >= 100_000:
                    yield pa.concat_tables(waiting).combine_chunks()
                    waiting = []
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()


def empty_file(lake: Path, kind: str) -> Path:
    """A file of this kind without rows, for as long as there is none with any: a view needs at least one file."""
    path = lake / "empty" / f"{kind}.parquet"
    schema = SCHEMAS[kind]
    if not path.exists() or pl.read_parquet_schema(path) != dict(schema):
        write_frames([schema.to_frame()], schema, path)
    return path


def remove_strangers(lake: Path, known: set[str], *, older_than: float) -> list[str]:
    """Delete files that nobody names and that nobody has written since that instant; returns them.

    known: relative to the lake. A plan writes its twins before the commit that names them, hence the age.
    """
    strangers = [
        path
        for folder in ("events", "messages", "runs", "planned", "excluded", "rejects")
        for path in sorted((lake / folder).glob("*"))
        if f"{folder}/{path.name}" not in known and path.stat().st_mtime < older_than
    ]
    for path in strangers:
        path.unlink()
    return [str(path.relative_to(lake)) for path in strangers]


def _arrow(schema: pl.Schema) -> pa.Schema:
    return schema.to_frame().to_arrow(compat_level=pl.CompatLevel.oldest()).schema
