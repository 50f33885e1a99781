"""What patterns of numbering plans look at: as an automaton, which tells from leading digits when all is settled.

Glushkov's construction: a state is the set of places in the patterns that the digits so far may have come to, as the
bits of an integer. It takes what libphonenumber's metadata is written in: digits, classes, groups, alternatives and
counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

_DIGITS = range(10)
_TOKEN = re.compile(r"\\d|\[[0-9-]+\]|[0-9]|\(\?:|[()|]")
_COUNT = re.compile(r"\?|\{(\d+)(?:,(\d+))?\}")

State = int
_START = 1


class _Part(NamedTuple):
    """A piece of a pattern: whether it takes no digit too, the places it begins at, and those it ends at one by one."""

    may_be_empty: bool
    first: State
    last: tuple[int, ...]


class PlanAutomaton:
    """Several patterns at once. Raises ValueError for a pattern that is written in anything else."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._next = [0]  # by place: where the digit after it may come to; place 0 stands before them all
        self._of_token: dict[str, State] = {}
        self._ways: dict[State, tuple[State, ...]] = {}
        self._behind: dict[tuple[str, int | None], State] = {}
        self._settled: dict[tuple[State, int], bool] = {}
        ends = 0
        for pattern in patterns:
            part, end = self._alternatives(pattern, 0)
            if end != len(pattern):
                raise ValueError(pattern)
            self._next[0] |= part.first
            ends |= _state(part.last)
        self._takes = [0] * 10  # by digit: the places that take it
        for token, taking in self._of_token.items():
            for digit in _digits_of(token):
                self._takes[digit] |= taking
        # By place: bit n for n digits more.
        self._n_to_end = [ends >> place & 1 for place in range(len(self._next))]
        for place in reversed(range(len(self._next))):  # what follows a place was made after it
            for after in _places(self._next[place]):
                self._n_to_end[place] |= self._n_to_end[after] << 1
        self._ends: dict[int, State] = {}

    def is_over(self, digits: str) -> bool:
        """No pattern goes on behind these digits, whatever follows them."""
        return not self._after(self._state(digits, None))

    def is_settled(self, digits: str, n_more: int) -> bool:
        """Which patterns match these digits and n_more others does not depend on the others."""
        return self._is_settled(self._state(digits, n_more), n_more)

    def _state(self, digits: str, n_more: int | None) -> State:
        """Where these digits lead; when n_more is told, only the places from which a pattern can end after so many others."""
        if not digits:
            return _START
        state = self._behind.get((digits, n_more))
        if state is None:
            before = self._state(digits[:-1], None if n_more is None else n_more + 1)
            state = self._ways_from(before)[int(digits[-1])]
            if n_more is not None:
                state &= self._ending_after(n_more)
            self._behind[digits, n_more] = state
        return state

    def _is_settled(self, state: State, n_more: int) -> bool:
        if not n_more or not state:
            return True
        known = self._settled.get((state, n_more))
        if known is None:
            within = self._ending_after(n_more - 1)
            ways = {way & within for way in self._ways_from(state)}
            known = len(ways) == 1 and self._is_settled(ways.pop(), n_more - 1)
            self._settled[state, n_more] = known
        return known

    def _ending_after(self, n_digits: int) -> State:
        """The places from which a pattern can end after so many digits."""
        ends = self._ends.get(n_digits)
        if ends is None:
            ends = _state(place for place, ns in enumerate(self._n_to_end) if ns >> n_digits & 1)
            self._ends[n_digits] = ends
        return ends

    def _ways_from(self, state: State) -> tuple[State, ...]:
        """The states that the ten digits lead to."""
        ways = self._ways.get(state)
        if ways is None:
            after = self._after(state)
            ways = self._ways[state] = tuple(after & takes for takes in self._takes)
        return ways

    def _after(self, state: State) -> State:
        after = 0
        for place in _places(state):
            after |= self._next[place]
        return after

    def _alternatives(self, pattern: str, at: int) -> tuple[_Part, int]:
        whole, at = self._sequence(pattern, at)
        while pattern[at : at + 1] == "|":
            part, at = self._sequence(pattern, at + 1)
            whole = _Part(
                whole.may_be_empty or part.may_be_empty, whole.first | part.first, whole.last + part.last
            )
        return whole, at

    def _sequence(self, pattern: str, at: int) -> tuple[_Part, int]:
        whole = _Part(may_be_empty=True, first=0, last=())
        while at < len(pattern) and pattern[at] not in "|)":
            part, end = self._atom(pattern, at)
            count = _COUNT.match(pattern, end)
            least, most = _counts(count)
            for n in range(most):
                again = part if n == 0 else self._atom(pattern, at)[0]  # places of its own
                whole = self._joined(whole, again, may_be_empty=again.may_be_empty or n >= least)
            at = count.end() if count else end
        return whole, at

    def _atom(self, pattern: str, at: int) -> tuple[_Part, int]:
        token = _TOKEN.match(pattern, at)
        if token is None or token[0] in "|)":
            raise ValueError(pattern)
        if token[0].startswith("("):
            part, end = self._alternatives(pattern, token.end())
            if pattern[end : end + 1] != ")":
                raise ValueError(pattern)
            return part, end + 1
        here = len(self._next)
        self._next.append(0)
        self._of_token[token[0]] = self._of_token.get(token[0], 0) | 1 << here
        return _Part(may_be_empty=False, first=1 << here, last=(here,)), token.end()

    def _joined(self, one: _Part, other: _Part, *, may_be_empty: bool) -> _Part:
        """One behind the other; may_be_empty: of the other."""
        for place in one.last:
            self._next[place] |= other.first
        return _Part(
            one.may_be_empty and may_be_empty,
            one.first | other.first if one.may_be_empty else one.first,
            one.last + other.last if may_be_empty else other.last,
        )


def _state(places: Iterable[int]) -> State:
    state = 0
    for place in places:
        state |= 1 << place
    return state


def _places(state: State) -> Iterator[int]:
    while state:
        place = (state & -state).bit_length() - 1
        yield place
        state ^= 1 << place


@cache
def _digits_of(token: str) -> tuple[int, ...]:
    takes = re.compile(token)
    return tuple(digit for digit in _DIGITS if takes.match(str(digit)))


def _counts(count: re.Match[str] | None) -> tuple[int, int]:
    if count is None:
        return 1, 1
    if count[1] is None:
        return 0, 1
    return int(count[1]), int(count[2] or count[1])
