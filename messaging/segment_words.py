"""A segment's filter for people: as a sentence, as the file that says it, and from the short forms of a command line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from messaging.segment_filter import (
    Age,
    BadFilter,
    Behaviour,
    Condition,
    ConsentCondition,
    Country,
    Dated,
    FieldCondition,
    Group,
    Language,
    Membership,
    Past,
    SegmentFilter,
    as_written,
)

_MOST_VALUES_SHOWN = 5
_DID = {
    "texted": ("was texted", "was not texted"),
    "delivered": ("got a text", "got no text"),
    "failed": ("had a text that did not arrive", "had no text that did not arrive"),
    "replied": ("replied", "did not reply"),
    "clicked": ("clicked", "did not click"),
}
_WHERE = re.compile(
    r"\s*(?P<field>[^\s=!<>]+)\s*(?:(?P<sign>!=|>=|<=|=)\s*|\s(?P<words>contains|starts with|in)\s+)(?P<value>.*\S)\s*"
)
_IS_EMPTY = re.compile(r"\s*(?P<field>[^\s=!<>]+)\s+is\s+(?P<not>not\s+)?empty\s*")
_SIGNS = {"=": "is", "!=": "is_not", ">=": "at_least", "<=": "at_most"}


def in_words(segment: SegmentFilter) -> str:
    """The sentence: in list A, and region is north, and was not texted for 14 days, and clicked in the last run."""
    return ", and ".join(_parts(segment))


def as_toml(segment: SegmentFilter) -> str:
    """The file that says the same."""
    lines = []
    for key, value in sorted(as_written(segment).items(), key=lambda item: isinstance(item[1], list)):
        if isinstance(value, list):
            inner = "".join(f"    {_inline(item)},\n" for item in value)
            lines.append(f"{key} = [\n{inner}]")
        else:
            lines.append(f"{key} = {_inline(value)}")
    return "\n".join(lines) + "\n"


def read_where(text: str) -> dict[str, Any]:
    """A condition on a field as a line says it: region = north. Raises BadFilter.

    Known: =, !=, >=, <=, contains, starts with, in (with commas between), is empty, is not empty.
    """
    if found := _IS_EMPTY.fullmatch(text):
        return {"field": found["field"], "is_empty": found["not"] is None}
    found = _WHERE.fullmatch(text)
    if found is None:
        raise BadFilter(
            f"{text!r}: write a field, a comparison and a value, such as 'region = north', 'age >= 18', "
            "'city contains ham', 'plan in basic, plus' or 'email is empty'."
        )
    field, value = found["field"], found["value"]
    if found["sign"]:
        return {"field": field, _SIGNS[found["sign"]]: value}
    if found["words"] == "in":
        return {"field": field, "one_of": [one.strip() for one in value.split(",") if one.strip()]}
    return {"field": field, found["words"].replace(" ", "_"): value}


def _parts(group: Group) -> list[str]:
    parts = [_words(condition) for condition in group.all_ or ()]
    if group.any_:
        either = " or ".join(_words(condition) for condition in group.any_)
        parts.append(f"({either})" if len(group.any_) > 1 else either)
    return parts + [f"not ({_bare(condition)})" for condition in group.not_ or ()]


def _bare(condition: Condition) -> str:
    return ", and ".join(_parts(condition)) if isinstance(condition, Group) else _words(condition)


def _words(condition: Condition) -> str:
    match condition:
        case Group():
            parts = _parts(condition)
            return parts[0] if len(parts) == 1 else f"({', and '.join(parts)})"
        case Membership():
            return _membership(condition)
        case FieldCondition():
            return _field(condition)
        case Country():
            return f"number of {_either(condition.country)}"
        case Language():
            return f"language {_either(condition.language)}"
        case Dated():
            return _dated(condition)
        case ConsentCondition():
            return f"consent to {condition.purpose} {condition.consent}"
        case Behaviour():
            return _behaviour(condition)


def _membership(condition: Membership) -> str:
    if condition.kind == "list":
        return f"{'not ' if condition.is_denied else ''}in list {condition.name}"
    return f"{'not ' if condition.is_denied else ''}tagged {condition.name}"


def _field(condition: FieldCondition) -> str:
    name = condition.field
    if condition.is_empty is not None:
        return f"{name} is {'' if condition.is_empty else 'not '}empty"
    if condition.one_of is not None:
        return f"{name} is {_either(condition.one_of)}"
    if condition.at_least and condition.at_most:
        return f"{name} is from {condition.at_least} to {condition.at_most}"
    said = {
        "is": condition.is_,
        "is not": condition.is_not,
        "contains": condition.contains,
        "starts with": condition.starts_with,
        "is at least": condition.at_least,
        "is at most": condition.at_most,
    }
    verb, value = next((verb, value) for verb, value in said.items() if value is not None)
    return f"{name} {verb} {value}"


def _dated(condition: Dated) -> str:
    what, age = ("created", condition.created) if condition.created else ("changed", condition.changed)
    assert isinstance(age, Age)
    if age.within_s is not None:
        return f"{what} within the last {_span(age.within_s)}"
    assert age.before_s is not None
    return f"{what} more than {_span(age.before_s)} ago"


def _behaviour(condition: Behaviour) -> str:
    past = condition.past
    did, did_not = _DID[condition.event]
    where = _scope(past)
    if past.not_within_s is not None:
        return f"{did_not}{where} for {_span(past.not_within_s)}"
    if past.within_s is not None:
        return f"{did}{where} within the last {_span(past.within_s)}"
    if past.never:
        return f"{did_not}{where}" if where else f"never {did}"
    return f"{did}{where}" if where else f"{did} at some time"


def _scope(past: Past) -> str:
    if isinstance(past.run, int):
        return f" in run {past.run}"
    if past.run == "last":
        return f" in the last run of {past.campaign}" if past.campaign else " in the last run"
    return f" by {past.campaign}" if past.campaign else ""


def _either(values: Sequence[str]) -> str:
    shown = list(values[:_MOST_VALUES_SHOWN])
    if len(values) > len(shown):
        shown.append(f"one of {len(values) - len(shown):,} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _span(seconds: int) -> str:
    """1209600 → 14 days."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        if seconds % length == 0:
            n = seconds // length
            return f"{n} {unit}" if n == 1 else f"{n} {unit}s"
    raise AssertionError("every number of seconds is one of seconds")


def _inline(value: object) -> str:
    """TOML on one line; its texts are written as JSON's are, but for one character that JSON need not escape."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_inline(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
