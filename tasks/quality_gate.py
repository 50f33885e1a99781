"""The quality gate as Prefect shows it: a task that passes or fails, and a table of what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from data.expectations.keeping import last_run, note_quality, write_quality
from data.files import run_folder
from engine.quality import judge_plan, refuse_failed
from tasks.discretion import discreet
from tasks.workplace import this_workplace

if TYPE_CHECKING:
    from messaging.judgements import QualityReport


@task(name="quality gate", task_run_name="quality-gate", cache_policy=NO_CACHE, persist_result=False)
@discreet
def quality_gate(run: int) -> QualityReport:
    """Judge the plan that this process has just made of a run.

    What was found is kept with the run whether it passes or not. Raises QualityFailed for what stops it.
    """
    workplace = this_workplace()
    store, plan = workplace.instance.store, workplace.plan
    report = judge_plan(plan, last=last_run(store, plan.campaign.name, but=run))
    note_quality(store, run, report)
    show_quality(run, report)
    if report.objection is not None:
        folder = run_folder(workplace.instance.var_dir, run)
        write_quality(report, folder)  # of a run that passes they are frozen with the rest
        refuse_failed(report, where=str(folder.quality_html.relative_to(workplace.instance.var_dir)))
    return report


def show_quality(run: int, report: QualityReport) -> None:
    """Expectations and shares; no value of anybody."""
    create_table_artifact(
        [
            {
                "expectation": one.words,
                "wanted": one.wanted,
                "observed": one.observed,
                "result": one.verdict.value if one.severity == "error" else f"{one.verdict.value} (warns)",
                "judged on": one.basis,
            }
            for one in report.judgements
        ],
        key=f"quality-run-{run}",
        description=f"Quality of the contacts of run {run}: {report.in_words}",
    )
