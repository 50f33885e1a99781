"""What the patterns say of a number, by its length and first digits: a look-up in place of some twenty searches.

Numbering plans are plans of prefixes: of +44 7400 123456 no pattern looks at what stands behind 7400. That is not
guessed but read off the patterns (messaging.plan_automaton): a table holds only what is true whatever digits follow,
as messaging.phone_patterns says it of one such number. All else stays undecided.

A plan is how digits are read: those behind one country code, those dialled within one region, and those of them that
begin with its own code. The numbers of a plan that share their length and first two digits (behind the code) are of one
kind, and have a shelf: a place for each of the 10,000 ways in which four more digits can stand. It is made once so many
of them have come that it pays.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import NamedTuple

import polars as pl
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE as REGIONS_OF
from phonenumbers import (
    SUPPORTED_REGIONS,
    PhoneMetadata,
    country_code_for_region,
    region_code_for_country_code,
)

from messaging.phone_patterns import country_codes, match_patterns
from messaging.plan_automaton import PlanAutomaton

FEWEST_NUMBERS_OF_A_SHELF = 100

_FEWEST_DIGITS, _MOST_DIGITS = 3, 19  # as many fit into 64 bits
_N_LOOKED_AT = 6
_N_OF_A_KIND = 2
_PLACES = 10 ** (_N_LOOKED_AT - _N_OF_A_KIND)
_MOST_SHELVES = 1_000  # of 20 kB
_DESCRIBED = (
    "general_desc", "fixed_line", "mobile", "premium_rate", "toll_free", "shared_cost", "voip", "personal_number",
    "pager", "uan", "voicemail",
)  # fmt: skip


class _Way(NamedTuple):
    """How digits are dialled: behind a country code, or in a home region, and there with or without its own code."""

    code: int
    home: str | None
    dialled: str  # in front of the digits


_PLANS: list[_Way | None] = [
    None,  # there is no such country code
    *(_Way(code, None, f"+{code}") for code in sorted(REGIONS_OF)),
    *(
        _Way(code, home, dialled)
        for home in sorted(SUPPORTED_REGIONS)
        for code in [country_code_for_region(home)]
        for dialled in ("", str(code))
    ),
]
_PLAN_NUMBERS = {way: number for number, way in enumerate(_PLANS)}
_KINDS_OF_A_LENGTH = 10**_N_OF_A_KIND
_KINDS_OF_A_PLAN = (_MOST_DIGITS + 1) * _KINDS_OF_A_LENGTH

# What a shelf says of a number: its last digits, which `modulus` leaves, behind `front` are E.164; front is null for
# what does not parse. The rest as in VERDICTS.
_SAYINGS = pl.Schema(
    {
        "modulus": pl.UInt64,
        "front": pl.UInt64,
        "region": pl.String,
        "number_type": pl.UInt8,
        "rule": pl.String,
    }
)
UNDECIDED = 0  # the first saying

# Digits are compared from the left: written as _MOST_DIGITS, with zeros behind.
_TO_THE_LEFT = pl.Series([10 ** (_MOST_DIGITS - n) for n in range(_MOST_DIGITS + 1)], dtype=pl.UInt64)


class Answers(NamedTuple):
    """What the tables say, row by row.

    e164: its digits, of every number that parses, valid or not. saying: which row of `sayings` has the rest of
    VERDICTS; 0: the number is undecided.
    """

    e164: pl.Series
    saying: pl.Series
    sayings: pl.DataFrame


def _kinds(numbers: pl.DataFrame, region: str | None) -> tuple[pl.Series, pl.Series]:
    """The kind of each number (0: no kind has a shelf for it), and the four digits after its first two."""
    number, n_digits = numbers["number"], numbers["written"].str.len_bytes()
    is_foreign = numbers["written"] < "0"  # only '+' is less
    n_digits = n_digits - is_foreign.cast(pl.UInt32)
    is_fit = number.is_not_null() & (n_digits >= _FEWEST_DIGITS) & (n_digits <= _MOST_DIGITS)
    n_digits = n_digits.zip_with(is_fit, _one(_FEWEST_DIGITS, pl.UInt32))
    digits = number.zip_with(is_fit, _one(0, pl.UInt64)) * _TO_THE_LEFT.gather(n_digits)
    heads = _heads(region)
    prefix = _prefix_abroad(region) if region else ""
    if prefix:
        # A zero behind it means that it was none: no country code begins so.
        goes_abroad = _begins_with(digits, prefix) & ~_begins_with(digits, prefix + "0") & ~is_foreign
        behind = (digits - _left(prefix)) * 10 ** len(prefix)
        digits = behind.zip_with(goes_abroad, digits)
        n_digits = n_digits - goes_abroad.cast(pl.UInt32) * len(prefix)
        is_foreign = is_foreign | goes_abroad
        is_fit = is_fit & (n_digits >= _FEWEST_DIGITS)
    head = (digits // 10 ** (_MOST_DIGITS - 3)).cast(pl.UInt32) + is_foreign.cast(pl.UInt32) * 1_000
    digits = (digits - heads["code"].gather(head)) * heads["to_the_left"].gather(head)
    first = (digits // 10 ** (_MOST_DIGITS - _N_LOOKED_AT)).cast(pl.UInt32)
    kind = heads["first_kind"].gather(head) + n_digits * _KINDS_OF_A_LENGTH + first // _PLACES
    return kind.zip_with(is_fit, _one(0, pl.UInt32)), first % _PLACES


def _one(value: int, dtype: type[pl.DataType]) -> pl.Series:
    return pl.Series([value], dtype=dtype)


def _left(digits: str) -> int:
    return int(digits.ljust(_MOST_DIGITS, "0"))


def _begins_with(digits: pl.Series, front: str) -> pl.Series:
    return digits.is_between(_left(front), _left(front) + 10 ** (_MOST_DIGITS - len(front)), closed="left")


def _prefix_abroad(region: str) -> str:
    """What is dialled in front of a country code; empty when there are several: what begins so is left undecided."""
    prefix = _metadata(country_code_for_region(region), region).international_prefix or ""
    return prefix if prefix.isdigit() else ""


@cache
def _heads(region: str | None) -> pl.DataFrame:
    """What three leading digits tell: of numbers dialled in a region, and from place 1,000 on of those with a country code.

    code: that they begin with, at the left; to_the_left: what moves the digits behind it there; first_kind: of the
    numbers that are dialled so, counting the digits of the code.
    """
    home = country_code_for_region(region) if region else None
    at_home = [home if home and f"{head:03}".startswith(str(home)) else 0 for head in range(1_000)]
    codes = [*at_home, *country_codes()]
    fronts = [str(code) if code else "" for code in codes]
    ways = [
        *(_Way(home, region, front) if home else None for front in fronts[:1_000]),
        *(_Way(code, None, f"+{code}") if code else None for code in codes[1_000:]),
    ]
    return pl.DataFrame(
        {
            "code": [_left(front) for front in fronts],
            "to_the_left": [10 ** len(front) for front in fronts],
            "first_kind": [
                _PLAN_NUMBERS[way] * _KINDS_OF_A_PLAN - len(front) * _KINDS_OF_A_LENGTH
                for way, front in zip(ways, fronts, strict=True)
            ],
        },
        schema={
            "code": pl.UInt64,
            "to_the_left": pl.UInt64,
            "first_kind": pl.UInt32,
        },
    )


@dataclass(frozen=True, slots=True)
class _Shelves:
    """shelf_of: by kind; 0: none. said: by shelf and place, which of the sayings it is."""

    shelf_of: pl.Series
    said: pl.Series
    sayings: pl.DataFrame

    def answers(self, number: pl.Series, kind: pl.Series, ahead: pl.Series) -> Answers:
        """Of numbers, by their kinds and the four digits after the first two."""
        saying = self.said.gather(self.shelf_of.gather(kind) * _PLACES + ahead).cast(pl.UInt32)
        e164 = number % self.sayings["modulus"].gather(saying) + self.sayings["front"].gather(saying)
        return Answers(e164, saying, self.sayings.select("region", "number_type", "rule"))

    def with_shelves(self, told: dict[int, list[_Told]]) -> _Shelves:
        """More of them. told: of kinds of numbers that have none, all that is known."""
        sayings = dict.fromkeys(saying for of_a_kind in told.values() for _, saying in of_a_kind if saying)
        numbers = {saying: number for number, saying in enumerate(sayings, start=self.sayings.height)}
        fronts = [one for of_a_kind in told.values() for one in of_a_kind]
        said = pl.DataFrame(
            {
                "saying": [numbers[saying] if saying else UNDECIDED for _, saying in fronts],
                "n": [10 ** (_N_LOOKED_AT - len(front)) for front, _ in fronts],
            },
            schema={"saying": pl.UInt16, "n": pl.UInt32},
        ).select(pl.col("saying").repeat_by("n").explode())
        n_before = len(self.said) // _PLACES
        return _Shelves(
            self.shelf_of.clone().scatter(list(told), range(n_before, n_before + len(told))),
            pl.concat([self.said, said.to_series()]).rechunk(),
            pl.concat([self.sayings, pl.DataFrame(list(sayings), schema=_SAYINGS, orient="row")]).rechunk(),
        )


class PhoneTables:
    """The shelves there are, and how many numbers of other kinds came so far. Two threads at once may make one twice.

    fewest: so many numbers of a kind pay for its shelf.
    """

    def __init__(self, *, fewest: int = FEWEST_NUMBERS_OF_A_SHELF) -> None:
        self._fewest = fewest
        self._n_came = Counter[int]()
        self._shelves = _Shelves(
            shelf_of=pl.Series([0], dtype=pl.UInt32).new_from_index(0, len(_PLANS) * _KINDS_OF_A_PLAN),
            said=pl.Series([UNDECIDED], dtype=pl.UInt16).new_from_index(0, _PLACES),
            sayings=pl.DataFrame([[None] * len(_SAYINGS)], schema=_SAYINGS, orient="row"),
        )

    def look_up(self, numbers: pl.DataFrame, region: str | None) -> Answers:
        """What the tables say of each number.

        numbers: written, as phone_patterns.read_digits gives them, and the same as `number`, null where there is none
        or it is too long. region: as in match_patterns.
        """
        kind, ahead = _kinds(numbers, region)
        return self._shelves_for(kind).answers(numbers["number"], kind, ahead)

    def _shelves_for(self, kinds: pl.Series) -> _Shelves:
        """All shelves; those among them that pay from now on."""
        shelves = self._shelves
        without = kinds.filter(shelves.shelf_of.gather(kinds) == 0).rename("kind").value_counts(name="n")
        pays = []
        for kind, n in without.sort("kind").iter_rows():
            self._n_came[kind] += n
            if self._n_came[kind] >= self._fewest and _has_shelf(kind):
                pays.append(kind)
        pays = pays[: _MOST_SHELVES - len(shelves.said) // _PLACES + 1]
        if pays:
            shelves = self._shelves = shelves.with_shelves(_told(pays))
        return shelves


_Saying = tuple[int, int | None, str | None, int | None, str | None]  # _SAYINGS
_Told = tuple[str, _Saying | None]  # what is true of all numbers of a kind that begin so; None: nothing is


def _has_shelf(kind: int) -> bool:
    return _plan(kind // _KINDS_OF_A_PLAN) is not None and _front(kind)[1] >= _N_OF_A_KIND


def _front(kind: int) -> tuple[str, int]:
    """The first two digits, and how many there are."""
    length, front = divmod(kind % _KINDS_OF_A_PLAN, _KINDS_OF_A_LENGTH)
    return f"{front:0{_N_OF_A_KIND}}", length


def _told(kinds: list[int]) -> dict[int, list[_Told]]:
    """Of each kind, the shortest fronts, in order, and what is true of the numbers that begin so. kinds: in order."""
    told: dict[int, list[_Told]] = {kind: [] for kind in kinds}
    plans = {kind: plan for kind in kinds if (plan := _plan(kind // _KINDS_OF_A_PLAN))}
    for home, its_kinds in groupby(plans, lambda kind: plans[kind].way.home):
        fronts = [
            (kind, front, is_settled, plans[kind].way.dialled + front.ljust(_front(kind)[1], "0"))
            for kind in its_kinds
            for front, is_settled in plans[kind].fronts(*_front(kind))
        ]
        texts = pl.Series([text for *_, is_settled, text in fronts if is_settled], dtype=pl.String)
        decided, _ = match_patterns(texts, home, fewest_rows=0)
        verdicts = {texts[i]: verdict for i, *verdict in decided.iter_rows()}
        for kind, front, is_settled, text in fronts:
            is_decided = is_settled and text in verdicts
            told[kind].append((front, plans[kind].saying(text, *verdicts[text]) if is_decided else None))
    return told


class _Plan:
    """How digits are read that are dialled in one way. Raises ValueError for a plan that is no plan of prefixes."""

    def __init__(self, way: _Way) -> None:
        self.way = way
        code, home, _ = way
        main = region_code_for_country_code(code)
        readers = [_metadata(code, region) for region in {main, home or main}]
        regions = [_metadata(code, region) for region in REGIONS_OF[code]]
        if any(reader.national_prefix_transform_rule for reader in readers):
            raise ValueError("digits are exchanged for others")
        self._national_prefixes = {
            re.compile(reader.national_prefix_for_parsing)
            for reader in readers
            if reader.national_prefix_for_parsing
        }
        self._local_code = way.dialled if home else ""
        international = _metadata(code, home).international_prefix if home else None
        self._international_prefix = re.compile(international) if international else None
        described = (getattr(metadata, name) for metadata in (*regions, *readers) for name in _DESCRIBED)
        self._wholes = _automaton(
            frozenset(one.national_number_pattern for one in described if one and one.national_number_pattern)
        )
        prefixes = {international, *(one.leading_digits for one in regions)}
        prefixes |= {prefix.pattern for prefix in self._national_prefixes}
        self._prefixes = _automaton(frozenset(prefix for prefix in prefixes if prefix))

    def fronts(self, front: str, n_digits: int) -> Iterator[tuple[str, bool]]:
        """The shortest leading digits, in order, after which all is settled for numbers of so many digits."""
        if self._is_settled(front, n_digits):
            yield front, True
        elif len(front) == _N_LOOKED_AT or self._goes_abroad(front):
            yield front, False
        else:
            for digit in "0123456789":
                yield from self.fronts(front + digit, n_digits)

    def saying(
        self, text: str, e164: str | None, region: str | None, number_type: int | None, rule: str | None
    ) -> _Saying | None:
        """What a verdict on one text says of its kind; None when its digits are not simply the end of the text, or too many."""
        if e164 is None:
            return 1, None, None, None, rule
        if len(e164) - 1 > _MOST_DIGITS:
            return None
        national = e164.removeprefix(f"+{self.way.code}")
        modulus = 10 ** len(national)
        return (
            (modulus, self.way.code * modulus, region, number_type, rule) if text.endswith(national) else None
        )

    def _is_settled(self, front: str, n_digits: int) -> bool:
        """Whether no pattern that is asked of such a number, or of a rest of it, looks at a digit behind its front."""
        n_more = n_digits - len(front)
        if not n_more:
            return True
        if self._goes_abroad(front):
            return False
        whole = self._local_code + front
        starts = self._starts(whole)
        return starts is not None and all(
            self._prefixes.is_over(whole[start:]) and self._wholes.is_settled(whole[start:], n_more)
            for start in starts
        )

    def _goes_abroad(self, front: str) -> bool:
        return (
            self._international_prefix is not None
            and self._international_prefix.match(self._local_code + front) is not None
        )

    def _starts(self, front: str) -> set[int] | None:
        """Where that may begin which patterns are asked of: behind the country code and the national prefix, or not.

        None: the front is too short to tell.
        """
        starts, code = {0}, str(self.way.code)
        if self.way.home and code.startswith(front):
            return None
        if self.way.home and front.startswith(code):
            starts.add(len(code))
        for _ in range(2):  # behind the code the prefix is taken off, and then once more
            found = [prefix.match(front, start) for start in starts for prefix in self._national_prefixes]
            starts |= {match.end() for match in found if match}
        return starts if max(starts) < len(front) else None


@cache
def _plan(number: int) -> _Plan | None:
    """None: there are numbers whose digits are exchanged, or patterns that look behind what they match."""
    way = _PLANS[number]
    try:
        return _Plan(way) if way else None
    except ValueError:
        return None


_automaton = cache(PlanAutomaton)  # ways to dial the same numbers share them


def _metadata(code: int, region: str) -> PhoneMetadata:
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    assert metadata is not None, (code, region)
    return metadata
