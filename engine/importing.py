"""A source into the store of contacts: every row of it is new, changed, the same, a double, or a reject (docs/contacts.md).

The source is read to its end first, so one that fails half-way has changed nothing. Then its people are stored some at
a time, and a sending run gets the writer between.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import polars as pl

from data.contacts.lists import make_list
from data.contacts.merging import Import, Merged, MergeRules, Merging, register_attributes
from data.file_lock import only_one
from data.files import write_parquet_chunks
from data.imports import ImportCounts, begin_import, fail_import, finish_import, import_folder
from data.spool import ROWS_OF_A_CHUNK
from data.store.engine import let_go
from data.suppression_sources import list_source
from engine.audience_source import open_audience
from engine.import_reading import ImportReading
from engine.parting import PartedSource, write_rejects
from engine.writing import counted, largest_first
from messaging.columns import Columns
from messaging.errors import TidingsError
from messaging.incoming import first_of_each
from messaging.schemas import REJECTS

if TYPE_CHECKING:
    from data.keys import Keys
    from data.store.engine import Store
    from messaging.import_file import ImportRequest

FORGOTTEN = "forgotten"  # the rule of a reject
_LOOK_S = 0.2  # longer than somebody takes who only looks whether an import is at work
_FORGOTTEN_SENTENCE = "This person asked to be forgotten and is not stored again; take the row out of where the list comes from."


class ImportRunning(TidingsError):
    """Another process imports under the same name at this moment."""


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import has come. n_rows: None while the source is read, for nobody knows yet."""

    step: Literal["reading", "storing"]
    n_done: int
    n_rows: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What became of a source's rows: n_rows is the sum of the five.

    was_imported_before: nothing was stored now, and the counts are those of that import. rejects: by rule.
    columns: meaning → header as the source writes it. n_consents: statements that were not known before;
    n_suppressed: people who want no text at all and were not suppressed before.
    """

    import_no: int
    name: str
    source: str
    n_rows: int
    n_new: int
    n_changed: int
    n_same: int
    n_double: int
    n_rejects: int
    was_imported_before: bool
    finished_at: float
    rejects: Mapping[str, int] = field(default_factory=dict)
    rejects_csv: Path | None = None
    notices: list[str] = field(default_factory=list)
    read_as: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    n_consents: int = 0
    n_suppressed: int = 0


def import_contacts(
    request: ImportRequest,
    *,
    base: Path,
    store: Store,
    keys: Keys,
    var_dir: Path,
    now: Callable[[], float],
    by: str = "tidings",
    again: bool = False,
    on_progress: Callable[[ImportProgress], None] | None = None,
    rows_per_chunk: int = ROWS_OF_A_CHUNK,
    pause: Callable[[float], None] = time.sleep,
) -> ImportReport:
    """Bring the people of a source into the store. base: the folder that files are relative to.

    by: who started it. again: store a source too that was imported before as it is. One import of a name at a time;
    one that was cut off is gone on with by starting it again: what it has stored is the same then.
    Raises ImportRunning, SourceError, BadListName and what open_audience raises; what was stored until then stays.
    """
    tell = on_progress or _tell_nobody
    with _only_one_of(request.name, var_dir, pause):
        with (
            _noted_if_it_fails(store, request, by=by, now=now),
            open_audience(
                request.source,
                base=base,
                store=store,
                sealing_key=keys.sealing,
                folder=var_dir,
                rows_per_chunk=rows_per_chunk,
            ) as source,
        ):
            reading = ImportReading(request, source, store=store, key=keys.person, folder=var_dir, now=now())
            # The fingerprint of a file is known at once; that of anything else once it was read.
            is_known = request.source.file is not None and reading.is_imported(store, again=again)
            if not is_known:
                reading.read(lambda n_rows: tell(ImportProgress("reading", n_rows, None)))
        if is_known or reading.is_imported(store, again=again):
            return _report_of_earlier(reading, var_dir)
        number = begin_import(
            store, name=request.name, source=source.name, fingerprint=reading.fingerprint, by=by, now=now()
        )
        with _failed_if_it_fails(store, number, now=now), _only_new_objects_collected():
            return _store_people(
                reading, number, store=store, var_dir=var_dir, now=now, tell=tell, pause=pause
            )


def _tell_nobody(_progress: ImportProgress) -> None:
    pass


@contextmanager
def _only_one_of(name: str, var_dir: Path, pause: Callable[[float], None]) -> Iterator[None]:
    for is_last in (False, True):
        with only_one(var_dir / "imports" / f".{name}.lock") as is_mine:
            if is_mine:
                yield
                return
            if is_last:
                raise ImportRunning(
                    f"{name}: it is being imported at this moment; wait until that has ended."
                )
        pause(_LOOK_S)


@contextmanager
def _noted_if_it_fails(
    store: Store, request: ImportRequest, *, by: str, now: Callable[[], float]
) -> Iterator[None]:
    """An import whose source cannot be read is kept as one that failed: an export that did not come is news."""
    try:
        yield
    except BaseException as error:
        let_go(error)
        name = request.source.file or request.source.connection or ""
        number = begin_import(
            store, name=request.name, source=Path(name).name, fingerprint="", by=by, now=now()
        )
        fail_import(store, number, reason=_in_words(error), now=now())
        raise


@contextmanager
def _failed_if_it_fails(store: Store, number: int, *, now: Callable[[], float]) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        let_go(error)
        fail_import(store, number, reason=_in_words(error), now=now())
        raise


@contextmanager
def _only_new_objects_collected() -> Iterator[None]:
    """A million rows make Python look again and again for garbage among all that was there before: 8 % of the time."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _in_words(error: BaseException) -> str:
    """An error that is not meant for people may print somebody's data, so it is named only."""
    if not isinstance(error, Exception):  # Ctrl-C, or the signal that ends a process
        return "it was stopped"
    return str(error) if isinstance(error, TidingsError) else type(error).__name__


