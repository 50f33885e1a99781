from __future__ import annotations

import datetime as dt
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings

from messaging.segment_filter import (
    DEEPEST,
    MOST_CONDITIONS,
    BadFilter,
    as_written,
    asks_for,
    is_date,
    is_number,
    leaves,
    parse_filter,
)
from messaging.segment_words import as_toml, in_words, read_where
from tests.data.segment_filters import filters

EXAMPLE = """
description = "North, who liked the last one"
all = [
    { list = "A" },
    { field = "region", is = "north" },
    { texted = { not_within = "14d" } },
    { clicked = { run = "last" } },
]
"""


def refusal(definition: dict[str, Any]) -> str:
    with pytest.raises(BadFilter) as raised:
        parse_filter(definition)
    return str(raised.value)


def test_the_issues_example_reads_well():
    segment = parse_filter(tomllib.loads(EXAMPLE))
    assert in_words(segment) == (
        "in list A, and region is north, and was not texted for 14 days, and clicked in the last run"
    )
    assert asks_for(segment) == {"texted", "clicked"}
    assert as_written(segment) == tomllib.loads(EXAMPLE)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"not_in_list": "A"}, "not in list A"),
        ({"tag": "vip"}, "tagged vip"),
        ({"without_tag": "vip"}, "not tagged vip"),
        ({"field": "age", "at_least": 18}, "age is at least 18"),
        ({"field": "age", "at_least": 18, "at_most": 30.5}, "age is from 18 to 30.5"),
        ({"field": "due", "at_most": dt.date(2026, 1, 31)}, "due is at most 2026-01-31"),
        ({"field": "age", "is": 18}, "age is 18"),
        ({"field": "plan", "one_of": ["a", "b", "c"]}, "plan is a, b or c"),
        ({"field": "plan", "one_of": list("abcdefg")}, "plan is a, b, c, d, e or one of 2 more"),
        ({"field": "email", "is_empty": False}, "email is not empty"),
        ({"field": "city", "contains": "ham"}, "city contains ham"),
        ({"country": "germany"}, "number of DE"),
        ({"language": ["de", "pt_BR"]}, "language de or pt-br"),
        ({"created": {"within": "1d"}}, "created within the last 1 day"),
        ({"changed": {"before": "36h"}}, "changed more than 36 hours ago"),
        ({"consent": "given"}, "consent to marketing given"),
        ({"consent": "unknown", "purpose": "service"}, "consent to service unknown"),
        ({"texted": "ever"}, "was texted at some time"),
        ({"replied": "never"}, "never replied"),
        ({"failed": {"within": "2w"}}, "had a text that did not arrive within the last 14 days"),
        ({"texted": {"campaign": "spring", "run": "last", "never": True}}, "was not texted in the last run of spring"),
        ({"clicked": {"run": 12}}, "clicked in run 12"),
        ({"delivered": {"campaign": "spring", "within": "90s"}}, "got a text by spring within the last 90 seconds"),
        ({"any": [{"tag": "a"}, {"tag": "b"}]}, "(tagged a or tagged b)"),
        ({"not": {"all": [{"tag": "a"}, {"tag": "b"}]}}, "not (tagged a, and tagged b)"),
    ],
)  # fmt: skip
def test_each_condition_has_words(condition, words):
    assert in_words(parse_filter({"all": [condition]})) == words


