"""The quality gate: the contacts of a plan, measured, and judged by what their campaign expects (docs/quality.md)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from data.expectations.judging import compare, judge
from data.expectations.suite import LastRun, compared_columns, suite
from data.readers.headers import clean_name
from messaging.errors import TidingsError
from messaging.judgements import Judgement, QualityReport
from messaging.measures import LIMIT, SAMPLE, Measures, Meter
from messaging.schemas import CONTACTS

if TYPE_CHECKING:
    from engine.plan import Plan

_OURS = frozenset(CONTACTS) - {"source_row"}


class QualityFailed(TidingsError):
    """The contact file is not what its campaign expects; nothing was sent."""


def judge_plan(
    plan: Plan, *, last: LastRun | None, limit: int = LIMIT, sample: int = SAMPLE
) -> QualityReport:
    """What Great Expectations says of a plan's contacts: all of them, or exact rates and a sample above `limit`.

    It takes seconds, for the library alone. An error inside it is a failure of the expectation.
    """
    measures = _measured(plan, limit, sample)
    judgements, judged_by = judge(suite(plan.campaign.quality, measures, last), measures)
    return _report(plan, measures, judgements, last, judged_by)


def compare_plan(plan: Plan, *, last: LastRun | None) -> QualityReport:
    """The same as far as exact rates tell it, at once: the campaign's own expectations on rows are not judged."""
    measures = _measured(plan, 0, 0)  # no rows are looked at
    judgements = compare(suite(plan.campaign.quality, measures, last))
    return _report(plan, measures, judgements, last, "exact rates alone")


def refuse_failed(report: QualityReport, *, where: str = "") -> None:
    """Raises QualityFailed when something that stops a run does not hold. where: the report lies in the var folder."""
    if report.objection is not None:
        told = f" The whole report is {where} in the var folder." if where else ""
        raise QualityFailed(
            f"{report.objection}. Nothing was sent; correct the source, or [quality] in the campaign.{told}"
        )


def _measured(plan: Plan, limit: int, sample: int) -> Measures:
    quality = plan.campaign.quality
    columns = _columns(quality.columns(), plan)
    compared = [columns[name] for name in compared_columns(quality) if name in columns]
    is_large = plan.contacts.n_rows > limit
    meter = Meter(columns, distinct=compared, sample=sample if is_large else None)
    for contacts in plan.contacts:
        meter.add(contacts)
    return meter.measures(plan.summary.source_rows)


def _columns(named: Iterable[str], plan: Plan) -> dict[str, str]:
    """As a campaign names them → as frames do: our own name for it, the source's header, or its name in templates."""
    by_header = {written: name for name, written in plan.headers.items()}
    known = _OURS.union(plan.headers, plan.fields)
    found = {}
    for name in named:
        for candidate in (name, by_header.get(name), clean_name(name)):
            if candidate in known:
                found[name] = str(candidate)
                break
    return found


def _report(
    plan: Plan, measures: Measures, judgements: list[Judgement], last: LastRun | None, judged_by: str
) -> QualityReport:
    return QualityReport(
        campaign=plan.campaign.name,
        judge=judged_by,
        source_rows=measures.source_rows,
        contacts=measures.contacts,
        n_judged_rows=measures.rows.height,
        last_run=None if last is None else last.run,
        judgements=judgements,
    )
