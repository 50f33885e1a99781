"""Progress bars. Those of a run are read from the store, so it does not matter which process sends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

if TYPE_CHECKING:
    from data.store.engine import Store
    from engine.importing import ImportProgress

POLL_S = 0.25


@contextmanager
def progress_of_next_run(store: Store, *, is_shown: bool) -> Iterator[None]:
    """Bars on stderr for the run that appears in the store while this lasts."""
    if not is_shown:
        yield
        return
    watcher = _Watcher(store)
    with watcher.bars:
        watcher.start()
        try:
            yield
        finally:
            watcher.stop()


@contextmanager
def progress_of_import(*, is_shown: bool) -> Iterator[Callable[[ImportProgress], None] | None]:
    """Gives what an import tells its progress to: bars on stderr, or None."""
    if not is_shown:
        yield None
        return
    bars = _bars()
    reading = bars.add_task("reading", total=None)
    storing = bars.add_task("storing", total=1, visible=False)

    def tell(progress: ImportProgress) -> None:
        if progress.step == "reading":
            bars.update(reading, completed=progress.n_done)
            return
        bars.update(reading, visible=False)
        bars.update(storing, total=progress.n_rows, completed=progress.n_done, visible=True)

    with bars:
        yield tell


def _bars() -> Progress:
    console = Console(stderr=True)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,  # or an empty line would be left in a log
    )


class _Watcher:
    """A thread that polls the ledger's terms of the newest run."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known = self._newest()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)
        self.bars = _bars()
        self._planning = self.bars.add_task("planning", total=None)
        self._sending = self.bars.add_task("sending", total=1, visible=False)
        self._receipts = self.bars.add_task("receipts", total=1, visible=False)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _newest(self) -> int:
        from data.runs import list_runs

        runs = list_runs(self._store, 1)
        return runs[0].run if runs else 0

    def _watch(self) -> None:
        while not self._ended.wait(POLL_S):
            self._show()

    def _show(self) -> None:
        from data.ledger.audit import audit_run
        from data.runs import list_runs

        runs = list_runs(self._store, 1)
        if not runs or runs[0].run <= self._known or not runs[0].is_frozen:
            return
        with self._store.read.connect() as connection:
            terms = audit_run(connection, runs[0].run, now=time.time()).terms
        n_messages, n_left = terms["messages"], terms["not_yet_claimed"] + terms["in_flight"]
        n_accepted, n_waiting = terms["accepted"], terms["waiting"]
        self.bars.update(self._planning, total=1, completed=1, visible=False)
        self.bars.update(self._sending, total=n_messages, completed=n_messages - n_left, visible=True)
        self.bars.update(
            self._receipts, total=n_accepted, completed=n_accepted - n_waiting, visible=n_accepted > 0
        )
