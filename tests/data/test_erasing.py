from __future__ import annotations

import csv

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.erasing import (
    KEPT_OF_AUDIENCE,
    KEPT_OF_REJECTS,
    erase_parquet,
    erase_rejects,
    finds,
    of_lake,
    of_person,
    of_rejects,
    rejects_about,
    rows_about,
    rows_of_rejects,
)
from data.files import write_csv_for_people, write_parquet
from messaging.schemas import REJECTS
from messaging.traces import Traces, trace_of

KEY = b"k" * 32
ANN = "+447400123456"
TRACES = Traces(KEY, [trace_of(KEY, ANN, external_ids=["C-1"])])
[HERS] = TRACES.person_keys

AUDIENCE = pl.Schema(
    {"ordinal": pl.UInt32, "source_row": pl.UInt32, "msisdn": pl.String, "person_key": pl.String, "region": pl.String,
     "anything": pl.String, "score": pl.Float64}
)  # fmt: skip
PEOPLE = st.lists(st.tuples(st.booleans() | st.none(), st.text(max_size=3)), max_size=12)


def audience(people):
    """is_hers (None: no key at all), and whatever a source said."""
    keys = {True: HERS, False: "f" * 32, None: None}
    return pl.DataFrame(
        [(n, n + 2, ANN, keys[is_hers], "GB", said, 1.5) for n, (is_hers, said) in enumerate(people)],
        schema=AUDIENCE,
        orient="row",
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=PEOPLE, size=st.integers(1, 4))
def test_her_columns_are_blank_and_everything_else_is_as_it_was(tmp_path, people, size):
    path = tmp_path / "audience.parquet"
    before = audience(people)
    write_parquet(before, path, rows_per_group=size)
    groups = [
        pq.ParquetFile(path).metadata.row_group(n).num_rows
        for n in range(pq.ParquetFile(path).num_row_groups)
    ]
    kind = of_person(TRACES, kept=KEPT_OF_AUDIENCE)
    is_hers = pl.Series([one is True for one, _ in people], dtype=pl.Boolean)
    told = pl.concat([before.clear(), *rows_about(path, kind)])
    assert told.equals(before.filter(is_hers))
    assert finds(path, kind) is bool(is_hers.any())
    bytes_before = path.read_bytes()
    assert erase_parquet(path, kind) == is_hers.sum()
    after = pl.read_parquet(path)
    assert after.schema == before.schema
    assert after.filter(~is_hers).equals(before.filter(~is_hers))
    hers = after.filter(is_hers)
    assert hers.select("ordinal", "source_row", "region").equals(
        before.filter(is_hers).select("ordinal", "source_row", "region")
    )
    assert all(
        hers[name].null_count() == hers.height for name in ("msisdn", "person_key", "anything", "score")
    )
    file = pq.ParquetFile(path)
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == groups
    if not is_hers.any():
        assert path.read_bytes() == bytes_before
    assert HERS.encode() not in path.read_bytes()
    assert erase_parquet(path, kind) == 0


def test_a_failure_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "audience.parquet"
    write_parquet(audience([(True, "x")]), path)
    before = path.read_bytes()

    def fail(_path, _draft):
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        erase_parquet(path, of_person(TRACES, kept=KEPT_OF_AUDIENCE), tell=fail)
    assert [one.name for one in tmp_path.iterdir()] == ["audience.parquet"]
    assert path.read_bytes() == before


def test_a_file_of_another_shape_tells_of_nobody(tmp_path):
    path = tmp_path / "other.parquet"
    write_parquet(pl.DataFrame({"a": [1]}), path)
    assert erase_parquet(path, of_lake(TRACES)) == 0
    assert not finds(path, of_lake(TRACES))


CELLS = ["phone", "Kundennummer", "note"]
ROWS = [
    # what her row says in raw value, phone, id, note; whether it is hers
    (("07400 123456 x", "07400 123456 x", "", "old, \"two\"\nlines"), True),
    (("07400 12", "07400 12", "C-1", "=cmd"), True),
    (("n/a", "n/a", "C-2", "calls 0044 7400 123456"), True),
    (("07400 12", "07400 12", "C-2", "C-1"), False),
    (("", "", "", ""), False),
]  # fmt: skip


def write_rejects(folder):
    frame = pl.DataFrame(
        [(n + 2, "phone", raw, "too_short", "Sentence.") for n, ((raw, *_), _) in enumerate(ROWS)],
        schema=REJECTS,
        orient="row",
    )
    cells = pl.DataFrame([row[1:] for row, _ in ROWS], schema=CELLS, orient="row")
    write_parquet(frame, folder / "rejects.parquet")
    write_csv_for_people([*REJECTS, *CELLS], [frame.hstack(cells.get_columns())], folder / "rejects.csv")


def read_csv(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_rejects_are_found_by_number_in_any_cell_and_by_id_in_columns_of_ids(tmp_path):
    write_rejects(tmp_path)
    as_csv, as_parquet = tmp_path / "rejects.csv", tmp_path / "rejects.parquet"
    before = read_csv(as_csv)
    hers = [n + 2 for n, (_, is_hers) in enumerate(ROWS) if is_hers]
    rows = rows_of_rejects(as_csv, TRACES)
    assert sorted(rows) == hers
    assert [row["Kundennummer"] for row in rejects_about(as_csv, TRACES)] == ["", "C-1", "C-2"]
    assert erase_parquet(as_parquet, of_rejects(TRACES, rows)) == 3
    assert erase_rejects(as_csv, TRACES) == 3
    after = read_csv(as_csv)
    assert after[0] == before[0]
    for number, (was, now) in enumerate(zip(before[1:], after[1:], strict=True), start=2):
        marks = [was[0], was[1], "", *was[3:5], "", "", ""]
        assert now == (marks if number in hers else was)
    told = pl.read_parquet(as_parquet)
    assert told["raw_value"].is_null().to_list() == [True, True, True, False, False]
    assert told.select(sorted(KEPT_OF_REJECTS)).null_count().sum_horizontal()[0] == 0
    assert as_csv.stat().st_mode & 0o777 == 0o600
    assert erase_rejects(as_csv, TRACES) == 0


def test_a_csv_that_is_no_file_of_rejects_tells_of_nobody(tmp_path):
    path = tmp_path / "rejects.csv"
    path.write_text("phone\n07400 123456\n")
    assert rows_of_rejects(path, TRACES) == frozenset()
    path.write_text("")
    assert erase_rejects(path, TRACES) == 0


def test_a_very_long_cell_is_read(tmp_path):
    path = tmp_path / "rejects.csv"
    path.write_text(",".join(REJECTS.names()) + f"\n2,phone,{'x' * 300_000} 07400123456,r,s\n")
    assert erase_rejects(path, TRACES) == 1
