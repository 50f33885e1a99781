"""Forgetting people: out of the store, the run folders, rejects of imports, gateways' pages and the lake.

They are suppressed first, so no claim sends to them from then on. Then what tells of them is blanked, file by file,
and every row stays. Under a run that may still send, the batches wait until it is over: `keep_house` finishes that, and
whatever a crash left (data/owed_forgetting.py). Once more does no harm.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import phonenumbers
import pyarrow as pa
import sqlalchemy as sa

from data.audit_log import log_decision
from data.erasing import (
    KEPT_OF_AUDIENCE,
    KEPT_OF_BATCHES,
    KEPT_OF_EXCLUDED,
    Kind,
    Told,
    erase_parquet,
    erase_rejects,
    finds,
    of_events,
    of_lake,
    of_person,
    of_rejects,
    rows_about,
    rows_of_rejects,
)
from data.erasing_pages import erase_pages
from data.file_lock import only_one
from data.files import RunFolder
from data.fingerprints import fingerprint
from data.forgotten import (
    FILE,
    erase_again,
    external_ids,
    forget,
    forgotten_people,
    forgotten_with_replies,
    read_forgotten,
)
from data.imports import names_at_work
from data.lake.files import LOCK_FILE as LOADER_LOCK
from data.owed_forgetting import Owed, read_owed, remove_owed, write_owed
from data.sql import sql
from data.store.migrate import sqlite_path
from data.store.tidying import empty_log
from data.whole_files import write_text
from messaging.runs import RunState
from messaging.traces import Trace, Traces, id_hash, trace_of

if TYPE_CHECKING:
    from data.instance import Instance
    from data.store.engine import Store

log = logging.getLogger(__name__)

LOCK_FILE = ".forgetting.lock"
PATIENCE_S = (
    60.0  # for another forgetting, or a load of the lake; a load of many millions of messages may take longer
)
PAUSE_S = 600.0
NAP_S = 0.2

_RESTORE = "restore"  # nothing is owed then: it is done, or the restore leaves nothing

_UNREADABLE = (OSError, pa.ArrowException, UnicodeDecodeError, ValueError)


@dataclass(slots=True)
class Erased:
    """What was done. n_rows and n_files: of files that were rewritten now. owed: what is left, in sentences.

    copies: places that still hold them, since nothing rewrites a backup; relative to the var folder where they are in it.
    """

    n_rows: int = 0
    n_files: int = 0
    owed: list[str] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)


def forget_person(instance: Instance, msisdn: str, *, by: str, patience_s: float = PATIENCE_S) -> Erased:
    """Forget one person. by: who decided so; it is logged without saying about whom."""
    now = instance.store.now()
    trace = trace_of(instance.keys.person, msisdn)
    known = external_ids(instance.store, [trace.person_key])
    ids = frozenset(id_hash(instance.keys.person, one) for one in known)
    owed = Owed(trace=replace(trace, ids=ids), by=by, asked_at=now)
    write_owed(instance.var_dir, owed)
    with instance.store.write.begin() as connection:
        log_decision(connection, who=by, what="forget", details={"people": 1}, now=now)
    forget(instance.store, instance.var_dir / FILE, [owed.trace], now=now)  # before anything that may wait
    national = phonenumbers.national_significant_number(phonenumbers.parse(msisdn))
    done = _work_off(instance, [owed], national=national, patience_s=patience_s)
    done.copies = copies_of(instance)
    return done


def finish_forgetting(instance: Instance, *, patience_s: float = 5.0, pause_s: float = PAUSE_S) -> Erased:
    """For housekeeping: do what is owed, as far as it no longer has to wait.

    Also for whoever a reply names although they were forgotten; what arrives is blanked as it is read
    (engine/receipts.py), so there are none but what an older version kept. pause_s: between two looks at what waits for
    something other than the end of a run.
    """
    owed = read_owed(instance.var_dir)
    owed += _named_all_the_same(instance, {one.trace.person_key for one in owed})
    return _work_off(instance, owed, patience_s=patience_s, pause_s=pause_s) if owed else Erased()


def _named_all_the_same(instance: Instance, known: Collection[str]) -> list[Owed]:
    """Whom a reply names although they were forgotten, each owed a whole forgetting from now on."""
    named = {
        key: msisdn for key, msisdn in forgotten_with_replies(instance.store).items() if key not in known
    }
    if not named:
        return []
    traces = {one.person_key: one for one in read_forgotten(instance.var_dir / FILE).people}
    now = instance.store.now()
    owed = [
        Owed(trace_of(instance.keys.person, msisdn).with_all(traces.get(key)), by="keep_house", asked_at=now)
        for key, msisdn in named.items()
    ]
    for one in owed:
        write_owed(instance.var_dir, one)
    return owed


def forget_in_restored(
    store: Store, var_dir: Path, key: bytes, people: Sequence[Trace], *, now: float
) -> list[str]:
    """The files and pages of a backup, before anybody works with them; returns what is left, in sentences.

    people: as forgotten.txt names them; whom the backup itself has as forgotten is looked for too, since what an open run
    still held of them was owed when it was made. The rest of the store forgets in the transaction that makes it an
    instance.
    """
    named = {trace.person_key for trace in people}
    everybody = [*people, *(Trace(one) for one in forgotten_people(store) if one not in named)]
    if not everybody:
        return []
    work = _Files(
        var_dir, key, [Owed(trace=trace, by=_RESTORE, asked_at=now) for trace in everybody], now, Erased()
    )
    work.collect_ids(_runs(store))
    for run in _runs(store):
        work.erase_run(run, may_send=False)
    work.erase_lake()
    if n_unread := erase_pages(store, work.traces).n_unread:
        work.wait(
            f"{n_unread} pages of a gateway tell of them and were not read yet; they are blanked as they are read."
        )
    return work.waits


def copies_of(instance: Instance) -> list[str]:
    """Backups in their usual place, and the copies that an update made of the store."""
    found = sorted((instance.var_dir / "backups").glob("tidings-*"))
    store = sqlite_path(instance.store.url)
    if store is not None:
        found += sorted(store.parent.glob(f"{store.name}.before-*"))
    return [
        str(path.relative_to(instance.var_dir) if path.is_relative_to(instance.var_dir) else path)
        for path in found
    ]


@dataclass(frozen=True, slots=True)
class _Run:
    run: int
    state: RunState
    folder: str | None  # relative to the var folder; None: nothing was frozen


def _runs(store: Store) -> list[_Run]:
    with store.read.connect() as connection:
        return [
            _Run(row.run, RunState(row.state), row.folder)
            for row in connection.execute(sa.text(sql("forgotten/runs")))
        ]


def _work_off(
    instance: Instance,
    people: Sequence[Owed],
    *,
    national: str | None = None,
    patience_s: float,
    pause_s: float = 0.0,
) -> Erased:
    """All that can be done now for these people; the rest stays owed."""
    store, now, done = instance.store, instance.store.now(), Erased()
    with _patiently(instance.var_dir / LOCK_FILE, patience_s) as is_mine:
        if not is_mine:
            done.owed.append(
                "another process forgets somebody at this moment: the files follow by themselves."
            )
            return done
        work = _Files(instance.var_dir, instance.keys.person, people, now, done)
        runs = [run for run in _runs(store) if work.concerns(run)]
        open_runs = [run.run for run in runs if not run.state.is_over]
        if len(open_runs) == len(runs) and not work.is_worth_it(pause_s=pause_s):
            return done
        forget(store, instance.var_dir / FILE, [owed.trace for owed in people], now=now)
        work.collect_ids(runs)
        waiting = [run.run for run in runs if work.erase_run(run, may_send=not run.state.is_over)]
        work.erase_imports(names_at_work(instance.var_dir))
        work.erase_lake(patience_s)
        pages = erase_pages(store, work.traces, national=national)
        if pages.n_unread:
            work.wait(f"{pages.n_unread} pages of a gateway tell of them and were not read yet.")
        # What a load or an import had begun before, and wrote since.
        erase_again(store, [owed.trace.person_key for owed in people])
        if not empty_log(store):
            work.wait("somebody reads the store at this moment, so its log holds what was deleted.")
        _settle(instance, people, waiting, work)
        _log_files(store, work, by=people[0].by, now=now)
    return done


def _settle(instance: Instance, people: Sequence[Owed], waiting: list[int], work: _Files) -> None:
    """Note what is left for each of them."""
    if waiting:
        numbers = ", ".join(map(str, waiting))
        work.done.owed.append(
            f"run {numbers}: not over, so its batches still hold the number; none of it is sent any more, "
            "and it is blanked when the run is over."
        )
    work.done.owed += work.waits
    for owed in people:
        owed.runs = waiting if owed.runs is None else [run for run in owed.runs if run in waiting]
        owed.tried_at, owed.why = instance.store.now(), list(work.waits)
        if owed.runs or owed.why:
            write_owed(instance.var_dir, owed)
        else:
            remove_owed(instance.var_dir, owed)


def _log_files(store: Store, work: _Files, *, by: str, now: float) -> None:
    """Files outside the run folders have no plan.json to note their new fingerprints in."""
    if work.rewritten:
        with store.write.begin() as connection:
            log_decision(
                connection, who=by, what="files rewritten", details={"files": work.rewritten}, now=now
            )


class _Files:
    """The files of one var folder, and what becomes of them."""

    def __init__(self, var_dir: Path, key: bytes, people: Sequence[Owed], now: float, done: Erased) -> None:
        self.done = done
        self.waits: list[str] = []
        self.rewritten: list[dict[str, str]] = []
        self._var_dir = var_dir
        self._key = key
        self._people = people
        self._now = now
        self.traces = Traces(key, [owed.trace for owed in people])

    def wait(self, why: str) -> None:
        self.waits.append(why)

    def is_worth_it(self, *, pause_s: float) -> bool:
        """Whether to look again at all of it: nobody has yet, or something waited for more than a run, some time ago."""
        return any(
            owed.tried_at is None or (bool(owed.why) and self._now - owed.tried_at >= pause_s)
            for owed in self._people
        )

    def concerns(self, run: _Run) -> bool:
        return any(owed.runs is None or run.run in owed.runs for owed in self._people)

    def collect_ids(self, runs: Iterable[_Run]) -> None:
        """By what ids sources knew them, before the rows that tell are blanked: rejects may bear the same."""
        found = {owed.trace.person_key: set(owed.trace.ids) for owed in self._people}
        for run in runs:
            if run.folder is not None:
                folder = RunFolder(self._var_dir / run.folder)
                for path in (folder.audience, folder.excluded):
                    for person, external_id in self._ids_in(path):
                        found[person].add(id_hash(self._key, external_id))
        for owed in self._people:
            if found[owed.trace.person_key] != owed.trace.ids:
                owed.trace = replace(owed.trace, ids=frozenset(found[owed.trace.person_key]))
                if owed.by != _RESTORE:
                    write_owed(self._var_dir, owed)
        self.traces = Traces(self._key, [owed.trace for owed in self._people])

    def erase_run(self, run: _Run, *, may_send: bool) -> bool:
        """Blank them in the files of a run. True: something of it has to wait until the run is over."""
        if run.folder is None:
            if run.state.is_over:
                self._remove_drafts(run)
            return not run.state.is_over
        folder = RunFolder(self._var_dir / run.folder)
        self._remove_drafts(run)
        tell = self._noted_in(folder)
        self._erase_person(folder.audience, KEPT_OF_AUDIENCE, tell)
        self._erase_person(folder.excluded, KEPT_OF_EXCLUDED, tell)
        self._erase_rejects(folder.path, tell)
        batches = sorted((folder.path / "batches").glob("*.parquet"))
        kind = of_person(self.traces, kept=KEPT_OF_BATCHES)
        if may_send:
            return any(self._finds(path, kind) for path in batches)
        for path in batches:
            self._erase(path, kind, tell)
        return False

    def erase_imports(self, running: Sequence[str]) -> None:
        """Rejects of imports; one that is at work has not written its own yet."""
        for folder in sorted((self._var_dir / "imports").glob("[0-9]*")):
            self._erase_rejects(folder, self._listed)
        for name in running:
            self.wait(f"the import {name} is at work; what it rejects is looked at when it has ended.")

    def erase_lake(self, patience_s: float = 0.0) -> None:
        lake = self._var_dir / "lake"
        if not lake.exists():
            return
        with _patiently(lake / LOADER_LOCK, patience_s) as is_mine:
            if not is_mine:
                self.wait("the analytics are being loaded; they follow by themselves.")
                return
            twins, events = of_lake(self.traces), of_events(self.traces)
            for kind in ("planned", "excluded", "messages"):
                for path in sorted((lake / kind).glob("[!.]*.parquet")):
                    self._erase(path, twins, self._listed)
            for path in sorted((lake / "events").glob("[!.]*.parquet")):
                self._erase(path, events, self._listed)

    def _erase_person(self, path: Path, kept: frozenset[str], tell: Told) -> None:
        self._erase(path, of_person(self.traces, kept=kept), tell)

    def _erase_rejects(self, folder: Path, tell: Told) -> None:
        """The Parquet file first: what it lacks to be found by, the CSV still tells."""
        as_csv, as_parquet = RunFolder(folder).rejects_csv, RunFolder(folder).rejects
        try:
            rows = rows_of_rejects(as_csv, self.traces) if as_csv.exists() else frozenset()
            self._erase(as_parquet, of_rejects(self.traces, rows), tell)
            if rows:
                self._count(erase_rejects(as_csv, self.traces, tell=tell))
        except _UNREADABLE as error:
            self._cannot_read(as_csv, error)

    def _erase(self, path: Path, kind: Kind, tell: Told) -> None:
        try:
            if path.exists():
                self._count(erase_parquet(path, kind, tell=tell))
        except _UNREADABLE as error:
            self._cannot_read(path, error)

    def _finds(self, path: Path, kind: Kind) -> bool:
        try:
            return finds(path, kind)
        except _UNREADABLE as error:
            self._cannot_read(path, error)
            return True

    def _ids_in(self, path: Path) -> Iterator[tuple[str, str]]:
        try:
            for rows in rows_about(path, of_person(self.traces, kept=frozenset())):
                yield from rows.select("person_key", "external_id").drop_nulls().iter_rows()
        except _UNREADABLE:
            return  # it is named when it is to be rewritten

    def _count(self, n_rows: int) -> None:
        self.done.n_rows += n_rows
        self.done.n_files += bool(n_rows)

    def _cannot_read(self, path: Path, error: Exception) -> None:
        place = path.relative_to(self._var_dir)
        log.warning("%s cannot be read: %s", place, type(error).__name__)
        self.wait(
            f"{place} cannot be read ({type(error).__name__}); remove it, or put it back from a backup."
        )

    def _noted_in(self, folder: RunFolder) -> Told:
        """Note the new fingerprint in plan.json before the file takes its place; nobody is named there."""

        def tell(path: Path, draft: Path) -> None:
            try:
                plan: dict[str, Any] = orjson.loads(folder.plan_json.read_bytes())
            except (OSError, orjson.JSONDecodeError):
                self._listed(path, draft)
                return
            name, after = path.relative_to(folder.path).as_posix(), fingerprint(draft)
            change = {"file": name, "before": fingerprint(path), "after": after, "at": self._now}
            plan.setdefault("files", {})[name] = after
            plan.setdefault("rewritten", []).append({**change, "why": "somebody was forgotten"})
            write_text(orjson.dumps(plan, option=orjson.OPT_INDENT_2).decode() + "\n", folder.plan_json)

        return tell

    def _listed(self, path: Path, draft: Path) -> None:
        place = path.relative_to(self._var_dir).as_posix()
        self.rewritten.append({"file": place, "before": fingerprint(path), "after": fingerprint(draft)})

    def _remove_drafts(self, run: _Run) -> None:
        """What a plan, or one of us, left that was cut off; while a plan is made, the run is planning."""
        if run.folder is not None:
            for left_over in (self._var_dir / run.folder).rglob(".*"):
                left_over.unlink(missing_ok=True)
        for draft in (self._var_dir / "runs").glob(f".{run.run:06}.*"):
            shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _patiently(lock_file: Path, patience_s: float) -> Iterator[bool]:
    give_up_at_s = time.monotonic() + patience_s
    while True:
        with only_one(lock_file) as is_mine:
            if is_mine or time.monotonic() >= give_up_at_s:
                yield is_mine
                return
        time.sleep(NAP_S)
