"""The expectations of Great Expectations that a campaign may name: their arguments, and how they read.

Known by a table, so that a campaign is checked when it is loaded, without the seconds that importing the library costs;
a test holds the table against the library. Left out are those that need a whole table, a second one or a query, and
those whose result is somebody's value (the largest, the most common one), because results are shown in places where no
value may stand.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["rows", "statistic", "distinct", "column"]

_BOUNDS = ("min_value", "max_value", "strict_min", "strict_max")
_LONGEST_SHOWN = 40
_MOST_SHOWN = 6
_ISO_DATE = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])")
_LOOKS_LIKE_A_NUMBER = re.compile(r"\+?\d{7,}")


@dataclass(frozen=True, slots=True)
class Known:
    """One expectation. words: what it counts, or measures. needs, takes: its arguments beside column.

    kind: of what it says something: rows one by one (and takes `mostly`), a statistic of the column, the share of
    distinct values, or the column itself.
    """

    words: str
    kind: Kind = "rows"
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()

    @property
    def arguments(self) -> tuple[str, ...]:
        return ("column", *self.needs, *self.takes, *(("mostly",) if self.kind == "rows" else ()))

    @property
    def has_bounds(self) -> bool:
        return "min_value" in self.takes


KNOWN: Mapping[str, Known] = {
    "expect_column_to_exist": Known("a column {column}", "column"),
    "expect_column_values_to_not_be_null": Known("contacts with a {column}"),
    "expect_column_values_to_be_unique": Known("contacts whose {column} nobody else has"),
    "expect_column_values_to_be_in_set": Known(
        "contacts whose {column} is one of {value_set}", needs=("value_set",)
    ),
    "expect_column_values_to_not_be_in_set": Known(
        "contacts whose {column} is none of {value_set}", needs=("value_set",)
    ),
    "expect_column_values_to_be_between": Known("contacts whose {column} is {bounds}", takes=_BOUNDS),
    "expect_column_value_lengths_to_be_between": Known(
        "contacts whose {column} is {bounds} characters long", takes=_BOUNDS
    ),
    "expect_column_value_lengths_to_equal": Known(
        "contacts whose {column} is {value} characters long", needs=("value",)
    ),
    "expect_column_values_to_match_regex": Known("contacts whose {column} matches {regex}", needs=("regex",)),
    "expect_column_values_to_not_match_regex": Known(
        "contacts whose {column} does not match {regex}", needs=("regex",)
    ),
    "expect_column_values_to_match_regex_list": Known(
        "contacts whose {column} matches {match_on} of {regex_list}",
        needs=("regex_list",),
        takes=("match_on",),
    ),
    "expect_column_values_to_not_match_regex_list": Known(
        "contacts whose {column} matches none of {regex_list}", needs=("regex_list",)
    ),
    "expect_column_values_to_match_strftime_format": Known(
        "contacts whose {column} is a date like {strftime_format}", needs=("strftime_format",)
    ),
    "expect_column_mean_to_be_between": Known("the mean of {column}", "statistic", takes=_BOUNDS),
    "expect_column_median_to_be_between": Known("the median of {column}", "statistic", takes=_BOUNDS),
    "expect_column_stdev_to_be_between": Known(
        "the standard deviation of {column}", "statistic", takes=_BOUNDS
    ),
    "expect_column_proportion_of_unique_values_to_be_between": Known(
        "distinct values of {column}, of the filled ones", "distinct", takes=("min_value", "max_value")
    ),
}


def complaint_about(name: str, arguments: Mapping[str, Any]) -> str | None:
    """What is wrong with an expectation as a campaign writes it, in one sentence without its values; None: nothing."""
    known = KNOWN.get(name)
    if known is None:
        near = difflib.get_close_matches(name.lower(), KNOWN, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else "docs/quality.md lists those a campaign may name"
        return f"{name} is no expectation known here; {hint}"
    for argument in arguments:
        if argument not in known.arguments:
            return f"{name} takes no {argument}; it takes {', '.join(known.arguments)}"
    for argument in ("column", *known.needs):
        if argument not in arguments:
            return f"{name} needs {argument}; add it"
    for argument, value in arguments.items():
        if not _ARGUMENTS[argument][0](value):
            return f"{name}: {argument} {_ARGUMENTS[argument][1]}"
    if known.has_bounds:
        return _complaint_about_bounds(name, known, arguments)
    return None


def read_as(name: str, arguments: Mapping[str, Any]) -> Literal["text", "number", "date"]:
    """As what the cells of the column are compared: every column arrives as text."""
    if KNOWN[name].kind == "statistic":
        return "number"
    if name != "expect_column_values_to_be_between":
        return "text"
    return "date" if isinstance(_bounds(arguments)[0], str) else "number"


def in_words(name: str, arguments: Mapping[str, Any]) -> str:
    """What the expectation counts or measures. Values that could be a phone number are not shown."""
    texts = {argument: _shown(value) for argument, value in arguments.items()}
    return KNOWN[name].words.format_map({"match_on": "any", **texts, "bounds": range_in_words(arguments)})


def wanted(name: str, arguments: Mapping[str, Any]) -> str:
    """How much of it there has to be."""
    kind = KNOWN[name].kind
    if kind == "column":
        return "there"
    if kind == "rows":
        return share_in_words(arguments.get("mostly", 1.0))
    return range_in_words(arguments, is_share=kind == "distinct")


def share_in_words(at_least: float) -> str:
    return "all" if at_least >= 1 else f"at least {percent(at_least)}"


def percent(share: float) -> str:
    """0.31249 → 31.2 %. Never rounded to all or nothing where it is not: 0.9999 is 99.99 %."""
    shown = f"{100 * share:.1f}"
    for decimals in range(2, 13):
        if float(shown) not in {0.0, 100.0} or share in {0.0, 1.0}:
            break
        shown = f"{100 * share:.{decimals}f}"
    return f"{shown.rstrip('0').rstrip('.')} %"


def range_in_words(arguments: Mapping[str, Any], *, is_share: bool = False) -> str:
    """Bounds: from 0 to 100, more than 3, at most 5."""
    low, high = arguments.get("min_value"), arguments.get("max_value")
    write: Callable[[Any], str] = percent if is_share else _shown
    at_least = "more than" if arguments.get("strict_min") else "at least"
    at_most = "less than" if arguments.get("strict_max") else "at most"
    parts = ([] if low is None else [f"{at_least} {write(low)}"]) + (
        [] if high is None else [f"{at_most} {write(high)}"]
    )
    return " and ".join(parts)


def _complaint_about_bounds(name: str, known: Known, arguments: Mapping[str, Any]) -> str | None:
    bounds = _bounds(arguments)
    if not bounds:
        return f"{name} needs min_value, max_value or both; add one"
    are_dates = [isinstance(bound, str) for bound in bounds]
    if any(are_dates) and name != "expect_column_values_to_be_between":
        return f"{name}: min_value and max_value are numbers"
    if any(are_dates) and not all(are_dates):
        return f"{name}: min_value and max_value are two numbers or two dates"
    low, high = arguments.get("min_value"), arguments.get("max_value")
    if low is not None and high is not None and low > high:
        return f"{name}: min_value is larger than max_value"
    if known.kind == "distinct" and not all(0 <= bound <= 1 for bound in bounds):
        return f"{name}: min_value and max_value are shares from 0 to 1"
    return None


def _bounds(arguments: Mapping[str, Any]) -> list[Any]:
    return [arguments[bound] for bound in ("min_value", "max_value") if arguments.get(bound) is not None]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(one, str) for one in value)


def _is_regex(value: Any) -> bool:
    try:
        re.compile(value)
    except (re.error, TypeError):
        return False
    return isinstance(value, str)


def _is_bound(value: Any) -> bool:
    return _is_number(value) or (isinstance(value, str) and _ISO_DATE.fullmatch(value) is not None)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


_ARGUMENTS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "column": (_is_text, "is the name of a column"),
    "mostly": (
        lambda value: _is_number(value) and 0 <= value <= 1,
        "is the share that has to be so, from 0 to 1",
    ),
    "value_set": (_are_texts, "is a list of texts, since every column is read as text"),
    "regex": (_is_regex, "is no regular expression that Python can read"),
    "regex_list": (
        lambda value: _are_texts(value) and all(_is_regex(one) for one in value),
        "is a list of regular expressions that Python can read",
    ),
    "match_on": (lambda value: value in {"any", "all"}, "is any or all"),
    "strftime_format": (_is_text, "is a pattern such as %Y-%m-%d"),
    "value": (lambda value: isinstance(value, int) and _is_number(value) and value >= 0, "is a whole number"),
    "min_value": (_is_bound, 'is a number, or a date as a text such as "2026-01-31"'),
    "max_value": (_is_bound, 'is a number, or a date as a text such as "2026-01-31"'),
    "strict_min": (_is_flag, "is true or false"),
    "strict_max": (_is_flag, "is true or false"),
}


def _shown(value: Any) -> str:
    """A value of a campaign file as a result may show it: short, and without what could be somebody's number."""
    if isinstance(value, list | tuple):
        more = f" and {len(value) - _MOST_SHOWN} more" if len(value) > _MOST_SHOWN else ""
        return ", ".join(_shown(one) for one in value[:_MOST_SHOWN]) + more
    if _is_number(value):
        return f"{value:,}"
    text = _LOOKS_LIKE_A_NUMBER.sub("…", str(value))
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
