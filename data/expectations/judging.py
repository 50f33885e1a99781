"""Great Expectations, the only module that knows it. Importing the library takes seconds, so only functions do.

The library sees the rows of the contacts, or the exact rates as a frame of one row; it says what holds. It is asked for
counts and never for rows: rejects are made elsewhere, and no value of anybody leaves here.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any

import polars as pl

from data.expectations.suite import DISTINCT, UNIQUE, Check, OnRows
from messaging.expectations import KNOWN, percent, read_as
from messaging.judgements import Judgement, Verdict
from messaging.measures import NUMBER, Measures

log = logging.getLogger(__name__)

# The ends of what pandas can count in nanoseconds.
_FIRST_DAY, _LAST_DAY = datetime(1700, 1, 1), datetime(2260, 1, 1)  # noqa: DTZ001 - days, of no zone
# Of a chain of exceptions the first one is printed first.
_FIRST_ERROR = re.compile(r"^(?:\w+\.)*(\w+)(?::|$)", re.MULTILINE)
_BOUNDS = {"min_value", "max_value"}
_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question to the library; key: of the check that it is about."""

    key: int
    question: OnRows


@dataclass(frozen=True, slots=True)
class _Answer:
    """What it said. error: the class of what went wrong while it judged; then holds means nothing."""

    holds: bool
    result: Mapping[str, Any]
    error: str | None = None


def import_early() -> None:
    """Begin the import in a thread of its own: whoever waits for something else need not wait for it afterwards."""
    threading.Thread(target=_import, name="import-great-expectations", daemon=True).start()


def _import() -> None:
    with suppress(Exception):  # the judge imports it again, and says what is wrong
        import great_expectations  # noqa: F401


def judge(checks: Sequence[Check], measures: Measures) -> tuple[list[Judgement], str]:
    """The judgement on each check, in order, and who judged. What could not be judged is broken, never passed."""
    by_rate = {key: check for key, check in enumerate(checks) if _is_judged_by_rate(check, measures)}
    by_rows = {key: check for key, check in enumerate(checks) if key not in by_rate}
    rates = pl.DataFrame({_rate(key): [check.rate.value] for key, check in by_rate.items() if check.rate})
    answers = {
        **_ask([_Asked(key, _between(key, check)) for key, check in by_rate.items()], rates),
        **_ask(*_on_rows(by_rows, measures)),
    }
    judgements = [
        _judgement(check, answers.get(key), measures, is_by_rate=key in by_rate)
        for key, check in enumerate(checks)
    ]
    return judgements, _judge_name()


def compare(checks: Sequence[Check]) -> list[Judgement]:
    """The same without the library: exact rates against their bounds. What only rows can tell is not judged."""
    return [
        Judgement(
            name=check.name,
            words=check.words,
            wanted=check.wanted,
            observed="" if check.rate is None else check.rate.observed,
            severity=check.severity,
            verdict=Verdict.NOT_JUDGED if check.rate is None else _verdict(check.rate.holds),
            basis="" if check.rate is None else _WHOLE_SOURCE,
        )
        for check in checks
    ]


_WHOLE_SOURCE = "an exact rate of the whole source"


def _is_judged_by_rate(check: Check, measures: Measures) -> bool:
    """Rows of a sample tell less than a rate of all, and those of nobody tell nothing."""
    are_rows_all = bool(measures.contacts) and not measures.is_sample
    return check.rate is not None and (check.rows is None or not are_rows_all)


def _rate(key: int) -> str:
    return f"rate_{key}"


def _between(key: int, check: Check) -> OnRows:
    assert check.rate is not None
    bounds = {"min_value": check.rate.at_least, "max_value": check.rate.at_most}
    return OnRows("expect_column_values_to_be_between", {"column": _rate(key), **bounds})


def _on_rows(checks: Mapping[int, Check], measures: Measures) -> tuple[list[_Asked], pl.DataFrame]:
    """The questions on rows, and the columns they are about: as numbers or dates where they are compared with such."""
    columns: dict[str, pl.Expr] = {}
    asked = []
    for key, check in checks.items():
        assert check.rows is not None
        name, arguments = check.rows.name, dict(check.rows.arguments)
        column = arguments["column"]
        kind = "digits" if column == NUMBER and name in {DISTINCT, UNIQUE} else read_as(name, arguments)
        if column in measures.rows.columns:
            is_from_below = arguments.get("min_value") is not None
            arguments["column"] = f"{column} as {kind}, {is_from_below}"
            columns[arguments["column"]] = _cells(column, kind, is_from_below=is_from_below)
            if kind == "date":
                arguments |= {bound: _day(day) for bound, day in arguments.items() if bound in _BOUNDS}
        asked.append(_Asked(key, OnRows(name, arguments)))
    return asked, measures.rows.select(**columns)


