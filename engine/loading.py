"""Loading: new events into the lake, runs folded to one row a message, the analytics swapped (design.md §4).

What a fold changed for its people goes to the store's `behaviour` too, where segments find it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from data.analytics import publish_views
from data.behaviour import put_behaviour, settle_replies_of, settle_replies_to
from data.lake import manifest
from data.lake.expanding import expand
from data.lake.files import (
    file_of_export,
    only_loader,
    read_tables,
    remove_strangers,
    write_frames,
    write_tables,
)
from data.lake.folding import changed_behaviour, fold_messages
from data.lake.schemas import EVENTS, RUNS
from engine.hard_failures import suppress_unreachable
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from data.store.engine import Store

log = logging.getLogger(__name__)

EVENTS_PER_EXPORT = 20_000
SMALL_ROWS = 1_000_000  # an events file below this is merged with others …
MOST_SMALL_FILES = 8  # … once there are so many
FOLDED_AT_ONCE = 100_000  # messages of a run that is folded at every load with news of it …
FOLDED_PER_S = 10_000  # … and one of a million every 90 s at most, so that folding stays a trifle
PATIENCE_S = 300.0  # for another loader: a load of millions takes a minute or so
NAP_S = 0.2
GRACE_S = 3_600.0  # longer than any query: superseded files stay for those who are reading them


class StillLoading(TidingsError):
    """What people did is not known to its end yet, and a plan that asks for it would be guessing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What one load did. is_busy: nothing, since another loader was at work."""

    n_events: int = 0
    n_event_rows: int = 0
    n_folded: int = 0
    n_runs_waiting: int = 0  # runs with news that are folded later
    n_files_removed: int = 0
    is_swapped: bool = False
    is_busy: bool = False


def load_lake(
    store: Store,
    lake: Path,
    analytics: Path,
    *,
    now: float,
    fold_all: bool = False,
    hard_failures: int = 0,
) -> Loaded:
    """Bring the lake and the analytics up to the store. Blocking; may be repeated at any time and after any crash.

    fold_all: also large runs that were folded a short while ago; for the last load of a campaign.
    hard_failures: in a row, after which a number is suppressed (engine/hard_failures.py); 0: never.
    Raises LakeFileError when a file that the manifest names is gone.
    """
    with only_loader(lake) as is_mine:
        if not is_mine:
            return Loaded(is_busy=True)
        n_events, n_rows = _drain(store, lake, now)
        _merge_small_files(store, lake, now)
        n_folded, n_waiting = _fold(store, lake, now, fold_all=fold_all, hard_failures=hard_failures)
        _catch_up_on_behaviour(store, lake, now)
        if n_events or not any(file.kind == "runs" for file in manifest.named_files(store)):
            _write_runs(store, lake, now)
        is_swapped = publish_views(analytics, lake, manifest.named_files(store))
        loaded = Loaded(
            n_events=n_events,
            n_event_rows=n_rows,
            n_folded=n_folded,
            n_runs_waiting=n_waiting,
            n_files_removed=_remove_superseded(store, lake, now),
            is_swapped=is_swapped,
        )
    if n_events:
        log.info("loaded %d events: rows=%d runs_folded=%d", n_events, n_rows, n_folded)
    return loaded


def tidy_lake(store: Store, lake: Path, *, now: float) -> list[str]:
    """For housekeeping: remove files that nobody names, such as those of a plan that was never frozen."""
    with only_loader(lake) as is_mine:
        if not is_mine:
            return []
        return remove_strangers(lake, manifest.files_of_lake(store), older_than=now - GRACE_S)


def load_all_news(
    store: Store,
    lake: Path,
    analytics: Path,
    *,
    hard_failures: int = 0,
    patience_s: float = PATIENCE_S,
) -> Loaded:
    """`load_lake` of all there is now, also when another loader is at work: it may have begun before the last news.

    Blocking. Raises StillLoading when that one takes longer than patience_s, and as load_lake does.
    """
    give_up_at_s = time.monotonic() + patience_s
    while True:
        loaded = load_lake(
            store, lake, analytics, now=store.now(), fold_all=True, hard_failures=hard_failures
        )
        if not loaded.is_busy:
            return loaded
        if time.monotonic() >= give_up_at_s:
            raise StillLoading(
                "the analytics are being loaded, so it is not known yet who was texted a moment ago. "
                "Nothing was planned; try again in a few minutes."
            )
        time.sleep(NAP_S)


def _drain(store: Store, lake: Path, now: float) -> tuple[int, int]:
    """All events that are in no file yet, into as few files as their number allows: (events, rows)."""
    n_events = n_rows = 0
    while manifest.has_news(store):
        export = manifest.begin_export(store, "events", now=now)
        manifest.claim_events(store, export, most=EVENTS_PER_EXPORT)
        pages = _Pages(manifest.claimed_events(store, export))
        file = file_of_export("events", export)
        n = write_frames(pages.expanded(), EVENTS, lake / file)
        if pages.n_events:
            manifest.name_events(store, export, file, n, now=now)
        else:  # the crash came before its first event was claimed, or in the middle of a merge
            (lake / file).unlink()
            manifest.forget_exports(store, [export])
        n_events += pages.n_events
        n_rows += n
    return n_events, n_rows


class _Pages:
    """Expands pages of events one by one, and counts the events that went by."""

    def __init__(self, pages: Iterator[pl.DataFrame]) -> None:
        self.n_events = 0
        self._pages = pages

    def expanded(self) -> Iterator[pl.DataFrame]:
        for page in self._pages:
            self.n_events += page.height
            yield expand(page)


def _merge_small_files(store: Store, lake: Path, now: float) -> None:
    """Thousands of small files make every query slow, so they never arise."""
    small = [f for f in manifest.named_files(store) if f.kind == "events" and f.n_rows < SMALL_ROWS]
    if len(small) < MOST_SMALL_FILES:
        return
    export = manifest.begin_export(store, "events", now=now)
    file = file_of_export("events", export)
    n_rows = write_tables(read_tables([lake / f.file for f in small]), EVENTS, lake / file)
    manifest.name_in_place_of(store, export, file, n_rows, [f.export for f in small], now=now)


def _fold(store: Store, lake: Path, now: float, *, fold_all: bool, hard_failures: int) -> tuple[int, int]:
    """Write the messages file of every run that is due: (folded, waiting for their turn)."""
    owed = manifest.owed_folds(store)
    due = [fold for fold in owed if fold_all or _is_due(fold, now)]
    for fold in due:
        _fold_run(store, lake, fold, now, hard_failures=hard_failures)
    return len(due), len(owed) - len(due)


def _is_due(fold: manifest.OwedFold, now: float) -> bool:
    if fold.folded_at is None:
        return True
    pause_s = max(0, fold.n_messages - FOLDED_AT_ONCE) / FOLDED_PER_S
    return not 0 <= now - fold.folded_at < pause_s  # a clock that was set back keeps no run waiting


def _fold_run(store: Store, lake: Path, fold: manifest.OwedFold, now: float, *, hard_failures: int) -> None:
    named = manifest.named_files(store)
    planned = [lake / f.file for f in named if f.kind == "planned" and f.run == fold.run]
    if not planned:  # not frozen yet; the freeze has an event, which owes the run another fold
        manifest.forget_exports(store, [fold.export])
        return
    events = [lake / f.file for f in named if f.kind == "events"]
    file = file_of_export("messages", fold.export, fold.run)
    n_rows = fold_messages(lake, fold.run, planned, events, lake / file)
    earlier = [f for f in named if f.kind == "messages" and f.run == fold.run]
    is_filled = fold.run not in dict(manifest.unfilled_runs(store))
    # Before the file has its name: a crash in between leaves the debt, and the same rows are written once more.
    _fill_behaviour(store, lake, fold.run, lake / file, [lake / f.file for f in earlier if is_filled])
    suppress_unreachable(
        store,
        lake.parent,
        fold.run,
        lake / file,
        older=[lake / f.file for f in earlier],
        others=[lake / f.file for f in named if f.kind == "messages" and f.run != fold.run],
        in_a_row=hard_failures,
        now=now,
    )
    manifest.name_fold(store, fold, file, n_rows, [f.export for f in earlier], now=now)


def _fill_behaviour(store: Store, lake: Path, run: int, newer: Path, older: Sequence[Path]) -> None:
    """Let segments know what a run's messages file says that an older one did not."""
    if put_behaviour(store, run, changed_behaviour(lake, run, newer, older)):
        settle_replies_to(store, run)


