"""The manifest of the lake: which files there are, which events are in them, and what is still owed.

Every function is one short transaction. An export is a number first, then a file, then a name: a row without a file
tells the next loader what a crash left. Two kinds never get a file: 'behaviour' notes that the store knows what a run's
messages file says, 'replies' that it does not know yet what the replies of an export answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import orjson
import polars as pl
import sqlalchemy as sa

from data.lake.expanding import STORED_EVENTS
from data.lake.schemas import RUNS, UTC_INSTANT, utc_instant
from data.sql import sql

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.store.engine import Store

EVENTS_PER_CLAIM = 2_000  # in one transaction: the sender waits for the write lock meanwhile
EVENTS_PER_PAGE = 500  # in memory at once; an event has up to some 500 messages


class NamedFile(NamedTuple):
    """A file that readers are given. file: relative to the lake."""

    export: int
    kind: str
    run: int | None
    file: str
    n_rows: int


class OwedFold(NamedTuple):
    """A run with news since its messages file, which was written at folded_at, or never."""

    export: int
    run: int
    n_messages: int
    folded_at: float | None


def has_news(store: Store) -> bool:
    """Whether there are events in no file yet, or a file of events that a crash left unfinished."""
    with store.read.connect() as connection:
        return bool(connection.execute(_statement("has_news")).scalar_one())


def begin_export(store: Store, kind: str, *, run: int | None = None, now: float) -> int:
    """The number of a file that is to be written: the one that a crash left over, else a new one."""
    with store.write.begin() as connection:
        left_over = connection.execute(_statement("unfinished_export"), {"kind": kind}).scalar()
        if left_over is not None:
            return int(left_over)
        fields = {"kind": kind, "run": run, "now": now}
        return int(connection.execute(_statement("begin_export"), fields).scalar_one())


def claim_events(store: Store, export: int, *, most: int) -> int:
    """Mark up to `most` events that are in no export as being in this one; returns how many, beside earlier ones."""
    n_claimed = 0
    while n_claimed < most:
        wanted = min(EVENTS_PER_CLAIM, most - n_claimed)
        with store.write.begin() as connection:
            n = connection.execute(_statement("claim_events"), {"export": export, "most": wanted}).rowcount
        n_claimed += n
        if n < wanted:
            break
    return n_claimed


def claimed_events(store: Store, export: int) -> Iterator[pl.DataFrame]:
    """The events of an export in order, as frames (STORED_EVENTS) of bounded size."""
    after = -1
    while True:
        key = {"export": export, "after": after, "most": EVENTS_PER_PAGE}
        with store.read.connect() as connection:
            rows = [tuple(row) for row in connection.execute(_statement("claimed_events"), key)]
        if not rows:
            return
        yield pl.DataFrame(rows, schema=STORED_EVENTS, orient="row")
        after = rows[-1][0]


def name_events(store: Store, export: int, file: str, n_rows: int, *, now: float) -> None:
    """Give readers a file of new events, and owe the runs it speaks of a new messages file, and its replies a look."""
    with store.write.begin() as connection:
        _name(connection, export, file, n_rows, now)
        connection.execute(_statement("owe_folds"), {"export": export, "now": now})
        connection.execute(_statement("owe_replies"), {"export": export, "now": now})


def name_in_place_of(
    store: Store, export: int, file: str, n_rows: int, superseded: Sequence[int], *, now: float
) -> None:
    """Give readers a file instead of others, which stay on the disk for those who are reading them."""
    with store.write.begin() as connection:
        _name(connection, export, file, n_rows, now)
        if superseded:
            connection.execute(_statement("supersede_files"), {"exports": list(superseded), "now": now})


def name_fold(
    store: Store, fold: OwedFold, file: str, n_rows: int, superseded: Sequence[int], *, now: float
) -> None:
    """Give readers the messages of a run; behaviour holds what they say already."""
    with store.write.begin() as connection:
        _name(connection, fold.export, file, n_rows, now)
        if superseded:
            connection.execute(_statement("supersede_files"), {"exports": list(superseded), "now": now})
        _note_behaviour(connection, fold.run, n_rows, now)


def note_behaviour(store: Store, run: int, n_rows: int, *, now: float) -> None:
    """Behaviour holds what the run's messages file says."""
    with store.write.begin() as connection:
        _note_behaviour(connection, run, n_rows, now)


def unfilled_runs(store: Store) -> list[tuple[int, str]]:
    """Runs with a messages file that behaviour has never been filled from, each with the file, relative to the lake."""
    with store.read.connect() as connection:
        return [(run, file) for run, file in connection.execute(_statement("unfilled_runs"))]


def owed_replies(store: Store) -> dict[int, list[str]]:
    """Debt → the people who wrote, of each export of events whose replies nobody has looked at yet."""
    with store.read.connect() as connection:
        owed = {row.export: row.of_export for row in connection.execute(_statement("owed_replies"))}
        return {debt: _people_of_replies(connection, export) for debt, export in owed.items()}


def owed_folds(store: Store) -> list[OwedFold]:
    with store.read.connect() as connection:
        return [OwedFold._make(row) for row in connection.execute(_statement("owed_folds"))]


def forget_exports(store: Store, exports: Sequence[int]) -> None:
    """Drop rows of the manifest whose file is gone, or was never to be."""
    if exports:
        with store.write.begin() as connection:
            connection.execute(_statement("forget_exports"), {"exports": list(exports)})


def named_files(store: Store) -> list[NamedFile]:
    """The files that readers are given, by kind and age."""
    with store.read.connect() as connection:
        return [NamedFile._make(row) for row in connection.execute(_statement("named_files"))]


def superseded_files(store: Store, *, before: float) -> list[NamedFile]:
    """Files that readers have not been given since before that instant."""
    with store.read.connect() as connection:
        found = connection.execute(_statement("superseded_files"), {"before": before})
        return [NamedFile._make(row) for row in found]


def files_of_lake(store: Store) -> set[str]:
    """Every file the manifest knows, relative to the lake."""
    with store.read.connect() as connection:
        return set(connection.execute(_statement("files_of_lake")).scalars())


def read_runs(store: Store) -> pl.DataFrame:
    """RUNS, one row per run."""
    with store.read.connect() as connection:
        rows = [tuple(row) for row in connection.execute(_statement("runs"))]
    seconds = {name: pl.Float64() if dtype == UTC_INSTANT else dtype for name, dtype in RUNS.items()}
    runs = pl.DataFrame(rows, schema=seconds, orient="row")
    return runs.with_columns(
        utc_instant(pl.col(name)).alias(name) for name, dtype in RUNS.items() if dtype == UTC_INSTANT
    )


def _people_of_replies(connection: Connection, export: int) -> list[str]:
    told = connection.execute(_statement("people_of_replies"), {"export": export}).scalars()
    people = (orjson.loads(payload).get("person_key") for payload in told)
    return sorted({person for person in people if person})


def _note_behaviour(connection: Connection, run: int, n_rows: int, now: float) -> None:
    connection.execute(_statement("forget_behaviour_note"), {"run": run})
    connection.execute(_statement("note_behaviour"), {"run": run, "n_rows": n_rows, "now": now})


def _name(connection: Connection, export: int, file: str, n_rows: int, now: float) -> None:
    named = {"export": export, "file": file, "n_rows": n_rows, "now": now}
    connection.execute(_statement("name_file"), named)


@cache
def _statement(name: str) -> sa.TextClause:
    text = sa.text(sql(f"lake/{name}"))
    takes_list = name in {"supersede_files", "forget_exports"}
    return text.bindparams(sa.bindparam("exports", expanding=True)) if takes_list else text
