"""Which suppressions stand by the word of lists alone: imports' columns, or files. Only these end by their source.

Of several lists that name a person all are kept, in the order of their words: `opt-outs.csv + import people, column stop`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

# What people said themselves, what was found out about their numbers, and the end of a person's data. Lower case.
KEPT_REASONS = (
    "complaint",
    "consent withdrawn",
    "forgotten",
    "hard failure",
    "opted out at the gateway",
    "opted_out",
    "stop",
)
MOST_LISTS = 5  # of one suppression that are named
AND = " + "  # between two of them
MORE = "and more"  # in the place of those beyond; neither a file, for it has no ending, nor a column

_COLUMN = re.compile(r"import .+, column .+", re.DOTALL)
_FILE = re.compile(r"(?!by hand: |reply to |run \d)[^/\\]+\.\w{1,8}", re.DOTALL)
_PLUS = re.compile(r"(?<![^ ])\+(\+*)(?![^ ])")  # words of nothing but plus signs


def list_source(name: str) -> str:
    """The source of one list, a file's name or the words for a column: a + that stands alone in it is written ++."""
    return _PLUS.sub(r"+\g<0>", name)


@lru_cache(maxsize=1024)
def lists_of(source: str) -> tuple[str, ...]:
    """The lists whose word a stored source is, as `list_source` writes them, and MORE; none for any other source."""
    parts = source.split(AND)
    if all(_is_one(part) for part in parts if part != MORE):
        return tuple(parts)
    # Written by an earlier version, which knew no joined sources.
    return (list_source(source),) if _is_one(source) else ()


def is_list(source: str) -> bool:
    """Whether a source names one column of an import or one file of suppressions. A file without an ending is not known."""
    lists = lists_of(source)
    return len(lists) == 1 and lists != (MORE,)


def is_word_of_a_list(source: str, reason: str) -> bool:
    """Whether nothing but lists says so: then it ends by its source, and gives way to what people say themselves."""
    return bool(lists_of(source)) and reason.lower() not in KEPT_REASONS


@lru_cache(maxsize=1024)
def joined(source: str, other: str) -> str:
    """What both say, each list once, MOST_LISTS of them at most; source itself, where the other says nothing new."""
    lists = lists_of(source)
    new = [one for one in lists_of(other) if one not in lists]
    if not new or (MORE in lists and len(lists) > MOST_LISTS):
        return source
    named = [one for one in (*lists, *new) if one != MORE]
    has_more = len(named) > MOST_LISTS or MORE in lists or MORE in new
    return AND.join([*named[:MOST_LISTS], *([MORE] if has_more else [])])


def without(source: str, one: str) -> str:
    """What the other lists say. one: as `lists_of` gives it; empty: nobody else says anything."""
    return AND.join(told for told in lists_of(source) if told != one)


def alone(one: str) -> list[str]:
    """The stored sources that are this list's alone: as `list_source` writes it, and as an earlier version did."""
    return sorted({form for form in _forms(one) if lists_of(form) == (one,)})


def _forms(one: str) -> Iterator[str]:
    yield one
    yield _PLUS.sub(r"\g<1>", one)


def _is_one(source: str) -> bool:
    return bool(_COLUMN.fullmatch(source) or _FILE.fullmatch(source))
