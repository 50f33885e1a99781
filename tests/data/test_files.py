import csv

import polars as pl
import pyarrow.parquet as pq
import pytest

from data.files import (
    RunFileError,
    RunFolder,
    lake_twin_path,
    read_batch,
    run_folder,
    write_csv_for_people,
    write_parquet,
)
from messaging.batches import BatchRef, plan_batches
from messaging.schemas import MESSAGES


def messages(n, batch_size):
    frame = plan_batches(pl.DataFrame({"ordinal": range(n)}), max_messages=batch_size)
    missing = [pl.lit(None).alias(name) for name in MESSAGES if name not in frame.columns]
    return frame.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in MESSAGES.items())


def test_a_row_group_is_a_batch_of_exactly_its_size(tmp_path):
    path = tmp_path / "000.parquet"
    write_parquet(messages(2501, 1000), path, rows_per_group=1000)
    metadata = pq.read_metadata(path)
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [1000, 1000, 501]


def test_a_batch_is_read_back_as_it_was_written(tmp_path):
    folder = RunFolder(tmp_path)
    frame = messages(25, 10)
    write_parquet(frame, folder.part_file(0), rows_per_group=10)
    for batch in range(3):
        found = read_batch(tmp_path, BatchRef(1, batch))
        assert found.equals(frame.filter(pl.col("batch") == batch))
        assert found.schema == MESSAGES


def test_a_batch_of_a_later_part_is_read_from_its_own_file(tmp_path):
    frame = messages(404, 2)
    later = frame.filter(pl.col("batch") >= 200)
    write_parquet(later, RunFolder(tmp_path).part_file(1), rows_per_group=2)
    assert read_batch(tmp_path, BatchRef(1, 201))["ordinal"].to_list() == [402, 403]


def test_a_missing_damaged_or_foreign_file_of_messages_is_refused(tmp_path):
    path = RunFolder(tmp_path).part_file(0)
    with pytest.raises(RunFileError, match="batch 3 of run 7"):
        read_batch(tmp_path, BatchRef(7, 3))
    write_parquet(messages(10, 10), path, rows_per_group=10)
    with pytest.raises(RunFileError, match="batch 3 of run 7"):
        read_batch(tmp_path, BatchRef(7, 3))
    write_parquet(messages(40, 10).filter(pl.col("batch") > 0), path, rows_per_group=10)
    with pytest.raises(RunFileError, match="holds other messages"):
        read_batch(tmp_path, BatchRef(7, 1))
    path.write_bytes(b"PAR1 but no more")
    with pytest.raises(RunFileError, match="backup"):
        read_batch(tmp_path, BatchRef(7, 0))


def test_a_spreadsheet_runs_nothing_from_a_csv_for_people(tmp_path):
    path = tmp_path / "rejects.csv"
    values = [
        "=HYPERLINK(1)",
        "@SUM(A1)",
        "-1+1",
        "+1+1",
        "\tx",
        "+447400123456",
        "plain",
        None,
        'with "quotes", and\nlines',
    ]
    write_csv_for_people(["row", "value"], [pl.DataFrame({"row": range(len(values)), "value": values})], path)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        read = [row["value"] for row in csv.DictReader(file)]
    assert read == [
        "'=HYPERLINK(1)",
        "'@SUM(A1)",
        "'-1+1",
        "'+1+1",
        "'\tx",
        "+447400123456",
        "plain",
        "",
        'with "quotes", and\nlines',
    ]


def test_where_the_files_of_a_run_lie(tmp_path):
    folder = run_folder(tmp_path, 42)
    assert folder.path == tmp_path / "runs" / "000042"
    assert folder.part_file(3) == folder.path / "batches" / "003.parquet"
    assert (
        lake_twin_path(tmp_path / "lake", "planned", 42)
        == tmp_path / "lake" / "planned" / "run-000042.parquet"
    )
