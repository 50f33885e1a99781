"""Taking people out of files: what tells of them is blanked and every row stays, so whatever was counted still adds up.

A file is rewritten whole or not at all, with the same row groups; one that tells of none of them is not touched.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data.whole_files import whole_place
from messaging.columns import meaning_of
from messaging.schemas import REJECTS
from messaging.traces import Traces

# What stays of a row of a run's file; every other column is blanked, also one that nobody thought of here.
KEPT_OF_AUDIENCE = frozenset({"ordinal", "source_row", "region", "number_type", "consent_basis"})
KEPT_OF_EXCLUDED = frozenset({"source_row", "region", "reason"})
KEPT_OF_REJECTS = frozenset({"source_row", "column", "rule", "sentence"})
KEPT_OF_BATCHES = frozenset(
    {
        "message_id", "batch", "row", "ordinal", "reference", "sender_id", "encoding", "segments", "price",
        "not_before", "not_after", "region",
    }
)  # fmt: skip
# What tells of somebody in the lake; there every other column is a count, a time or a word of ours.
PERSONAL_IN_LAKE = frozenset(
    {"person_key", "masked_msisdn", "external_id", "consent_source", "consent_at", "consent_evidence"}
)

_MARKS = REJECTS.names()  # the first columns of a CSV of rejects; behind them stand the source's own
_RAW_VALUE = _MARKS.index("raw_value")
_SOURCE_ROW = _MARKS.index("source_row")

Told = Callable[[Path, Path], None]  # (the file, what is about to take its place)
Chosen = Callable[[pl.DataFrame], pl.Series]


def tell_nobody(_path: Path, _draft: Path) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Kind:
    """How people are found in a Parquet file, and which columns of theirs are blanked.

    asks: the columns that `chosen` needs; a file that lacks one tells of nobody.
    """

    asks: Sequence[str]
    chosen: Chosen
    is_blanked: Callable[[str], bool]


def of_person(traces: Traces, *, kept: frozenset[str]) -> Kind:
    """Files of a run that name people by person key."""
    return Kind(["person_key"], _by_key(traces), lambda column: column not in kept)


def of_lake(traces: Traces) -> Kind:
    """Twins and folded messages."""
    return Kind(["person_key"], _by_key(traces), PERSONAL_IN_LAKE.__contains__)


def of_events(traces: Traces) -> Kind:
    """Events of the lake. The suppressions among them are the suppression list's own history: they stay."""
    by_key = _by_key(traces)
    return Kind(
        ["person_key", "kind"],
        lambda frame: by_key(frame) & (frame["kind"] == "reply"),
        PERSONAL_IN_LAKE.__contains__,
    )


def of_rejects(traces: Traces, rows: frozenset[int]) -> Kind:
    """Rejects, by what was written, and those of these source rows."""

    def chosen(frame: pl.DataFrame) -> pl.Series:
        is_told = [
            row in rows or traces.speaks_of(cell)
            for row, cell in zip(frame["source_row"], frame["raw_value"], strict=True)
        ]
        has_value = frame["raw_value"].is_not_null()
        return pl.Series(is_told, dtype=pl.Boolean) & has_value

    return Kind(["source_row", "raw_value"], chosen, lambda column: column not in KEPT_OF_REJECTS)


def _by_key(traces: Traces) -> Chosen:
    people = pl.Series(sorted(traces.person_keys), dtype=pl.String)
    return lambda frame: frame["person_key"].is_in(people.implode()).fill_null(value=False)


def erase_parquet(path: Path, kind: Kind, *, tell: Told = tell_nobody) -> int:
    """Blank people's columns; returns how many rows were changed. tell: before the new file takes the old one's place."""
    with pq.ParquetFile(path) as file:
        if not set(kind.asks) <= set(file.schema_arrow.names):
            return 0
        chosen = dict(_chosen(file, kind))
        if not chosen:
            return 0
        with whole_place(path) as draft:
            with pq.ParquetWriter(draft, file.schema_arrow, compression="zstd") as writer:
                for group in range(file.num_row_groups):
                    table = file.read_row_group(group)
                    if group in chosen:
                        table = _blanked(table, chosen[group], kind)
                    writer.write_table(table, row_group_size=max(table.num_rows, 1))
            tell(path, draft)
    return sum(int(mask.sum()) for mask in chosen.values())


