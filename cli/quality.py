"""What the quality gate found, for a person at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from cli.output import screen
from messaging.judgements import Judgement, QualityReport, Verdict

if TYPE_CHECKING:
    from data.instance import Instance
    from engine.plan import Plan

_LATER = "judged when it is sent, or with --quality"


def quality_of(plan: Plan, instance: Instance, *, by_rows: bool) -> QualityReport:
    """By exact rates at once; by_rows: by Great Expectations, which takes seconds to come."""
    from data.expectations.keeping import last_run
    from engine.quality import compare_plan, judge_plan

    last = last_run(instance.store, plan.campaign.name)
    return judge_plan(plan, last=last) if by_rows else compare_plan(plan, last=last)


def print_quality(report: QualityReport) -> None:
    """Each expectation: whether it holds, what was observed, what was wanted."""
    screen.print(f"[bold]quality[/bold] · {report.in_words} · by {report.judge}")
    table = Table.grid(padding=(0, 2))
    for one in report.judgements:
        wanted = _LATER if one.verdict is Verdict.NOT_JUDGED else f"wanted {one.wanted}"
        table.add_row(_mark(one), Text(one.words), Text(one.observed), Text(wanted, style="dim"))
    screen.print(table)


def _mark(one: Judgement) -> Text:
    if one.verdict is Verdict.NOT_JUDGED:
        return Text("·", style="dim")
    if not one.is_failure:
        return Text("✓", style="green")
    return Text("✗ stops", style="red") if one.severity == "error" else Text("! warns", style="yellow")