def _cells(column: str, kind: str, *, is_from_below: bool) -> pl.Expr:
    """What a filled cell is not lies outside of any bounds: a null would pass unseen."""
    cell = pl.col(column)
    if (
        kind == "digits"
    ):  # of a number, which every contact has: told apart in a quarter of the time and memory
        return cell.str.slice(1).cast(pl.Int64)
    if kind == "number":
        number = cell.cast(pl.Float64, strict=False)
        outside = pl.lit(float("-inf") if is_from_below else float("inf"))
        return pl.when(cell.is_null() | number.is_finite()).then(number).otherwise(outside)
    if kind == "date":
        day = cell.str.head(10).str.to_datetime("%Y-%m-%d", strict=False, time_unit="ns")
        outside = pl.lit(_FIRST_DAY if is_from_below else _LAST_DAY).cast(pl.Datetime("ns"))
        return pl.when(cell.is_null() | day.is_not_null()).then(day).otherwise(outside)
    return cell


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _ask(asked: Sequence[_Asked], frame: pl.DataFrame) -> dict[int, _Answer]:
    """Each question's answer; what the library left out has none. It answers in an order of its own."""
    if not asked:
        return {}
    try:
        return _validate(asked, frame)
    except Exception as error:  # noqa: BLE001 - whatever it is, nothing was judged; its words may quote a value
        log.warning("Great Expectations could not judge: %s", type(error).__name__)
        return {one.key: _Answer(holds=False, result={}, error=type(error).__name__) for one in asked}


def _validate(asked: Sequence[_Asked], frame: pl.DataFrame) -> dict[int, _Answer]:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    batch = (
        context.data_sources.add_pandas("tidings")
        .add_dataframe_asset("frame")
        .add_batch_definition_whole_dataframe("all")
        .get_batch(batch_parameters={"dataframe": frame.to_pandas()})
    )
    # A suite is a set to the library: of two equal expectations it would answer one.
    distinct: list[OnRows] = []
    for one in asked:
        if one.question not in distinct:
            distinct.append(one.question)
    expectations = [
        getattr(gx.expectations, class_name(question.name))(**question.arguments, meta={"place": place})
        for place, question in enumerate(distinct)
    ]
    suite = gx.ExpectationSuite(name="contacts", expectations=expectations)
    answers = {
        result.expectation_config.meta["place"]: _Answer(
            bool(result.success), result.result or {}, _error_in(result.exception_info or {})
        )
        for result in batch.validate(suite, result_format=_COUNTS_ONLY).results
        if result.expectation_config is not None and result.expectation_config.meta is not None
    }
    places = {one.key: distinct.index(one.question) for one in asked}
    return {key: answers[place] for key, place in places.items() if place in answers}


def class_name(expectation: str) -> str:
    """expect_column_to_exist → ExpectColumnToExist"""
    return "".join(word.capitalize() for word in expectation.split("_"))


def _error_in(info: Mapping[str, Any]) -> str | None:
    """The class of the exception that the library caught: the flag stands at the top, or once per metric."""
    for one in (info, *info.values()):
        if isinstance(one, Mapping) and one.get("raised_exception"):
            found = _FIRST_ERROR.search(str(one.get("exception_traceback") or ""))
            return found[1] if found else "error"
    return None


def _judge_name() -> str:
    return f"Great Expectations {version('great_expectations')}"


def _judgement(check: Check, answer: _Answer | None, measures: Measures, *, is_by_rate: bool) -> Judgement:
    if check.rate is not None:
        observed = check.rate.observed
    else:
        observed = "" if answer is None else _observed(check, answer)
    verdict = Verdict.BROKEN if answer is None or answer.error else _verdict(answer.holds)
    if verdict is Verdict.BROKEN:
        observed = _why_broken(check, answer, measures)
    return Judgement(
        name=check.name,
        words=check.words,
        wanted=check.wanted,
        observed=observed,
        severity=check.severity,
        verdict=verdict,
        basis=_WHOLE_SOURCE if is_by_rate else _rows_in_words(measures),
    )


def _why_broken(check: Check, answer: _Answer | None, measures: Measures) -> str:
    if check.rows is not None and check.rows.arguments["column"] not in measures.rows.columns:
        return "the source has no such column"
    why = "gave no answer" if answer is None else f"could not judge it ({answer.error})"
    return f"Great Expectations {why}"


def _verdict(holds: bool) -> Verdict:
    return Verdict.PASSED if holds else Verdict.FAILED


def _rows_in_words(measures: Measures) -> str:
    if measures.is_sample:
        return f"a sample of {measures.rows.height:,} of {measures.contacts:,} contacts"
    return f"all {measures.contacts:,} contacts"


def _observed(check: Check, answer: _Answer) -> str:
    """What the library counted; a statistic of numbers is shown, a value of somebody never."""
    if KNOWN[check.name].kind == "statistic":
        value = answer.result.get("observed_value")
        is_number = isinstance(value, int | float) and abs(value) < float("inf")
        return f"{value:,.4g}" if is_number else "not all filled cells are numbers"
    n_filled = answer.result.get("element_count", 0) - answer.result.get("missing_count", 0)
    n_held = n_filled - answer.result.get("unexpected_count", 0)
    return f"{percent(n_held / n_filled)} ({n_held:,} of {n_filled:,})" if n_filled else "none is filled"
