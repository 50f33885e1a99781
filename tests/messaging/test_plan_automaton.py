"""What an automaton says of leading digits, held against trying every way to go on."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.plan_automaton import PlanAutomaton

DIGITS = "0123456789"
ATOMS = st.sampled_from(["0", "1", "7", "[12]", "[0-4]", "[135-79]", r"\d"])
COUNTS = st.sampled_from(["", "", "", "?", "{2}", "{1,2}", "{3}"])


def sequences(parts):
    piece = st.tuples(parts, COUNTS).map("".join)
    return st.lists(piece, min_size=1, max_size=3).map("".join)


PATTERNS = st.recursive(
    sequences(ATOMS),
    lambda inner: sequences(
        st.lists(inner, min_size=1, max_size=3).map(lambda some: f"(?:{'|'.join(some)})")
    ),
    max_leaves=4,
)


@settings(deadline=None)
@given(
    patterns=st.lists(PATTERNS, min_size=1, max_size=3),
    front=st.text(DIGITS, min_size=1, max_size=4),
    n=st.integers(0, 2),
)
def test_behind_settled_digits_no_other_digit_matters(patterns, front, n):
    settled = PlanAutomaton(patterns).is_settled(front, n)
    outcomes = {
        tuple(bool(re.fullmatch(pattern, front + "".join(more))) for pattern in patterns)
        for more in itertools.product(DIGITS, repeat=n)
    }
    assert not settled or len(outcomes) == 1
    assert settled or n


@settings(deadline=None)
@given(pattern=PATTERNS, front=st.text(DIGITS, min_size=1, max_size=4), more=st.text(DIGITS, max_size=3))
def test_where_a_pattern_is_over_what_follows_changes_no_match(pattern, front, more):
    if PlanAutomaton([pattern]).is_over(front):
        assert _end(pattern, front) == _end(pattern, front + more)


def _end(pattern, text):
    found = re.match(pattern, text)
    return found and found.end()


def test_numbers_of_a_plan_are_settled_by_their_prefix():
    plan = PlanAutomaton([r"7(?:[1-3]\d|4(?:[0-46-9]\d|5[0-689]))\d{6}", r"1\d{8,9}"])
    assert [plan.is_settled(front, 10 - len(front)) for front in ("1", "2", "7", "74", "740", "745", "7457")] == [
        True, True, False, False, True, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize("pattern", ["1(2", "1)2", "1*", "1+", "[^1]", "1$", "(?=1)2", "a", r"(1)\1"])
def test_what_is_written_otherwise_is_refused(pattern):
    with pytest.raises(ValueError):
        PlanAutomaton([pattern])
