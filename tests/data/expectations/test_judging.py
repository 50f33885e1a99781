"""What Great Expectations says of a contact file, and that it never lets through what it could not judge."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.expectations import judging
from data.expectations.judging import class_name, compare, judge
from data.expectations.suite import LastRun, suite
from messaging.expectations import KNOWN
from messaging.judgements import Verdict
from messaging.quality import Quality
from tests.data.expectations.files import contacts, measured

PASSED, FAILED, BROKEN = Verdict.PASSED, Verdict.FAILED, Verdict.BROKEN
PLANS = ["basic"] * 8 + ["premium"] * 9 + ["gold", None, " "]  # 18 filled, 17 of them known
POINTS = ["10", "20", "30", "40", "50", "60", "70", "80", "90", "many"] * 2
WEIGHTS = ["1", "2", "3", "4"] * 5


def expecting(name, **arguments):
    return Quality.model_validate({"expectations": [{"name": name, **arguments}]})


def judged(quality, frame, **how):
    """The judgements on a file, by name; the last of a name."""
    measures = measured(quality, frame, **how)
    judgements, judge_name = judge(suite(quality, measures, how.pop("last", None)), measures)
    assert judge_name == f"Great Expectations {version('great_expectations')}"
    return {one.name: one for one in judgements}


@pytest.mark.parametrize(
    ("name", "arguments", "verdict", "observed"),
    [
        ("expect_column_to_exist", {"column": "plan"}, PASSED, "there"),
        ("expect_column_to_exist", {"column": "shoe_size"}, FAILED, "not there"),
        ("expect_column_values_to_not_be_null", {"column": "plan", "mostly": 0.9}, PASSED, "90 % (18 of 20)"),
        ("expect_column_values_to_not_be_null", {"column": "plan", "mostly": 0.91}, FAILED, "90 % (18 of 20)"),
        ("expect_column_values_to_be_unique", {"column": "msisdn"}, PASSED, "100 % (20 of 20)"),
        ("expect_column_values_to_be_unique", {"column": "plan", "mostly": 0.1}, FAILED, "5.6 % (1 of 18)"),
        ("expect_column_values_to_be_in_set", {"column": "plan", "value_set": ["basic", "premium", "gold"]}, PASSED, "100 % (18 of 18)"),
        ("expect_column_values_to_be_in_set", {"column": "plan", "value_set": ["basic", "premium"]}, FAILED, "94.4 % (17 of 18)"),
        ("expect_column_values_to_be_in_set", {"column": "plan", "value_set": ["basic", "premium"], "mostly": 0.9}, PASSED, "94.4 % (17 of 18)"),
        ("expect_column_values_to_not_be_in_set", {"column": "plan", "value_set": ["gold"]}, FAILED, "94.4 % (17 of 18)"),
        ("expect_column_values_to_be_between", {"column": "weight", "min_value": 1, "max_value": 4}, PASSED, "100 % (20 of 20)"),
        ("expect_column_values_to_be_between", {"column": "weight", "min_value": 1, "strict_min": True}, FAILED, "75 % (15 of 20)"),
        ("expect_column_values_to_be_between", {"column": "points", "min_value": 0}, FAILED, "90 % (18 of 20)"),
        ("expect_column_values_to_be_between", {"column": "points", "max_value": 100, "mostly": 0.9}, PASSED, "90 % (18 of 20)"),
        ("expect_column_values_to_be_between", {"column": "joined", "min_value": "2026-01-01"}, FAILED, "50 % (10 of 20)"),
        ("expect_column_values_to_be_between", {"column": "joined", "max_value": "2026-02-01"}, PASSED, "100 % (20 of 20)"),
        ("expect_column_values_to_be_between", {"column": "plan", "max_value": "2026-02-01"}, FAILED, "0 % (0 of 18)"),
        ("expect_column_value_lengths_to_be_between", {"column": "plan", "min_value": 5}, FAILED, "94.4 % (17 of 18)"),
        ("expect_column_value_lengths_to_equal", {"column": "weight", "value": 1}, PASSED, "100 % (20 of 20)"),
        ("expect_column_values_to_match_regex", {"column": "plan", "regex": "^(?!g)[a-z]+$"}, FAILED, "94.4 % (17 of 18)"),
        ("expect_column_values_to_not_match_regex", {"column": "msisdn", "regex": "^\\+44"}, FAILED, "0 % (0 of 20)"),
        ("expect_column_values_to_match_regex_list", {"column": "plan", "regex_list": ["^b", "^p"]}, FAILED, "94.4 % (17 of 18)"),
        ("expect_column_values_to_match_regex_list", {"column": "plan", "regex_list": ["^b", "c$"], "match_on": "all", "mostly": 0.4}, PASSED, "44.4 % (8 of 18)"),
        ("expect_column_values_to_not_match_regex_list", {"column": "plan", "regex_list": ["^g", "^x"]}, FAILED, "94.4 % (17 of 18)"),
        ("expect_column_values_to_match_strftime_format", {"column": "joined", "strftime_format": "%Y-%m-%d"}, PASSED, "100 % (20 of 20)"),
        ("expect_column_mean_to_be_between", {"column": "weight", "min_value": 2, "max_value": 3}, PASSED, "2.5"),
        ("expect_column_mean_to_be_between", {"column": "weight", "max_value": 2}, FAILED, "2.5"),
        ("expect_column_mean_to_be_between", {"column": "points", "min_value": 0}, FAILED, "not all filled cells are numbers"),
        ("expect_column_median_to_be_between", {"column": "weight", "min_value": 2.5, "max_value": 2.5}, PASSED, "2.5"),
        ("expect_column_stdev_to_be_between", {"column": "weight", "min_value": 1, "max_value": 1.2}, PASSED, "1.147"),
        ("expect_column_proportion_of_unique_values_to_be_between", {"column": "plan", "max_value": 0.2}, PASSED, "16.7 % (3 of 18)"),
        ("expect_column_values_to_be_in_set", {"column": "empty", "value_set": ["a"]}, PASSED, "none is filled"),
    ],
)  # fmt: skip
def test_each_expectation_that_a_campaign_may_name_is_judged(name, arguments, verdict, observed):
    frame = contacts(
        plan=PLANS,
        points=POINTS,
        weight=WEIGHTS,
        joined=["2025-11-30", "2026-02-01"],
        empty=[None],
    )
    one = judged(expecting(name, **arguments), frame)[name]
    assert (one.verdict, one.observed) == (verdict, observed)


def test_every_expectation_of_the_table_is_tried_above():
    [mark] = [
        mark
        for mark in test_each_expectation_that_a_campaign_may_name_is_judged.pytestmark
        if mark.name == "parametrize"
    ]
    assert {case[0] for case in mark.args[1]} == set(KNOWN)


@pytest.mark.parametrize("name", KNOWN)
def test_the_table_of_expectations_says_what_the_library_says(name):
    import great_expectations as gx  # seconds, and not everybody who collects tests runs these

    fields = getattr(gx.expectations, class_name(name)).__fields__
    assert set(KNOWN[name].arguments) <= set(fields)
    required = {argument for argument, field in fields.items() if field.required}
    assert required <= {"column", *KNOWN[name].needs}


@pytest.mark.parametrize(
    "arguments", [{"column": "shoe_size", "value_set": ["43"]}, {"column": "shoe_size", "value_set": ["43"], "mostly": 0.0}]
)  # fmt: skip
def test_an_expectation_on_a_column_that_is_not_there_is_a_failure(arguments):
    name = "expect_column_values_to_be_in_set"
    one = judged(expecting(name, **arguments), contacts(plan=PLANS))[name]
    assert (one.verdict, one.observed, one.is_failure) == (BROKEN, "the source has no such column", True)


def test_an_error_inside_the_library_is_a_failure_and_the_rest_is_judged_all_the_same(monkeypatch):
    """A number is compared with texts: the library catches its own TypeError and goes on."""
    monkeypatch.setattr(judging, "read_as", lambda _name, _arguments: "text")
    quality = Quality.model_validate(
        {
            "expectations": [
                {"name": "expect_column_values_to_be_between", "column": "weight", "min_value": 0},
                {
                    "name": "expect_column_values_to_be_in_set",
                    "column": "plan",
                    "value_set": ["basic", "premium", "gold"],
                },
            ]
        }
    )
    by_name = judged(quality, contacts(plan=PLANS, weight=WEIGHTS))
    broken = by_name["expect_column_values_to_be_between"]
    assert (broken.verdict, broken.is_failure) == (BROKEN, True)
    assert broken.observed == "Great Expectations could not judge it (TypeError)"
    assert by_name["expect_column_values_to_be_in_set"].verdict is PASSED


def test_what_the_library_refuses_to_build_is_a_failure(monkeypatch):
    monkeypatch.setattr(judging, "class_name", lambda _name: "ExpectTheUnexpected")
    by_name = judged(Quality(), contacts(plan=PLANS))
    assert {one.verdict for one in by_name.values()} == {BROKEN}
    assert by_name["min_valid_rate"].observed == "Great Expectations could not judge it (AttributeError)"


def test_what_the_library_does_not_answer_is_a_failure(monkeypatch):
    real = judging._validate
    monkeypatch.setattr(judging, "_validate", lambda asked, frame: real(asked[:1], frame))
    by_name = judged(Quality(), contacts(plan=PLANS))
    assert by_name["min_rows"].verdict is PASSED
    assert by_name["min_valid_rate"].verdict is BROKEN
    assert by_name["min_valid_rate"].observed == "Great Expectations gave no answer"


def test_an_expectation_that_the_suite_holds_already_is_answered_for_both():
    quality = Quality.model_validate(
        {
            "complete": {"plan": 0.5},
            "expectations": [
                {"name": "expect_column_values_to_not_be_null", "column": "plan", "mostly": 0.5}
            ],
        }
    )
    by_name = judged(quality, contacts(plan=PLANS))
    assert by_name["complete"].verdict is by_name["expect_column_values_to_not_be_null"].verdict is PASSED


LARGE = {"plan": ["basic", "premium", None] * 20, "member": [str(k // 2) for k in range(60)]}
LARGE_QUALITY = Quality.model_validate(
    {
        "complete": {"plan": 0.6},
        "allowed_countries": ["GB"],
        "expectations": [
            {"name": "expect_column_values_to_be_unique", "column": "member"},
            {"name": "expect_column_values_to_be_in_set", "column": "plan", "value_set": ["basic", "premium"]},
        ],
    }
)  # fmt: skip


def test_above_the_limit_rates_are_exact_and_only_what_has_none_is_judged_on_a_sample():
    by_name = judged(LARGE_QUALITY, contacts(**LARGE))
    assert {name: one.basis for name, one in by_name.items()} == {
        "min_rows": "an exact rate of the whole source",
        "min_valid_rate": "an exact rate of the whole source",
        "min_unique_rate": "an exact rate of the whole source",
        "complete": "an exact rate of the whole source",
        "allowed_countries": "an exact rate of the whole source",
        "expect_column_values_to_be_unique": "an exact rate of the whole source",
        "expect_column_values_to_be_in_set": "a sample of 20 of 60 contacts",
    }
    assert by_name["complete"].observed == "66.7 % (40 of 60)"
    assert by_name["complete"].verdict is PASSED
    unique = by_name["expect_column_values_to_be_unique"]
    assert (unique.verdict, unique.observed) == (FAILED, "0 % (0 of 60)")
    assert by_name["expect_column_values_to_be_in_set"].verdict is PASSED


def test_up_to_the_limit_rows_are_judged():
    small = {name: cells[:48] for name, cells in LARGE.items()}
    by_name = judged(LARGE_QUALITY, contacts(**small))
    assert {one.basis for name, one in by_name.items() if name not in {"min_rows", "min_valid_rate"}} == {
        "all 48 contacts"
    }


CELLS = st.lists(st.sampled_from(["a", "b", "", None, " "]), min_size=0, max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=CELLS, n_rejects=st.integers(0, 12), rate=st.sampled_from([0.0, 1 / 3, 0.5, 0.7, 2 / 3, 1.0]))
def test_rows_rates_and_our_own_comparison_never_disagree(cells, n_rejects, rate):
    quality = Quality(
        min_rows=4,
        complete={"plan": rate},
        min_valid_rate=rate,
        min_unique_rate=rate,
        allowed_countries=("GB",),
    )
    numbers = [f"+44740010000{k % 3}" for k in range(len(cells))]
    regions = ["GB" if k % 5 else "FR" for k in range(len(cells))]
    frame = contacts(plan=cells, msisdn=numbers, region=regions)
    n_rows = frame.height + n_rejects
    by_rows = measured(quality, frame, source_rows=n_rows)
    last = LastRun(3, 10, 8)
    checks = suite(quality, by_rows, last)
    on_rows, _ = judge(checks, by_rows)
    without_rows = [type(check)(**{**_fields(check), "rows": None}) for check in checks]
    on_rates, _ = judge(without_rows, by_rows)
    ours = compare(checks)
    verdicts = [(one.name, one.verdict, one.observed) for one in ours]
    assert [(one.name, one.verdict, one.observed) for one in on_rows] == verdicts
    assert [(one.name, one.verdict, one.observed) for one in on_rates] == verdicts


def _fields(check):
    return {name: getattr(check, name) for name in check.__slots__}


def test_no_value_of_anybody_stands_in_a_judgement():
    frame = contacts(plan=["secret-plan"] * 3 + ["other"])
    quality = Quality.model_validate(
        {
            "expectations": [
                {"name": "expect_column_values_to_be_in_set", "column": "plan", "value_set": ["other"]},
                {"name": "expect_column_values_to_match_regex", "column": "msisdn", "regex": "^\\+447400100001$"},
            ]
        }
    )  # fmt: skip
    said = str(judged(quality, frame))
    assert "secret-plan" not in said
    assert "7400100" not in said