@pytest.mark.parametrize(
    ("definition", "sentence"),
    [
        ({}, "segment: give at least one condition, under all, any or not; without one it would be everybody."),
        ({"al": []}, "al: unknown key; did you mean all?"),
        ({"all": []}, "all: is empty; write something, or leave it out."),
        ({"all": ["x"]}, 'all[1]: write a condition such as { list = "A" }.'),
        ({"all": [{"list": "A"}, {"feild": "x"}]}, "all[2]: feild: unknown key; did you mean field?"),
        ({"all": [{"field": "x", "iss": "y"}]}, "all[1].iss: unknown key; did you mean is?"),
        ({"all": [{"texted": {"withn": "3d"}}]}, "all[1].texted.withn: unknown key; did you mean within?"),
        ({"all": [{"not": {"any": [{"created": {"befor": "3d"}}]}}]}, "all[1].not[1].any[1].created.befor: unknown key; did you mean before?"),
        ({"all": [{"list": "A", "country": "DE"}]}, "all[1]: one condition at a time; put list and country into braces of their own."),
        ({"all": [{"list": "A", "tag": "b"}]}, "all[1]: one condition at a time; put list and tag into braces of their own."),
        ({"all": [{"list": None}]}, "all[1]: say what is asked for; null is no value."),
        ({"all": [{"list": " "}]}, "all[1].list: is empty; for a field without a value there is is_empty = true."),
        ({"all": [{"field": "x", "is": True}]}, 'all[1].is: write a text, such as "north".'),
        ({"all": [{"field": "x", "is": "a\0b"}]}, "all[1].is: a text stands on one line, without control characters."),
        ({"all": [{"field": 'a"b', "is": "x"}]}, 'all[1].field: a name has no " and no \\.'),
        ({"all": [{"field": "x", "at_least": "ten"}]}, "all[1].at_least: write a number of at most 15 digits, or a date such as 2026-01-31."),
        ({"all": [{"field": "x", "at_least": float("inf")}]}, "all[1].at_least: write a number of at most 15 digits, or a date such as 2026-01-31."),
        ({"all": [{"field": "x", "at_least": 1, "at_most": "2026-01-01"}]}, "all[1]: at_least and at_most are both numbers, or both dates."),
        ({"all": [{"texted": "once"}]}, 'all[1].texted: write "ever", "never" or { within = "14d" }.'),
        ({"all": [{"texted": {"within": "a fortnight"}}]}, 'all[1].texted.within: write seconds, or a text such as "90s", "15m", "24h", "2d".'),
        ({"all": [{"texted": {"run": "first"}}]}, 'all[1].texted.run: write "last", or the number of a run.'),
        ({"all": [{"texted": {"run": 1, "campaign": "a"}}]}, "all[1].texted: a run's number says which campaign it is; leave campaign out."),
        ({"all": [{"texted": {"within": "1d", "never": True}}]}, "all[1].texted: give only one of within, not_within and never."),
        ({"all": [{"created": {}}]}, "all[1].created: give either within or before."),
        ({"all": [{"country": "Atlantis"}]}, "all[1].country: write a country as two letters of ISO 3166, such as GB."),
        ({"all": [{"language": "German please"}]}, "all[1].language: write a language as its code, such as de or pt-BR."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence_with_its_place(definition, sentence):
    assert refusal(definition) == sentence


@pytest.mark.parametrize(
    "how", [{}, {"is": "a", "contains": "b"}, {"is": "a", "at_least": 3}, {"is_empty": None}]
)
def test_a_field_is_compared_in_one_way(how):
    assert "all[1]: give x one of is, is_not" in refusal({"all": [{"field": "x", **how}]})


def test_a_filter_is_no_larger_than_a_person_writes():
    assert "at most 200 conditions" in refusal({"any": [{"tag": "a"}] * (MOST_CONDITIONS + 1)})
    deep: dict[str, Any] = {"all": [{"tag": "a"}]}
    for _ in range(DEEPEST):
        deep = {"not": deep}
    assert "groups deep" in refusal(deep)
    assert list(leaves(parse_filter(deep["not"])))


@settings(max_examples=100, deadline=None)
@given(definition=filters())
def test_every_filter_is_written_as_it_is_read(definition):
    segment = parse_filter(definition)
    assert parse_filter(as_written(segment)) == segment
    assert parse_filter(tomllib.loads(as_toml(segment))) == segment
    assert in_words(segment)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("region = north", {"field": "region", "is": "north"}),
        ("region=north by west", {"field": "region", "is": "north by west"}),
        ("region != north", {"field": "region", "is_not": "north"}),
        ("age >= 18", {"field": "age", "at_least": "18"}),
        ("due<=2026-01-31", {"field": "due", "at_most": "2026-01-31"}),
        ("city contains a = b", {"field": "city", "contains": "a = b"}),
        ("name starts with  An ", {"field": "name", "starts_with": "An"}),
        ("plan in basic, plus ,", {"field": "plan", "one_of": ["basic", "plus"]}),
        ("email is empty", {"field": "email", "is_empty": True}),
        ("email is not empty", {"field": "email", "is_empty": False}),
    ],
)
def test_a_condition_on_a_line_is_the_one_of_a_file(text, condition):
    assert read_where(text) == condition
    assert parse_filter({"all": [condition]})


@pytest.mark.parametrize(
    "text", ["", "region", "region north", "= north", "region =", "a > 3", "two words = x"]
)
def test_what_is_no_condition_is_refused_with_examples(text):
    with pytest.raises(BadFilter, match="'region = north', 'age >= 18'"):
        read_where(text)


@pytest.mark.parametrize(
    ("text", "number", "date"),
    [
        ("5", True, False), ("-1.50", True, False), ("+5", True, False), ("1,000", False, False), ("5 EUR", False, False),
        ("1e3", False, False), ("٣", False, False), ("9" * 16, False, False), ("2026-01-31", False, True),
        ("2026-01-31T09:00", False, True), ("2026-01-31.", False, False), ("2026-1-31", False, False), ("", False, False),
    ],
)  # fmt: skip
def test_which_texts_are_numbers_and_dates(text, number, date):
    assert (is_number(text), is_date(text)) == (number, date)
