"""The suite for contact files: what a campaign's [quality] table comes to for one source.

A check may stand in two forms: as an expectation on the rows of the contacts, and as bounds of one exact rate. Small
files are judged by their rows, large ones by the rates; a check that has no rate, by a sample of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from messaging import expectations as known
from messaging.measures import NUMBER, REGION, Measures
from messaging.quality import Expectation, Quality, Severity

EXIST = "expect_column_to_exist"
NOT_NULL = "expect_column_values_to_not_be_null"
UNIQUE = "expect_column_values_to_be_unique"
DISTINCT = "expect_column_proportion_of_unique_values_to_be_between"
IN_SET = "expect_column_values_to_be_in_set"


@dataclass(frozen=True, slots=True)
class LastRun:
    """The run that a campaign last froze."""

    run: int
    source_rows: int
    contacts: int

    @property
    def valid_rate(self) -> float:
        return self.contacts / self.source_rows if self.source_rows else 0.0


@dataclass(frozen=True, slots=True)
class OnRows:
    """An expectation of Great Expectations on the contacts, by its name and arguments."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExactRate:
    """A rate of the whole source, its bounds, and how it reads."""

    value: float
    observed: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def holds(self) -> bool:
        is_enough = self.at_least is None or self.value >= self.at_least
        return is_enough and (self.at_most is None or self.value <= self.at_most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """words, wanted: the expectation for people. rate None: only rows can tell; rows None: only the rate can."""

    name: str
    words: str
    wanted: str
    severity: Severity = "error"
    rate: ExactRate | None = None
    rows: OnRows | None = None


def suite(quality: Quality, measures: Measures, last: LastRun | None) -> list[Check]:
    """Every check of a campaign, in the order in which people read them. last None: nothing to compare with."""
    checks = [
        replace(check, severity=said)
        for check in _house(quality, measures, last)
        if (said := getattr(quality.severity, check.name)) != "off"
    ]
    return checks + [replace(_own(one, measures), severity=one.severity) for one in quality.expectations]


def compared_columns(quality: Quality) -> list[str]:
    """The columns, as the campaign names them, whose cells are to be told apart over the whole source."""
    return [one.column for one in quality.expectations if one.name in {UNIQUE, DISTINCT}]


def _house(quality: Quality, measures: Measures, last: LastRun | None) -> Iterator[Check]:
    """The checks that every campaign has, each named after its severity's key."""
    n_rows, contacts = measures.source_rows, measures.contacts
    yield Check(
        name="min_rows",
        words="rows of the source",
        wanted=f"at least {quality.min_rows:,}",
        rate=ExactRate(n_rows, f"{n_rows:,}", at_least=quality.min_rows),
    )
    for column in quality.required_columns:
        yield _exists("required_columns", column, measures)
    yield Check(
        name="min_valid_rate",
        words="rows of the source with a valid number",
        wanted=known.share_in_words(quality.min_valid_rate),
        rate=_share(contacts, n_rows, quality.min_valid_rate),
    )
    yield Check(
        name="min_unique_rate",
        words="distinct numbers, of the contacts",
        wanted=known.share_in_words(quality.min_unique_rate),
        rate=_share(measures.distinct[NUMBER], contacts, quality.min_unique_rate),
        rows=OnRows(DISTINCT, {"column": NUMBER, "min_value": quality.min_unique_rate}),
    )
    for column, at_least in quality.complete.items():
        yield _is_filled("complete", column, at_least, measures)
    if quality.allowed_countries:
        yield _countries(quality.allowed_countries, measures)
    if last is not None and last.source_rows:
        yield from _against(last, quality, measures)


def _countries(allowed: tuple[str, ...], measures: Measures) -> Check:
    others = {region: n for region, n in measures.regions.items() if region not in allowed}
    rate = _share(measures.contacts - sum(others.values()), measures.contacts, 1.0)
    named = ", ".join(f"{region} {n:,}" for region, n in list(others.items())[:5])
    return Check(
        name="allowed_countries",
        words=f"contacts with a number of {', '.join(allowed)}",
        wanted="all",
        rate=replace(rate, observed=f"{rate.observed}; others: {named}" if named else rate.observed),
        rows=OnRows(IN_SET, {"column": REGION, "value_set": list(allowed)}),
    )


def _against(last: LastRun, quality: Quality, measures: Measures) -> Iterator[Check]:
    low, high = quality.rows_against_last_run
    times = measures.source_rows / last.source_rows
    yield Check(
        name="rows_against_last_run",
        words=f"rows of the source, against the {last.source_rows:,} of run {last.run}",
        wanted=f"{low:g} to {high:g} times as many",
        rate=ExactRate(times, f"{times:.3g} times ({measures.source_rows:,})", low, high),
    )
    at_least = max(0.0, last.valid_rate - quality.max_valid_rate_drop)
    yield Check(
        name="max_valid_rate_drop",
        words=f"rows with a valid number, against {known.percent(last.valid_rate)} in run {last.run}",
        wanted=known.share_in_words(at_least),
        rate=_share(measures.contacts, measures.source_rows, at_least),
    )


def _own(one: Expectation, measures: Measures) -> Check:
    """A campaign's own expectation, with an exact rate where a count of ours gives one."""
    if one.name == EXIST:
        return _exists(one.name, one.column, measures)
    if one.name == NOT_NULL:
        return _is_filled(one.name, one.column, one.arguments.get("mostly", 1.0), measures)
    column = measures.columns.get(one.column)
    check = Check(
        name=one.name,
        words=known.in_words(one.name, one.arguments),
        wanted=known.wanted(one.name, one.arguments),
        rows=OnRows(one.name, {**one.arguments, "column": column or one.column}),
    )
    if column is not None and one.name == UNIQUE:
        alone = _share(measures.alone[column], measures.filled[column], one.arguments.get("mostly", 1.0))
        return replace(check, rate=alone)
    if column is not None and one.name == DISTINCT:
        distinct = _share(measures.distinct[column], measures.filled[column], 0.0)
        bounds = one.arguments.get("min_value"), one.arguments.get("max_value")
        return replace(check, rate=ExactRate(distinct.value, distinct.observed, *bounds))
    return check


def _exists(name: str, column: str, measures: Measures) -> Check:
    is_there = column in measures.columns
    return Check(
        name=name,
        words=known.in_words(EXIST, {"column": column}),
        wanted=known.wanted(EXIST, {}),
        rate=ExactRate(float(is_there), "there" if is_there else "not there", at_least=1.0),
        rows=OnRows(EXIST, {"column": measures.columns.get(column, column)}),
    )


def _is_filled(name: str, column: str, at_least: float, measures: Measures) -> Check:
    check = Check(
        name=name,
        words=known.in_words(NOT_NULL, {"column": column}),
        wanted=known.share_in_words(at_least),
        # A column that is not there is filled nowhere, and a rate of nought is not enough for anybody who named it.
        rate=ExactRate(-1.0, "the source has no such column", at_least=at_least),
    )
    found = measures.columns.get(column)
    if found is None:
        return check
    rate = _share(measures.filled[found], measures.contacts, at_least)
    return replace(check, rate=rate, rows=OnRows(NOT_NULL, {"column": found, "mostly": at_least}))


def _share(n: int, of: int, at_least: float) -> ExactRate:
    """Of nobody, everybody: whether there is anybody is asked by a check of its own."""
    if not of:
        return ExactRate(1.0, "there is none", at_least=at_least)
    return ExactRate(n / of, f"{known.percent(n / of)} ({n:,} of {of:,})", at_least=at_least)
