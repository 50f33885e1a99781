"""Tables that people find beside a run in Prefect. Counts, numbers of batches and words of ours; nobody's data."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from prefect.artifacts import create_table_artifact

from data.ledger.audit import audit_run
from data.runs import read_run

if TYPE_CHECKING:
    from data.runs import RunRecord
    from data.store.engine import Store
    from data.unattended import Idle
    from engine.importing import ImportReport

_PROGRESS = (
    "messages",
    "accepted",
    "rejected",
    "unsent",
    "unconfirmed",
    "stopped",
    "in_flight",
    "not_yet_claimed",
    "delivered",
    "waiting",
)


def show_plan(run: RunRecord) -> None:
    """What a run was frozen as."""
    counts = {
        "source rows": run.n_source_rows,
        "rejects": run.n_rejects,
        "excluded": run.n_excluded,
        "messages": run.n_messages,
        "batches": run.n_batches,
        "segments": run.segments,
        f"cost in {run.currency}": round(run.cost, 2),
    }
    create_table_artifact(
        [{"step": step, "count": count} for step, count in counts.items()],
        key=f"plan-run-{run.run}",
        description=f"What run {run.run} of {run.campaign} was frozen as",
    )


def show_progress(store: Store, run: int) -> None:
    """Where its messages stand now."""
    with store.read.connect() as connection:
        terms = audit_run(connection, run, now=time.time()).terms
    create_table_artifact(
        [{"messages": term.replace("_", " "), "count": terms[term]} for term in _PROGRESS],
        key=f"progress-run-{run}",
        description=f"Where the messages of run {run} stand",
    )


def show_import(report: ImportReport, *, var_dir: Path) -> None:
    """What became of the rows of a source, and of its rejects which rule says so."""
    counts = {
        "source rows": report.n_rows,
        "new": report.n_new,
        "changed": report.n_changed,
        "the same": report.n_same,
        "doubles": report.n_double,
        "rejects": report.n_rejects,
        **{f"rejects: {rule.replace('_', ' ')}": n for rule, n in report.rejects.items()},
    }
    create_table_artifact(
        [{"rows": what, "count": count} for what, count in counts.items()],
        key=f"import-{report.import_no}",
        description=f"{report.name}: what became of the rows of import {report.import_no}.{_to_mend(report, var_dir)}",
    )


def _to_mend(report: ImportReport, var_dir: Path) -> str:
    if report.rejects_csv is None:
        return ""
    path = report.rejects_csv.relative_to(var_dir)
    return f" The rejects are in `{path}` in the var folder: mend them and import that file."


def show_failed_batches(run: int, part: int, failed: Mapping[int, str]) -> None:
    """failed: what each failed batch says of itself."""
    create_table_artifact(
        [{"batch": f"batch-{batch}", "what is left": message} for batch, message in failed.items()],
        key=f"failed-batches-run-{run}-part-{part}",
        description="Batches with something left to send. Retry sends it, and nothing else.",
    )


def show_waiting_runs(store: Store, waiting: Sequence[Idle]) -> None:
    """Runs that were started without a worker and stopped half-way, each with the command that goes on with it."""
    create_table_artifact(
        [
            {
                "run": idle.run,
                "campaign": read_run(store, idle.run).campaign,
                "nobody works on it since": datetime.fromtimestamp(idle.since, UTC).isoformat(
                    timespec="seconds"
                ),
                "what goes on with it": f"tidings resume {idle.run}",
            }
            for idle in waiting
        ],
        key="runs-that-wait",
        description="Runs that may send, and that nobody works on",
    )
