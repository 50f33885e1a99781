"""A source into the store of contacts: late? → import → what became of its rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import State, flow
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from config.settings import CHECKOUT
from data.definitions import load_import
from flows.artifacts import show_import
from flows.clean_stop import end_with_worker
from flows.lateness import too_late
from flows.parameters import ImportContacts
from flows.this_run import rename
from messaging.errors import TidingsError
from tasks.import_contacts import import_source
from tasks.workplace import open_workplace

if TYPE_CHECKING:
    from engine.importing import ImportReport


def name_before_run() -> str:
    """The import alone; with its number once that is known: members · import 3."""
    return Path(flow_run.parameters["params"].definition).stem


@flow(name="import-contacts", flow_run_name=name_before_run, persist_result=False)
def import_contacts(params: ImportContacts) -> State[Any]:
    """Import contacts.

    Args:
        params: what to import
    """
    end_with_worker()
    try:
        with open_workplace() as workplace:
            request = load_import(params.definition, here=CHECKOUT).request
            skipped = too_late(request.schedule.max_lateness_s, so="nothing was imported")
            if skipped is not None:
                return Completed(name="Skipped", message=skipped)
            report = import_source(params.definition, again=params.again)
            if report is not None and not report.was_imported_before:
                rename(f"{request.name} · import {report.import_no}")
                show_import(report, var_dir=workplace.instance.var_dir)
            return as_state(request.name, report)
    except TidingsError as error:  # meant to be read as it is; a traceback would only hide the sentence
        return Failed(message=str(error))


def as_state(name: str, report: ImportReport | None) -> State[Any]:
    """How an import ends: in its counts, or as a start that had nothing to do."""
    if report is None:
        return Completed(name="Already running", message=f"another start imports {name} just now")
    if report.was_imported_before:
        why = f"the source is as import {report.import_no} read it, so nothing was written"
        return Completed(name="Unchanged", message=f"{why}; “Import again” stores it all the same")
    return Completed(message=f"import {report.import_no}: {_in_words(report)}")


def _in_words(report: ImportReport) -> str:
    """2,390 rows: 1,955 new, 3 changed, 0 the same, 295 doubles, 137 rejects; 12 now kept from all texts."""
    words = (
        f"{_counted(report.n_rows, 'row')}: {report.n_new:,} new, {report.n_changed:,} changed, "
        f"{report.n_same:,} the same, {_counted(report.n_double, 'double')}, {_counted(report.n_rejects, 'reject')}"
    )
    return words + (f"; {report.n_suppressed:,} now kept from all texts" if report.n_suppressed else "")


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"