def _store_people(
    reading: ImportReading,
    number: int,
    *,
    store: Store,
    var_dir: Path,
    now: Callable[[], float],
    tell: Callable[[ImportProgress], None],
    pause: Callable[[float], None],
) -> ImportReport:
    request, source = reading.request, reading.source
    merging = Merging(store, _import_of(reading, number, store, now()), now=now, pause=pause)
    done, n_double, n_told = Merged(), 0, source.n_rows - reading.people.n_rows
    for people in reading.people:
        first = first_of_each(people)
        if reading.people.are_parted:  # their order is gone, and in that of the index fewer pages are written
            first = first.sort("person_key")
        n_double += people.height - first.height
        n_told += people.height - first.height
        for some in merging.merge(first):
            done.add(some)
            n_told += some.n_people
            tell(ImportProgress("storing", n_told, source.n_rows))
    reading.parted.add_rejects(_forgotten(done.forgotten, reading.columns))
    rejects_csv = _write_rejects(reading.parted, import_folder(var_dir, number))
    counts = ImportCounts(
        n_new=done.n_new,
        n_changed=done.n_changed,
        n_same=done.n_same,
        n_double=n_double,
        n_rejects=reading.parted.rejects.n_rows,
    )
    assert counts.n_rows == source.n_rows, "every row of a source is one of the five"
    folder = None if rejects_csv is None else str(rejects_csv.parent.relative_to(var_dir))
    ended = now()
    finish_import(store, number, counts=counts, folder=folder, now=ended)
    return ImportReport(
        import_no=number,
        name=request.name,
        source=source.name,
        n_rows=counts.n_rows,
        **asdict(counts),
        was_imported_before=False,
        finished_at=ended,
        rejects=_by_rule(reading.parted.rejects),
        rejects_csv=rejects_csv,
        notices=reading.notices,
        read_as=source.read_as,
        columns=reading.columns.in_words,
        n_consents=done.n_consents,
        n_suppressed=done.n_suppressed,
    )


def _import_of(reading: ImportReading, number: int, store: Store, now: float) -> Import:
    request = reading.request
    headers = {
        name: reading.source.headers[column] or name for name, column in reading.fields.attributes.items()
    }
    with store.write.begin() as connection:
        lists = [make_list(connection, kind, name, now) for kind, name in reading.names]
        register_attributes(connection, {name: headers[name] for name in sorted(reading.filled)})
    return Import(
        by=f"import {number}",
        rules=MergeRules(file_wins=request.merge.wins == "file", keep=frozenset(request.merge.keep)),
        lists=lists,
        purpose=request.consent.purpose,
        source=request.consent.source or f"import {request.name}",
        do_not_contact=list_source(
            f"import {request.name}, column {reading.columns.in_words.get('do_not_contact')}"
        ),
    )


def _forgotten(source_rows: list[int], columns: Columns) -> pl.DataFrame:
    """REJECTS of people who asked to be forgotten: where they stand, and nothing of them."""
    return pl.DataFrame(
        {"source_row": sorted(source_rows)}, schema_overrides={"source_row": pl.UInt32}
    ).select(
        "source_row",
        column=pl.lit(columns.as_written(columns.phone)),
        raw_value=pl.lit(None, dtype=pl.String),
        rule=pl.lit(FORGOTTEN),
        sentence=pl.lit(_FORGOTTEN_SENTENCE),
    )


def _write_rejects(parted: PartedSource, folder: Path) -> Path | None:
    """The rejects for people and for programs. None: there are none, and no file."""
    if not parted.rejects.n_rows:
        return None
    write_parquet_chunks(parted.rejects, REJECTS, folder / "rejects.parquet")
    write_rejects(parted, folder / "rejects.csv")
    return folder / "rejects.csv"


def _read_rejects(folder: Path) -> list[pl.DataFrame]:
    """REJECTS of an earlier import; a person may have removed them."""
    file = folder / "rejects.parquet"
    return [pl.read_parquet(file, columns=["rule"])] if file.exists() else []


def _by_rule(rejects: Iterable[pl.DataFrame]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for some in rejects:
        found.update(counted(some["rule"]))
    return largest_first(found)


def _report_of_earlier(reading: ImportReading, var_dir: Path) -> ImportReport:
    earlier = reading.earlier
    assert earlier is not None
    folder = None if earlier.folder is None else var_dir / earlier.folder
    csv = None if folder is None else folder / "rejects.csv"
    return ImportReport(
        import_no=earlier.import_no,
        name=reading.request.name,
        source=reading.source.name,
        n_rows=earlier.counts.n_rows,
        **asdict(earlier.counts),
        was_imported_before=True,
        finished_at=earlier.finished_at or earlier.started_at,
        rejects=_by_rule([] if folder is None else _read_rejects(folder)),
        rejects_csv=csv if csv is not None and csv.exists() else None,
        read_as=reading.source.read_as,
        columns=reading.columns.in_words,
    )