def _catch_up_on_behaviour(store: Store, lake: Path, now: float) -> None:
    """What no fold does: replies without any other news of their run, and runs that were folded before behaviour was kept."""
    for run, file in manifest.unfilled_runs(store):
        _fill_behaviour(store, lake, run, lake / file, [])
        n_rows = next(f.n_rows for f in manifest.named_files(store) if f.file == file)
        manifest.note_behaviour(store, run, n_rows, now=now)
    for debt, people in manifest.owed_replies(store).items():
        settle_replies_of(store, people)
        manifest.forget_exports(store, [debt])


def _write_runs(store: Store, lake: Path, now: float) -> None:
    export = manifest.begin_export(store, "runs", now=now)
    file = file_of_export("runs", export)
    n_rows = write_frames([manifest.read_runs(store)], RUNS, lake / file)
    earlier = [f.export for f in manifest.named_files(store) if f.kind == "runs"]
    manifest.name_in_place_of(store, export, file, n_rows, earlier, now=now)


def _remove_superseded(store: Store, lake: Path, now: float) -> int:
    old = manifest.superseded_files(store, before=now - GRACE_S)
    for file in old:
        (lake / file.file).unlink(missing_ok=True)
    manifest.forget_exports(store, [file.export for file in old])
    return len(old)
