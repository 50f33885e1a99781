"""The files of a run and their doors. They hold numbers and texts in clear, so only their owner may read them."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data.whole_files import whole_file
from messaging.batches import BATCHES_PER_PART, BatchRef, part_of
from messaging.errors import TidingsError
from messaging.formula_cells import escaped


class RunFileError(TidingsError):
    """A file of a run is missing or is not what its plan wrote."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The frozen files of one run."""

    path: Path

    @property
    def rejects(self) -> Path:
        return self.path / "rejects.parquet"

    @property
    def rejects_csv(self) -> Path:
        return self.path / "rejects.csv"

    @property
    def excluded(self) -> Path:
        return self.path / "excluded.parquet"

    @property
    def audience(self) -> Path:
        return self.path / "audience.parquet"

    @property
    def plan_json(self) -> Path:
        return self.path / "plan.json"

    @property
    def quality_json(self) -> Path:
        return self.path / "quality.json"

    @property
    def quality_html(self) -> Path:
        return self.path / "quality.html"

    def part_file(self, part: int) -> Path:
        """The messages of one part: a row group per batch."""
        return self.path / "batches" / f"{part:03}.parquet"


def run_folder(var_dir: Path, run: int) -> RunFolder:
    return RunFolder(var_dir / "runs" / f"{run:06}")


def lake_twin_path(lake: Path, kind: str, run: int) -> Path:
    """Where the twin of a run's file lies in the lake; kind: planned | excluded | rejects."""
    return lake / kind / f"run-{run:06}.parquet"


def write_parquet(frame: pl.DataFrame, path: Path, *, rows_per_group: int | None = None) -> None:
    """Write a frame whole or not at all. rows_per_group: exactly so many rows in every row group but the last.

    Through pyarrow on purpose: Polars cuts a frame into groups of equal size, not of the size that was asked for.
    """
    table = _table(frame)
    with whole_file(path) as file:
        pq.write_table(
            table,
            file,
            row_group_size=rows_per_group or max(frame.height, 1),
            compression="zstd",
            store_schema=False,
        )


def write_parquet_chunks(chunks: Iterable[pl.DataFrame], schema: pl.Schema, path: Path) -> int:
    """Write frames of one schema as one file, whole or not at all, a row group each. Returns the number of rows."""
    n_rows = 0
    dictionaries, in_order = _looked_ahead(chunks, schema)
    with whole_file(path) as file, _writer(schema, file, dictionaries=dictionaries) as writer:
        for chunk in in_order:
            writer.write_table(_table(chunk), row_group_size=max(chunk.height, 1))
            n_rows += chunk.height
            del chunk  # or it would stay until the next one is there
    return n_rows


def write_batches(chunks: Iterable[pl.DataFrame], schema: pl.Schema, folder: RunFolder, *, size: int) -> None:
    """Write a run's messages, in their order, as a file per part with a row group per batch of `size` messages."""
    dictionaries, in_order = _looked_ahead(chunks, schema)
    in_parts = groupby(_cut_into_batches(in_order, size), key=lambda cut: part_of(cut[0]))
    for part, cuts in in_parts:
        with (
            whole_file(folder.part_file(part)) as file,
            _writer(schema, file, dictionaries=dictionaries) as writer,
        ):
            for _, messages in cuts:
                writer.write_table(_table(messages), row_group_size=size)


def _cut_into_batches(chunks: Iterable[pl.DataFrame], size: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """Frames of whole batches of one part each, with the number of their first batch; only the last may be short."""
    batch, rest = 0, None
    for chunk in chunks:
        waiting = chunk if rest is None else pl.concat([rest, chunk])
        while waiting.height >= size:
            n = min(waiting.height // size, BATCHES_PER_PART - batch % BATCHES_PER_PART)
            yield batch, waiting.head(n * size)
            batch, waiting = batch + n, waiting.slice(n * size)
        rest = waiting
    if rest is not None and rest.height:
        yield batch, rest


def _table(frame: pl.DataFrame) -> pa.Table:
    return frame.to_arrow(compat_level=pl.CompatLevel.newest())  # texts as Polars has them, not copied


def _writer(schema: pl.Schema, file: BinaryIO, *, dictionaries: list[str]) -> pq.ParquetWriter:
    as_arrow = _table(schema.to_frame()).schema
    # The least and the greatest of texts help nobody who looks for one, and cost a fifth of all the writing.
    numbers = [name for name, kind in schema.items() if kind != pl.String]
    return pq.ParquetWriter(
        file,
        as_arrow,
        compression="zstd",
        use_dictionary=dictionaries,
        write_statistics=numbers,
        store_schema=False,  # a reader shall have plain texts, not the kind that Polars keeps
    )


def _looked_ahead(
    chunks: Iterable[pl.DataFrame], schema: pl.Schema
) -> tuple[list[str], Iterator[pl.DataFrame]]:
    """The columns that a dictionary serves, by the first chunk; and all chunks, none kept once it is taken."""
    in_order = iter(chunks)
    first = [next(in_order, schema.to_frame())]
    return _repetitive(first[0]), _from(first, in_order)


def _from(first: list[pl.DataFrame], others: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    yield first.pop()
    yield from others


def _repetitive(frame: pl.DataFrame) -> list[str]:
    """The columns that a dictionary makes smaller: in vain it costs a third of all the writing."""
    n_distinct = frame.select(pl.all().approx_n_unique())
    return [name for name in frame.columns if n_distinct[name][0] * 4 < frame.height]


def write_csv_for_people(header: Sequence[str], chunks: Iterable[pl.DataFrame], path: Path) -> None:
    """UTF-8 with the mark that spreadsheets want; what they would run as a formula begins with an apostrophe.

    header: the names as people know them, one per column, repeated ones too.
    """
    names = pl.DataFrame([header], schema=[f"{place}" for place in range(len(header))], orient="row")
    with whole_file(path) as file:
        file.write(codecs.BOM_UTF8)
        for frame in (names, *chunks):
            frame.with_columns(escaped(pl.col(pl.String))).write_csv(file, include_header=False)


def read_batch(folder: Path, ref: BatchRef) -> pl.DataFrame:
    """The messages of one batch (MESSAGES), of which only its row group is read. folder: the run's.

    Raises RunFileError when the file is gone, or is not the one that the plan wrote.
    """
    path = RunFolder(folder).part_file(part_of(ref.batch))
    try:
        with pq.ParquetFile(path) as file:
            table: pa.Table = file.read_row_group(ref.batch % BATCHES_PER_PART)
    except (OSError, pa.ArrowException, IndexError) as error:
        raise RunFileError(
            f"{ref}: its messages cannot be read from {path} ({type(error).__name__}); "
            "put the run's folder back from a backup. Nothing was sent."
        ) from None
    messages = pl.DataFrame(pl.from_arrow(table))
    if not messages.height or (messages["batch"] != ref.batch).any():
        raise RunFileError(
            f"{ref}: {path} holds other messages; put it back from a backup. Nothing was sent."
        )
    return messages
