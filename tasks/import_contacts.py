"""One reading of a source into the store of contacts. Prefect runs it again after a crash, and it goes on."""

from __future__ import annotations

import re
import time
from typing import cast
from uuid import UUID

from prefect import task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

from config.settings import CHECKOUT
from data.definitions import load_import
from engine.importing import ImportProgress, ImportReport, ImportRunning, import_contacts
from tasks.discretion import discreet
from tasks.retrying import is_worth_a_retry
from tasks.workplace import this_workplace

SHOW_EVERY_S = 2.0


@task(
    name="import source",
    task_run_name="import",
    retries=3,
    retry_delay_seconds=[2, 10, 30],
    retry_condition_fn=is_worth_a_retry,
    cache_policy=NO_CACHE,
    persist_result=False,
)
@discreet
def import_source(definition: str, *, again: bool) -> ImportReport | None:
    """None: another process imports it at this moment. Raises TidingsError for what a person must mend.

    Safe to repeat: a row that is stored already counts as the same.
    """
    instance = this_workplace().instance
    loaded = load_import(definition, here=CHECKOUT)
    progress = _Progress(loaded.request.name)
    try:
        report = import_contacts(
            loaded.request,
            base=loaded.base,
            store=instance.store,
            keys=instance.keys,
            var_dir=instance.var_dir,
            now=instance.store.now,
            by="Prefect",
            again=again,
            on_progress=progress.show,
        )
    except ImportRunning:
        return None
    progress.end(report)
    return report


class _Progress:
    """A bar in Prefect's UI, moved now and then: each move is a request to its server."""

    def __init__(self, name: str) -> None:
        self._key = f"import-progress-{key_of(name)}"
        self._bar: UUID | None = None
        self._shown_at_s = float("-inf")

    def show(self, progress: ImportProgress) -> None:
        if time.monotonic() - self._shown_at_s < SHOW_EVERY_S:
            return
        if progress.n_rows is None:  # nobody knows how many will come
            self._set(0.0, f"Read: {progress.n_done:,} rows so far.")
            return
        done = 100 * progress.n_done / max(progress.n_rows, 1)
        self._set(done, f"Stored: {progress.n_done:,} of {progress.n_rows:,} rows.")

    def end(self, report: ImportReport) -> None:
        if not report.was_imported_before:
            self._set(100.0, f"All {report.n_rows:,} rows are accounted for.")
        elif self._bar is not None:  # a database or a service has to be read to know that
            self._set(100.0, "Nothing has changed since the last import.")

    def _set(self, per_cent: float, words: str) -> None:
        if self._bar is None:
            made = create_progress_artifact(per_cent, key=self._key, description=words)
            self._bar = cast("UUID", made)  # a coroutine only where one is awaited
        else:
            update_progress_artifact(self._bar, per_cent, description=words)
        self._shown_at_s = time.monotonic()


def key_of(name: str) -> str:
    """An import's name as the key of an artifact: Prefect wants small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
