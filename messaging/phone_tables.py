"""What the patterns say of a number, by its length and first digits: a look-up in place of some twenty searches.

Numbering plans are plans of prefixes: of +44 7400 123456 no pattern looks at what stands behind 7400. That is not
guessed but read off the patterns (messaging.plan_automaton): a table holds only what is true whatever digits follow,
as messaging.phone_patterns says it of one such number. All else stays undecided.

A plan is how digits are read: those behind one country code, or those dialled within one region. The numbers of a plan
that share their length and first two digits are of one kind, and have a shelf: a place for each of the 10,000 ways in
which four more digits can stand. It is made once so many of them have come that it pays.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

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

FEWEST_NUMBERS_OF_A_SHELF = 1_000

_FEWEST_DIGITS, _MOST_DIGITS = 3, 19  # as many fit into 64 bits
_N_LOOKED_AT = 6
_N_OF_A_KIND = 2
_PLACES = 10 ** (_N_LOOKED_AT - _N_OF_A_KIND)
_MOST_SHELVES = 1_000  # of 20 kB
_POWERS = pl.Series([10**n for n in range(20)], dtype=pl.UInt64)
_DESCRIBED = (
    "general_desc", "fixed_line", "mobile", "premium_rate", "toll_free", "shared_cost", "voip", "personal_number",
    "pager", "uan", "voicemail",
)  # fmt: skip

_PLANS = [None, *sorted(REGIONS_OF), *sorted(SUPPORTED_REGIONS)]  # None: there is no such country code
_KINDS_OF_A_LENGTH = 10**_N_OF_A_KIND
_KINDS_OF_A_PLAN = (_MOST_DIGITS + 1) * _KINDS_OF_A_LENGTH

# What a shelf says of a number: how many of its digits stand before the national number, and the rest of VERDICTS.
_SAYINGS = pl.Schema(
    {"n_before": pl.Int32, "code": pl.UInt64, "region": pl.String, "number_type": pl.UInt8, "rule": pl.String}
)
_UNDECIDED = 0  # the first saying


def _as_asked(numbers: pl.DataFrame, region: str | None) -> pl.DataFrame:
    """i; what is left of the number behind a country code, and its digits; its kind; the four digits after the first two."""
    written, number = numbers["written"], numbers["number"]
    is_foreign = written.str.starts_with("+")
    n_digits = written.str.len_bytes().cast(pl.Int32) - is_foreign.cast(pl.Int32)
    is_fit = number.is_not_null() & (n_digits <= _MOST_DIGITS)
    number, n_digits = number.fill_null(0), n_digits.clip(_FEWEST_DIGITS, _MOST_DIGITS)
    nothing = n_digits.clip(0, 0)
    if region:
        n_dialled = _n_dialled_abroad(number, n_digits, region).zip_with(~is_foreign, nothing)
        is_foreign = is_foreign | (n_dialled > 0)
        n_digits = n_digits - n_dialled
        number = number % _power(n_digits)
        is_fit = is_fit & (n_digits >= _FEWEST_DIGITS)
    head = _leading(number, n_digits, 3)
    plan = _plans_by_head().gather(head).zip_with(is_foreign, nothing + _PLANS.index(region))
    n_digits = n_digits - _lengths_by_head().gather(head).zip_with(is_foreign, nothing)
    number = number % _power(n_digits)
    first = _leading(number, n_digits, _N_LOOKED_AT)
    kind = plan * _KINDS_OF_A_PLAN + n_digits * _KINDS_OF_A_LENGTH + first // _PLACES
    return pl.DataFrame(
        {
            "i": numbers["i"],
            "number": number,
            "n_digits": n_digits,
            "kind": kind.zip_with(is_fit, nothing).cast(pl.UInt32),
            "ahead": (first % _PLACES).cast(pl.UInt32),
        }
    )


def _power(exponent: pl.Series) -> pl.Series:
    return _POWERS.gather(exponent.clip(0, 19).cast(pl.UInt32))


def _leading(number: pl.Series, n_digits: pl.Series, n: int) -> pl.Series:
    """The first n of so many digits, leading zeros among them; what is shorter has zeros behind."""
    return (number // _power(n_digits - n) * _power(n - n_digits)).cast(pl.Int32)


def _n_dialled_abroad(number: pl.Series, n_digits: pl.Series, region: str) -> pl.Series:
    """How many digits at the front of each number only say that it goes abroad. A zero behind them: they do not."""
    prefix = _metadata(country_code_for_region(region), region).international_prefix or ""
    nothing = n_digits.clip(0, 0)
    if not prefix.isdigit():
        return nothing  # there are several: what begins so is left undecided
    behind = _leading(number, n_digits, len(prefix) + 1) - int(prefix) * 10
    goes_abroad = (behind > 0) & (behind < 10) & (n_digits > len(prefix))
    return (nothing + len(prefix)).zip_with(goes_abroad, nothing)


@cache
def _plans_by_head() -> pl.Series:
    """The plan that three digits behind a '+' tell; 0: there is no such country code."""
    codes = country_codes().to_list()
    return pl.Series([_PLANS.index(code or None) for code in codes], dtype=pl.Int32)


@cache
def _lengths_by_head() -> pl.Series:
    """How many of them are the country code."""
    return pl.Series([len(str(code)) if code else 0 for code in country_codes().to_list()], dtype=pl.Int32)


@dataclass(frozen=True, slots=True)
class _Shelves:
    """shelf_of: by kind; 0: none. said: by shelf and place, which of the sayings it is."""

    shelf_of: pl.Series
    said: pl.Series
    sayings: pl.DataFrame

    def said_of(self, asked: pl.DataFrame) -> pl.Series:
        return self.said.gather(self.shelf_of.gather(asked["kind"]) * _PLACES + asked["ahead"])

    def in_words(self, decided: pl.DataFrame) -> pl.DataFrame:
        """VERDICTS. decided: i, number, n_digits, said."""
        said = decided["said"]
        power = _power(decided["n_digits"] - self.sayings["n_before"].gather(said))
        e164 = self.sayings["code"].gather(said) * power + decided["number"] % power
        words = [self.sayings[name].gather(said) for name in ("region", "number_type", "rule")]
        return pl.DataFrame([decided["i"], ("+" + e164.cast(pl.String)).alias("e164"), *words])

    def with_shelves(self, told: dict[int, list[_Told]]) -> _Shelves:
        """More of them. told: of kinds of numbers that have none, all that is known."""
        sayings = dict.fromkeys(saying for of_a_kind in told.values() for _, saying in of_a_kind if saying)
        numbers = {saying: number for number, saying in enumerate(sayings, start=self.sayings.height)}
        fronts = [one for of_a_kind in told.values() for one in of_a_kind]
        said = pl.DataFrame(
            {
                "saying": [numbers[saying] if saying else _UNDECIDED for _, saying in fronts],
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
            said=pl.Series([_UNDECIDED], dtype=pl.UInt16).new_from_index(0, _PLACES),
            sayings=pl.DataFrame([[None] * len(_SAYINGS)], schema=_SAYINGS, orient="row"),
        )

    def look_up(self, numbers: pl.DataFrame, region: str | None) -> tuple[pl.DataFrame, pl.DataFrame]:
        """VERDICTS on the numbers that the tables decide, in their order; and the others, as they came.

        numbers: i, written, as phone_patterns.read_digits gives them, and the same as `number`, null where it is too
        long. region: as in match_patterns.
        """
        asked = _as_asked(numbers, region)
        shelves = self._shelves_for(asked["kind"])
        said = shelves.said_of(asked)
        is_decided = said != _UNDECIDED
        decided = asked.with_columns(said.alias("said")).filter(is_decided)
        return shelves.in_words(decided), numbers.filter(~is_decided)

    def _shelves_for(self, kinds: pl.Series) -> _Shelves:
        """All shelves; those among them that pay from now on."""
        shelves = self._shelves
        without = kinds.filter(shelves.shelf_of.gather(kinds) == 0).rename("kind").value_counts(name="n")
        pays: dict[int | str, list[int]] = {}
        for kind, n in without.sort("kind").iter_rows():
            self._n_came[kind] += n
            of = _PLANS[kind // _KINDS_OF_A_PLAN]
            if of is not None and self._n_came[kind] >= self._fewest and _has_shelf(kind):
                pays.setdefault(of, []).append(kind)
        for of, its_kinds in pays.items():
            if len(shelves.said) <= _MOST_SHELVES * _PLACES:
                shelves = shelves.with_shelves(_told(of, its_kinds))
        self._shelves = shelves
        return shelves


_Saying = tuple[int, int | None, str | None, int | None, str | None]  # _SAYINGS
_Told = tuple[str, _Saying | None]  # what is true of all numbers of a kind that begin so; None: nothing is


def _has_shelf(kind: int) -> bool:
    of = _PLANS[kind // _KINDS_OF_A_PLAN]
    return of is not None and _plan(of) is not None and _front(kind)[1] >= _N_OF_A_KIND


def _front(kind: int) -> tuple[str, int]:
    """The first two digits, and how many there are."""
    length, front = divmod(kind % _KINDS_OF_A_PLAN, _KINDS_OF_A_LENGTH)
    return f"{front:0{_N_OF_A_KIND}}", length


def _told(of: int | str, kinds: list[int]) -> dict[int, list[_Told]]:
    """Of kinds of one plan, the shortest fronts, in order, and what is true of the numbers that begin so."""
    plan = _plan(of)
    assert plan is not None
    fronts = [(kind, front, is_settled) for kind in kinds for front, is_settled in plan.fronts(*_front(kind))]
    texts = [plan.written + front.ljust(_front(kind)[1], "0") for kind, front, _ in fronts]
    asked = pl.Series(
        [text for text, (*_, is_settled) in zip(texts, fronts, strict=True) if is_settled], dtype=pl.String
    )
    decided, _ = match_patterns(asked, plan.home, fewest_rows=0)
    sayings = {asked[i]: plan.saying(asked[i], *verdict) for i, *verdict in decided.iter_rows()}
    told: dict[int, list[_Told]] = {kind: [] for kind in kinds}
    for text, (kind, front, is_settled) in zip(texts, fronts, strict=True):
        told[kind].append((front, sayings.get(text) if is_settled else None))
    return told


class _Plan:
    """How digits are read: behind a country code, or (home) as dialled in a region.

    written: what stands before the digits. Raises ValueError for a plan that is no plan of prefixes.
    """

    def __init__(self, code: int, home: str | None) -> None:
        self.code, self.home = code, home
        self.written = "" if home else f"+{code}"
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
        international = _metadata(code, home).international_prefix if home else None
        self._international_prefix = re.compile(international) if international else None
        described = (getattr(metadata, name) for metadata in (*regions, *readers) for name in _DESCRIBED)
        self._wholes = PlanAutomaton(
            {one.national_number_pattern for one in described if one and one.national_number_pattern}
        )
        fronts = {international, *(one.leading_digits for one in regions)}
        self._prefixes = PlanAutomaton(
            {front for front in fronts if front} | {prefix.pattern for prefix in self._national_prefixes}
        )

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
            return 0, None, None, None, rule
        if len(e164) - 1 > _MOST_DIGITS:
            return None
        national = e164.removeprefix(f"+{self.code}")
        n_before = len(text) - len(self.written) - len(national)
        return (n_before, self.code, region, number_type, rule) if text.endswith(national) else None

    def _is_settled(self, front: str, n_digits: int) -> bool:
        """Whether no pattern that is asked of such a number, or of a rest of it, looks at a digit behind its front."""
        n_more = n_digits - len(front)
        if not n_more:
            return True
        if self._goes_abroad(front):
            return False
        starts = self._starts(front)
        return starts is not None and all(
            self._prefixes.is_over(front[start:]) and self._wholes.is_settled(front[start:], n_more)
            for start in starts
        )

    def _goes_abroad(self, front: str) -> bool:
        return self._international_prefix is not None and self._international_prefix.match(front) is not None

    def _starts(self, front: str) -> set[int] | None:
        """Where that may begin which patterns are asked of: behind the country code and the national prefix, or not.

        None: the front is too short to tell.
        """
        starts, code = {0}, str(self.code)
        if self.home and code.startswith(front):
            return None
        if self.home and front.startswith(code):
            starts.add(len(code))
        for _ in range(2):  # behind the code the prefix is taken off, and then once more
            found = [prefix.match(front, start) for start in starts for prefix in self._national_prefixes]
            starts |= {match.end() for match in found if match}
        return starts if max(starts) < len(front) else None


@cache
def _plan(of: int | str) -> _Plan | None:
    """None: there are numbers whose digits are exchanged, or patterns that look behind what they match."""
    try:
        return _Plan(of, None) if isinstance(of, int) else _Plan(country_code_for_region(of), of)
    except ValueError:
        return None


def _metadata(code: int, region: str) -> PhoneMetadata:
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    assert metadata is not None, (code, region)
    return metadata
