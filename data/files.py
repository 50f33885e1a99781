"""The files of a run and their doors. They hold numbers and texts in clear, so only their owner may read them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    with whole_file(path) as file:
        pq.write_table(table, file, row_group_size=rows_per_group or max(frame.height, 1), compression="zstd")


def write_csv_for_people(frame: pl.DataFrame, path: Path) -> None:
    """UTF-8 with the mark that spreadsheets want; what they would run as a formula begins with an apostrophe."""
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    harmless = frame.with_columns(escaped(pl.col(name)).alias(name) for name in texts)
    with whole_file(path) as file:
        harmless.write_csv(file, include_bom=True)


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