def finds(path: Path, kind: Kind) -> bool:
    """Whether a Parquet file tells of one of them."""
    with pq.ParquetFile(path) as file:
        return set(kind.asks) <= set(file.schema_arrow.names) and any(True for _ in _chosen(file, kind))


def rows_about(path: Path, kind: Kind) -> Iterator[pl.DataFrame]:
    """The rows of a Parquet file that tell of these people, whole; a row group without any is not read further."""
    with pq.ParquetFile(path) as file:
        if set(kind.asks) <= set(file.schema_arrow.names):
            for group, mask in _chosen(file, kind):
                yield pl.DataFrame(pl.from_arrow(file.read_row_group(group))).filter(mask)


def rejects_about(path: Path, traces: Traces) -> Iterator[dict[str, str]]:
    """The rows of a CSV of rejects that tell of these people, by the headers of the source."""
    with _open_csv(path) as file:
        header = next(csv.reader(file), [])
        file.seek(0)
        for cells, is_told in _read_rejects(file, traces):
            if is_told:
                yield dict(zip(header, cells, strict=False))


def _chosen(file: pq.ParquetFile, kind: Kind) -> Iterator[tuple[int, pl.Series]]:
    """The row groups with somebody in them; of every group only the columns that are asked for are read."""
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=list(kind.asks))
        mask = kind.chosen(pl.DataFrame(pl.from_arrow(table)))
        if mask.any():
            yield group, mask


def _blanked(table: pa.Table, mask: pl.Series, kind: Kind) -> pa.Table:
    is_chosen = pa.array(mask.to_list(), pa.bool_())
    for place, field in enumerate(table.schema):
        if kind.is_blanked(field.name):
            blank = pa.scalar(None, field.type)
            table = table.set_column(place, field, pc.if_else(is_chosen, blank, table.column(place)))
    return table


def rows_of_rejects(path: Path, traces: Traces) -> frozenset[int]:
    """The source rows in a CSV of rejects that tell of these people: in any cell by number, in ids by id."""
    with _open_csv(path) as file:
        return frozenset(int(cells[_SOURCE_ROW]) for cells, is_told in _read_rejects(file, traces) if is_told)


def erase_rejects(path: Path, traces: Traces, *, tell: Told = tell_nobody) -> int:
    """Blank the cells of these people's rows in a CSV of rejects."""
    n_rows = 0
    if not rows_of_rejects(path, traces):
        return 0
    with (
        _open_csv(path) as file,
        whole_place(path) as draft,
    ):
        with draft.open("w", encoding="utf-8-sig", newline="") as written:
            header = next(csv.reader(file))
            file.seek(0)
            writer = csv.writer(written, lineterminator="\n")
            writer.writerow(header)
            for cells, is_told in _read_rejects(file, traces):
                if is_told:
                    cells[_RAW_VALUE] = ""
                    cells[len(_MARKS) :] = [""] * (len(cells) - len(_MARKS))
                    n_rows += 1
                writer.writerow(cells)
        tell(path, draft)
    return n_rows


def _open_csv(path: Path) -> io.TextIOWrapper:
    csv.field_size_limit(sys.maxsize)
    return path.open("r", encoding="utf-8-sig", newline="")


def _read_rejects(file: io.TextIOWrapper, traces: Traces) -> Iterator[tuple[list[str], bool]]:
    """Every row with whether it tells of them. A file that does not begin as rejects do tells of nobody."""
    rows = csv.reader(file)
    header = next(rows, [])
    if header[: len(_MARKS)] != _MARKS:
        return
    ids = [
        place
        for place, name in enumerate(header)
        if place >= len(_MARKS) and meaning_of(name) == "external_id"
    ]
    for cells in rows:
        own = [cells[_RAW_VALUE], *cells[len(_MARKS) :]]
        yield cells, any(map(traces.speaks_of, own)) or any(traces.is_id(cells[place]) for place in ids)
