"""What a campaign's [quality] table comes to for one source."""

from __future__ import annotations

import pytest

from data.expectations.judging import compare
from data.expectations.suite import LastRun, suite
from messaging.judgements import Verdict
from messaging.quality import Quality
from tests.data.expectations.files import contacts, measured

LAST = LastRun(run=7, source_rows=100, contacts=90)


def judged(quality, frame, *, last=None, source_rows=None):
    """The checks by name, each as its verdict, its severity, and what was wanted and observed."""
    checks = suite(quality, measured(quality, frame, source_rows=source_rows), last)
    return {one.name: (one.verdict.value, one.severity, one.wanted, one.observed) for one in compare(checks)}


def test_a_first_run_with_a_bare_table_is_asked_for_rows_numbers_and_few_repeats():
    assert judged(Quality(), contacts(plan=["a", "b"]), source_rows=3) == {
        "min_rows": ("passed", "error", "at least 1", "3"),
        "min_valid_rate": ("passed", "error", "at least 50 %", "66.7 % (2 of 3)"),
        "min_unique_rate": ("passed", "warn", "at least 50 %", "100 % (2 of 2)"),
    }


@pytest.mark.parametrize(
    ("quality", "name", "result"),
    [
        ({"min_rows": 21}, "min_rows", ("failed", "error", "at least 21", "20")),
        ({"min_valid_rate": 0.8}, "min_valid_rate", ("passed", "error", "at least 80 %", "80 % (16 of 20)")),
        ({"min_valid_rate": 0.81}, "min_valid_rate", ("failed", "error", "at least 81 %", "80 % (16 of 20)")),
        ({"min_unique_rate": 0.6}, "min_unique_rate", ("failed", "warn", "at least 60 %", "50 % (8 of 16)")),
        ({"complete": {"city": 0.75}}, "complete", ("passed", "error", "at least 75 %", "75 % (12 of 16)")),
        ({"complete": {"city": 0.76}}, "complete", ("failed", "error", "at least 76 %", "75 % (12 of 16)")),
        ({"complete": {"town": 0.0}}, "complete", ("failed", "error", "at least 0 %", "the source has no such column")),
        ({"required_columns": ["city"]}, "required_columns", ("passed", "error", "there", "there")),
        ({"required_columns": ["town"]}, "required_columns", ("failed", "error", "there", "not there")),
        ({"allowed_countries": ["GB", "FR"]}, "allowed_countries", ("passed", "error", "all", "100 % (16 of 16)")),
        ({"allowed_countries": ["GB"]}, "allowed_countries", ("failed", "error", "all", "75 % (12 of 16); others: FR 4")),
        ({}, "rows_against_last_run", ("passed", "warn", "0.2 to 5 times as many", "0.2 times (20)")),
        ({"rows_against_last_run": [0.21, 5]}, "rows_against_last_run", ("failed", "warn", "0.21 to 5 times as many", "0.2 times (20)")),
        ({}, "max_valid_rate_drop", ("passed", "warn", "at least 70 %", "80 % (16 of 20)")),
        ({"max_valid_rate_drop": 0.05}, "max_valid_rate_drop", ("failed", "warn", "at least 85 %", "80 % (16 of 20)")),
        ({"severity": {"min_rows": "warn"}, "min_rows": 21}, "min_rows", ("failed", "warn", "at least 21", "20")),
    ],
)  # fmt: skip
def test_each_part_of_the_suite_at_its_edge(quality, name, result):
    frame = contacts(
        msisdn=[f"+44740010000{k // 2}" for k in range(16)],
        region=["GB", "GB", "FR", "GB"],
        city=["Leeds", "York", "", "Ely"],
    )
    judgements = judged(Quality.model_validate(quality), frame, last=LAST, source_rows=20)
    assert judgements[name] == result


def test_what_is_off_is_not_looked_for():
    off = dict.fromkeys(Quality().severity.model_dump(), "off")
    quality = Quality.model_validate(
        {"severity": off, "complete": {"x": 1}, "required_columns": ["x"], "allowed_countries": ["GB"]}
    )
    assert judged(quality, contacts(plan=["a"]), last=LAST) == {}


def test_a_last_run_of_nobody_compares_with_nothing():
    assert not {"rows_against_last_run", "max_valid_rate_drop"} & set(
        judged(Quality(), contacts(plan=["a"]), last=LastRun(7, 0, 0))
    )


def test_a_file_without_a_single_contact_fails_for_its_numbers_alone():
    judgements = judged(Quality(complete={"plan": 1.0}), contacts(plan=[]), source_rows=4)
    assert {name for name, (verdict, *_) in judgements.items() if verdict == "failed"} == {"min_valid_rate"}


def test_what_only_rows_can_tell_is_not_judged_by_rates():
    quality = Quality.model_validate(
        {"expectations": [{"name": "expect_column_mean_to_be_between", "column": "points", "min_value": 1}]}
    )
    checks = suite(quality, measured(quality, contacts(points=["1"])), None)
    assert compare(checks)[-1].verdict is Verdict.NOT_JUDGED
