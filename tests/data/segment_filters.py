"""Random people and random filters about them, for the laws of segments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.data.segment_model import LISTS, STANDARD, Person, Run

RUNS = [
    Run(1, "spring", 30.0),
    Run(2, "autumn's", 9.0),
    Run(3, "spring", 3.0),
    Run(4, "spring", None),
    Run(5, "spring", 1.0, is_simulated=True),
]
TEXTS = [
    "north", "North", "nörth", "no", "10", "10.0", "010", "-3", "+3", "3.5", "1e3", "１２", " 5", "5 ", "9" * 15,
    "9" * 16, "-0", "-12", "12.", "2026-01-31", "2026-02-30", "2026-01-31 9", "2026-02-01U", "2026-01-31T10:00", "2026-13-01", "2026-02-01x", "%", "_", "'", '"', "\\", "' or '1'='1",
    "null", "👍", "de", "DE-at", "de_CH", "den",
]  # fmt: skip
NAMES = [
    "region",
    "age",
    "a.b",
    "a[0]",
    "$",
    "größe",
    "o'clock",
    "x y",
    ":name",
    "{where}",
    "%s",
    *STANDARD[:3],
]
EVENTS = ["texted", "delivered", "failed", "replied", "clicked"]
PURPOSES = ["marketing", "service"]
_DAYS = [0.5, 3.5, 9.5, 13.5, 14.5, 30.5]  # never as long ago as a filter looks back to
_SPANS = ["1d", "4d", "14d", "30d"]
_COUNTRIES = ["GB", "DE", "FR"]

Draw = Callable[[st.SearchStrategy[Any]], Any]


@st.composite
def people(draw: Draw) -> Person:
    days = st.sampled_from(_DAYS)
    said = st.dictionaries(st.sampled_from(PURPOSES), st.booleans())
    done = st.dictionaries(st.sampled_from(EVENTS), days, max_size=4)
    return Person(
        fields=draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from([None, "", *TEXTS]), max_size=6)),
        region=draw(st.sampled_from(_COUNTRIES)),
        lists=draw(st.frozensets(st.integers(0, len(LISTS) - 1))),
        created=draw(days),
        changed=draw(days),
        consents=draw(said),
        past_consents=draw(said),
        did=draw(st.dictionaries(st.integers(1, len(RUNS)), done, max_size=4)),
    )


@st.composite
def filters(draw: Draw) -> dict[str, Any]:
    """As a file says it."""
    return {**_group(draw, deepest=3), "simulated": draw(st.booleans())}


def _group(draw: Draw, *, deepest: int) -> dict[str, Any]:
    keys = draw(st.lists(st.sampled_from(["all", "any", "not"]), min_size=1, max_size=2, unique=True))
    group: dict[str, Any] = {}
    for key in keys:
        group[key] = [_condition(draw, deepest=deepest) for _ in range(draw(st.integers(1, 3)))]
    if len(group.get("not", [])) == 1 and draw(st.booleans()):
        group["not"] = group["not"][0]
    return group


def _condition(draw: Draw, *, deepest: int) -> dict[str, Any]:
    if deepest > 1 and draw(st.integers(0, 3)) == 0:
        return _group(draw, deepest=deepest - 1)
    say: Callable[[Draw], dict[str, Any]] = draw(
        st.sampled_from([_listed, _field, _field, _person, _behaved, _behaved])
    )
    return say(draw)


def _listed(draw: Draw) -> dict[str, Any]:
    kind, name = draw(st.sampled_from(LISTS))
    denied = {"list": "not_in_list", "tag": "without_tag"}[kind]
    return {draw(st.sampled_from([kind, denied])): name}


def _field(draw: Draw) -> dict[str, Any]:
    name = draw(st.sampled_from(NAMES))
    how = draw(
        st.sampled_from(["is", "is_not", "contains", "starts_with", "one_of", "is_empty", "number", "date"])
    )
    if how == "is_empty":
        return {"field": name, how: draw(st.booleans())}
    if how == "one_of":
        return {"field": name, how: draw(st.lists(_text(), min_size=1, max_size=4))}
    if how not in ("number", "date"):
        return {"field": name, how: draw(_text())}
    numbers = [-3, 0, 3, 3.5, 5, 10, 12, 999_999_999_999_999]
    bound = st.sampled_from(numbers if how == "number" else ["2026-01-30", "2026-01-31", "2026-02-01"])
    ends = draw(st.sampled_from([["at_least"], ["at_most"], ["at_least", "at_most"]]))
    return {"field": name, **{end: draw(bound) for end in ends}}


def _text() -> st.SearchStrategy[str]:
    return st.sampled_from([text.strip() for text in TEXTS])


def _person(draw: Draw) -> dict[str, Any]:
    subject = draw(st.sampled_from(["country", "language", "created", "changed", "consent"]))
    if subject == "country":
        return {subject: draw(st.lists(st.sampled_from(_COUNTRIES), min_size=1))}
    if subject == "language":
        return {subject: draw(st.sampled_from(["de", "DE-AT", "de-ch", "fr"]))}
    if subject == "consent":
        state = draw(st.sampled_from(["given", "withdrawn", "unknown"]))
        return {subject: state, "purpose": draw(st.sampled_from(PURPOSES))}
    return {subject: {draw(st.sampled_from(["within", "before"])): draw(st.sampled_from(_SPANS))}}


def _behaved(draw: Draw) -> dict[str, Any]:
    event = draw(st.sampled_from(EVENTS))
    how = draw(st.sampled_from(["ever", "never", "within", "not_within"]))
    run = draw(
        st.sampled_from(
            [
                {},
                {"run": "last"},
                {"run": draw(st.integers(1, len(RUNS)))},
                {"campaign": "spring"},
                {"campaign": "spring", "run": "last"},
                {"campaign": "autumn's", "run": "last"},
                {"campaign": "unheard of"},
            ]
        )
    )
    if how in ("ever", "never") and not run and draw(st.booleans()):
        return {event: how}
    when = {"ever": {}, "never": {"never": True}}.get(how, {how: draw(st.sampled_from(_SPANS))})
    return {event: {**when, **run}}
