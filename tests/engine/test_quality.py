"""The contacts of a plan, measured and judged."""

from __future__ import annotations

import json

import pytest

from data.expectations.suite import LastRun
from data.files import run_folder
from engine.freeze import freeze
from engine.quality import QualityFailed, compare_plan, judge_plan, refuse_failed
from messaging.judgements import Verdict
from tests.engine.planning import KEYS, NOW, mobiles

IN_LEEDS = {
    "name": "expect_column_values_to_be_in_set",
    "column": "city",
    "value_set": ["Leeds", "York"],
    "mostly": 0.6,
}


def verdicts(report):
    return {one.name: one.verdict.value for one in report.judgements}


def test_a_plan_is_judged_by_what_its_campaign_expects_of_all_contacts(desk):
    """9 rows, 8 contacts: also those that are left out later."""
    plan = desk.plan(quality={"complete": {"first_name": 0.8, "city": 0.9}, "expectations": [IN_LEEDS]})
    report = judge_plan(plan, last=None)
    assert (report.source_rows, report.contacts, report.n_judged_rows) == (9, 8, 8)
    observed = {one.words: (one.verdict.value, one.observed) for one in report.judgements[3:]}
    assert observed == {
        "contacts with a first_name": ("passed", "87.5 % (7 of 8)"),
        "contacts with a city": ("failed", "87.5 % (7 of 8)"),
        "contacts whose city is one of Leeds, York": ("passed", "71.4 % (5 of 7)"),
    }


def test_above_the_limit_a_sample_and_exact_rates_are_judged_and_the_report_says_so(desk):
    plan = desk.plan(quality={"complete": {"city": 0.8}, "expectations": [IN_LEEDS]})
    report = judge_plan(plan, last=None, limit=6, sample=5)
    assert (report.is_sample, report.n_judged_rows, report.contacts) == (True, 5, 8)
    assert {one.name: one.basis for one in report.judgements[3:]} == {
        "complete": "an exact rate of the whole source",
        IN_LEEDS["name"]: "a sample of 5 of 8 contacts",
    }


def test_columns_may_be_named_as_the_source_writes_them_or_as_templates_do(desk):
    desk.source("Phone;Vorname;Größe (cm);Region\n07400 123001;Ann;170;Nord\n")
    quality = {
        "required_columns": ["Vorname", "vorname", "Größe (cm)", "grosse_cm", "groesse"],
        "complete": {"Größe (cm)": 1, "msisdn": 1},
        "expectations": [
            {"name": "expect_column_values_to_be_in_set", "column": "Region", "value_set": ["Nord"]},
            {"name": "expect_column_values_to_be_in_set", "column": "region", "value_set": ["GB"]},
        ],
    }
    report = judge_plan(desk.plan("Hi {{ vorname }}", quality=quality), last=None)
    failed = [one.words for one in report.judgements if one.verdict is not Verdict.PASSED]
    assert failed == ["a column groesse"]


def test_rates_alone_judge_at_once_what_they_can(desk):
    plan = desk.plan(quality={"min_rows": 10, "expectations": [IN_LEEDS]})
    quick, whole = compare_plan(plan, last=None), judge_plan(plan, last=None)
    assert verdicts(quick) == verdicts(whole) | {IN_LEEDS["name"]: "not judged"}
    assert quick.objection == whole.objection


def test_a_run_is_compared_with_the_last_one(desk):
    desk.source(mobiles(range(123_000, 123_010)))
    report = judge_plan(desk.plan("Hi"), last=LastRun(3, 100, 100))
    assert (report.last_run, report.objection) == (3, None)
    assert [one.sentence for one in report.warnings] == [
        "rows of the source, against the 100 of run 3: wanted 0.2 to 5 times as many, observed 0.1 times (10)"
    ]


def test_what_stops_a_run_is_raised_as_a_sentence_with_the_next_step(desk):
    report = compare_plan(desk.plan(quality={"min_rows": 10}), last=None)
    with pytest.raises(QualityFailed) as raised:
        refuse_failed(report, where="runs/000001/quality.html")
    assert str(raised.value) == (
        "spring: the quality gate let nothing through. Rows of the source: wanted at least 10, observed 9. Nothing was "
        "sent; correct the source, or [quality] in the campaign. The whole report is runs/000001/quality.html in "
        "the var folder."
    )
    refuse_failed(compare_plan(desk.plan(), last=None))


def test_the_freeze_keeps_what_was_found_with_the_plan(desk):
    plan, run = desk.plan(), desk.run()
    report = compare_plan(plan, last=None)
    freeze(plan, run, store=desk.store, keys=KEYS, var_dir=desk.var_dir, quality=report, now=NOW)
    folder = run_folder(desk.var_dir, run.run)
    assert json.loads(folder.plan_json.read_text())["quality"] == report.as_dict()
    assert json.loads(folder.quality_json.read_text()) == report.as_dict()
    assert folder.quality_html.is_file()


def test_what_is_expected_of_the_contacts_does_not_change_the_plan(desk):
    strict = desk.plan(quality={"min_rows": 1000})
    assert strict.summary.plan_fingerprint == desk.plan().summary.plan_fingerprint
