"""libphonenumber's algorithm on whole columns: parse, validity, type and region as Polars expressions.

A port, driven by the metadata inside `phonenumbers`, of phonenumberutil.parse, number_type, region_code_for_number and
is_possible_number_with_reason. That metadata has no look-ahead and no back-reference, so its patterns run on Polars'
own regex engine. What the port does not take (letters, extensions, several '+', countries with few rows, …) is left
undecided, for the library itself. tests/messaging/test_phone_patterns.py holds the port against the library on a
hostile corpus, and tells us when a new release changes the algorithm.

A row is named by `i`, its position in the column. Digits are ASCII from the first step on, so bytes count characters.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import polars as pl
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE as REGIONS_OF
from phonenumbers import SUPPORTED_REGIONS, PhoneMetadata, PhoneNumberType, region_code_for_country_code
from phonenumbers.phonemetadata import PhoneNumberDesc

from messaging.phone_rules import PhoneRule

# What is known of a number. e164 stands for every number that parses, valid or not; rule is null when it is valid.
VERDICTS = pl.Schema(
    {"i": pl.UInt32, "e164": pl.String, "region": pl.String, "number_type": pl.UInt8, "rule": pl.String}
)

MOST_CHARS = 250  # the library refuses longer ones
FEWEST_DIGITS = 3
FEWEST_ROWS_OF_A_COUNTRY = 256  # below, the library's loop costs less than building a country's expressions

_UNKNOWN = PhoneNumberType.UNKNOWN
_OTHER_TYPES = (  # in the library's order, before fixed line and mobile: the first match wins
    ("premium_rate", PhoneNumberType.PREMIUM_RATE),
    ("toll_free", PhoneNumberType.TOLL_FREE),
    ("shared_cost", PhoneNumberType.SHARED_COST),
    ("voip", PhoneNumberType.VOIP),
    ("personal_number", PhoneNumberType.PERSONAL_NUMBER),
    ("pager", PhoneNumberType.PAGER),
    ("uan", PhoneNumberType.UAN),
    ("voicemail", PhoneNumberType.VOICEMAIL),
)

_SIMPLE = r"^[^\p{Nd}+＋]*\+?[0-9 .()\-/\[\]]*$"  # leading words, at most one '+', then digits and separators

_SEPARATORS = "‐‑‒–—―−ー－／\u00a0\u00ad\u200b\u2060\u3000（）［］．"

# A short extension behind such a number, in the spellings that are one to the library beyond doubt: it changes nothing.
_EXTENSION = r"(?i)([0-9)]) ?(?:ext\.?|x) ?[0-9]{1,6}$"


def match_patterns(
    values: pl.Series, region: str | None, *, fewest_rows: int = FEWEST_ROWS_OF_A_COUNTRY
) -> tuple[pl.DataFrame, pl.Series]:
    """What the patterns can say of each value, read as a person in `region` would dial it.

    values: text without nulls. region: ISO 3166, one that libphonenumber supports; None: only numbers with country code
    are read. fewest_rows: a foreign country with fewer rows is left to the library.
    Returns VERDICTS, in no order, and the positions `i` of the values that are left undecided.
    """
    texts = pl.DataFrame({"i": pl.int_range(len(values), dtype=pl.UInt32, eager=True), "text": values})
    numbers, unread = read_digits(texts)
    decided, undecided = match_digits(numbers, region, fewest_rows=fewest_rows)
    return decided, pl.concat([unread, undecided])


def read_digits(texts: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """The texts of plain shape as `written`: digits, behind a '+' where one stood; and the rows `i` of all others.

    texts: i, text.
    """
    if texts.is_empty():
        return texts.select("i", written="text"), texts["i"]
    is_simple = texts["text"].str.contains(_SIMPLE)
    others = texts.filter(~is_simple)
    folded = others.with_columns(_in_ascii(others["text"]).str.replace(_EXTENSION, "${1}"))
    is_simple_now = folded["text"].str.contains(_SIMPLE)
    simple = pl.concat([texts.filter(is_simple), folded.filter(is_simple_now)])
    numbers = simple.select("i", written=pl.col("text").str.replace_all("[^0-9+]+", ""))
    # Fewer digits are no number, or a short code in the library's rare second reading: not worth a port.
    n_digits = numbers["written"].str.len_bytes() - numbers["written"].str.starts_with("+")
    is_fit = (n_digits >= FEWEST_DIGITS) & (simple["text"].str.len_bytes() <= MOST_CHARS)
    return (
        numbers.filter(is_fit),
        pl.concat([folded.filter(~is_simple_now)["i"], numbers.filter(~is_fit)["i"]]),
    )


def match_digits(
    numbers: pl.DataFrame, region: str | None, *, fewest_rows: int = FEWEST_ROWS_OF_A_COUNTRY
) -> tuple[pl.DataFrame, pl.Series]:
    """`match_patterns` on numbers as `read_digits` gives them: i, written."""
    if numbers.is_empty():
        return VERDICTS.to_frame(), numbers["i"]
    numbers = numbers.select(
        "i",
        has_plus=pl.col("written").str.starts_with("+"),
        digits=pl.col("written").str.strip_prefix("+"),
    )
    foreign, national = _apart(numbers, _region(region) if region else None)
    verdicts, undecided = [VERDICTS.to_frame()], [numbers["i"].clear()]
    for code, group in _by_country_code(foreign):
        if code == 0 or group.height < fewest_rows:
            undecided.append(group["i"])
        else:
            local = group.select("i", digits=pl.col("digits").str.slice(len(str(code))))
            verdicts.append(_judge(local, _main_region(code), code))
    if region is None:
        verdicts.append(refuse(national, PhoneRule.NO_REGION))
    elif national.height < fewest_rows:
        undecided.append(national["i"])
    else:
        verdicts += _judge_national(national, _region(region))
    return pl.concat(verdicts), pl.concat(undecided)


class _AsciiOf(dict[int, str]):
    """What people type instead of ASCII (other scripts' digits, dashes, wide brackets and spaces), for str.translate."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if char.isdecimal():
            in_ascii = str(unicodedata.digit(char))
        else:
            in_ascii = "+" if char == "＋" else "-" if char in _SEPARATORS else char
        self[code] = in_ascii
        return in_ascii


_ASCII_OF = _AsciiOf()


def _in_ascii(texts: pl.Series) -> pl.Series:
    others = (texts.str.len_bytes() > texts.str.len_chars()).arg_true()
    return texts.clone().scatter(others, [text.translate(_ASCII_OF) for text in texts.gather(others)])


def _apart(numbers: pl.DataFrame, home: _Region | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Numbers with a country code after '+' or the home country's international prefix, and the others: i, digits."""
    with_plus = numbers.filter("has_plus").select("i", "digits")
    others = numbers.filter(~pl.col("has_plus")).select("i", "digits")
    if home is None or not home.international_prefix:
        return with_plus, others
    prefix = pl.col("digits").str.extract(f"^({home.international_prefix})", 1)
    others = others.with_columns(after=pl.col("digits").str.slice(prefix.str.len_bytes()))
    # Null when there was no prefix. A zero after it means that it was none: no country code begins so.
    has_prefix = (others["after"].is_not_null()) & ~others["after"].str.starts_with("0").fill_null(
        value=False
    )
    return (
        pl.concat([with_plus, others.filter(has_prefix).select("i", digits="after")]),
        others.filter(~has_prefix).select("i", "digits"),
    )


def _by_country_code(numbers: pl.DataFrame) -> list[tuple[int, pl.DataFrame]]:
    """International numbers by country code; 0: there is no such code, or hardly a digit after the prefix."""
    head = pl.col("digits").str.head(3)
    code = (
        pl.when(pl.col("digits").str.len_bytes() >= 3).then(head.cast(pl.UInt16, strict=False)).otherwise(0)
    )
    numbers = numbers.with_columns(code=country_codes().gather(numbers.select(code).to_series()))
    return [(int(key[0]), group) for key, group in numbers.partition_by("code", as_dict=True).items()]


@cache
def country_codes() -> pl.Series:
    """The country code at each three leading digits: codes are prefix-free, so three decide. 0: none."""
    codes = [0] * 1000
    for code in REGIONS_OF:
        width = 10 ** (3 - len(str(code)))
        codes[code * width : (code + 1) * width] = [code] * width
    return pl.Series(codes, dtype=pl.UInt16)


def _judge_national(numbers: pl.DataFrame, home: _Region) -> list[pl.DataFrame]:
    """Numbers without '+' or international prefix; some carry the home country's code all the same."""
    code = str(home.country_code)
    starts = numbers["digits"].str.starts_with(code)
    maybe = numbers.filter(starts).with_columns(after=pl.col("digits").str.slice(len(code)))
    maybe = maybe.with_columns(after=home.without_national_prefix(pl.col("after")))
    whole, after = pl.col("digits"), pl.col("after")
    has_code = maybe.select(
        (~home.general.has_pattern(whole) & home.general.has_pattern(after)) | home.is_too_long(whole)
    ).to_series()
    with_code = maybe.filter(has_code).select("i", digits="after")
    without = pl.concat([numbers.filter(~starts), maybe.filter(~has_code).select("i", "digits")])
    main = _main_region(home.country_code)
    if main is home:
        return [_judge(pl.concat([with_code, without]), home, home.country_code)]
    return [_judge(with_code, main, home.country_code), _judge(without, home, home.country_code)]


def _judge(numbers: pl.DataFrame, region: _Region, country_code: int) -> pl.DataFrame:
    """The verdicts on i, digits (without country code), read with the metadata of one region."""
    if numbers.is_empty():
        return VERDICTS.to_frame()
    stripped = region.without_national_prefix(pl.col("digits"))
    numbers = numbers.with_columns(stripped=stripped).select(
        "i",
        n_digits=pl.col("digits").str.len_bytes(),
        nsn=pl.when(region.allows_length(pl.col("stripped"))).then("stripped").otherwise("digits"),
    )
    length = pl.col("nsn").str.len_bytes()
    too_short, too_long = (pl.col("n_digits") < 2) | (length < 2), length > 17
    numbers = numbers.with_columns(
        refused=pl.when(too_short)
        .then(pl.lit(PhoneRule.TOO_SHORT))
        .when(too_long)
        .then(pl.lit(PhoneRule.TOO_LONG))
    )
    refused = numbers.filter(pl.col("refused").is_not_null())
    parsed = _classify(numbers.filter(pl.col("refused").is_null()).select("i", "nsn"), country_code)
    rule = pl.when(pl.col("number_type") == _UNKNOWN).then(_main_region(country_code).rule_of_length())
    e164 = pl.concat_str(pl.lit(f"+{country_code}"), "nsn")
    return pl.concat(
        [
            parsed.select("i", "region", "number_type", e164=e164, rule=rule).select(VERDICTS.names()),
            refuse(refused, pl.col("refused")),
        ]
    )


def refuse(numbers: pl.DataFrame, rule: PhoneRule | pl.Expr) -> pl.DataFrame:
    """Verdicts on numbers that do not parse."""
    nothing = pl.lit(None, dtype=pl.String)
    return numbers.select(
        "i",
        e164=nothing,
        region=nothing,
        number_type=pl.lit(None, dtype=pl.UInt8),
        rule=(pl.lit(rule) if isinstance(rule, str) else rule).cast(pl.String),
    )


def _classify(numbers: pl.DataFrame, country_code: int) -> pl.DataFrame:
    """i, nsn + region, number_type. A shared code (+1, +44, +7, …) walks its regions in the library's order."""
    codes = REGIONS_OF[country_code]
    if len(codes) == 1:
        number_type = _main_region(country_code).number_types(numbers)
        return numbers.with_columns(number_type, region=pl.lit(codes[0]))
    found, rest = [], numbers
    for code in codes:
        region = _region(code)
        if region.leading_digits:
            is_here = rest["nsn"].str.contains(f"^(?:{region.leading_digits})")
            if not is_here.any():
                continue
            here = rest.filter(is_here)
            here = here.with_columns(region.number_types(here), region=pl.lit(code))
        else:
            number_type = region.number_types(rest)
            is_here = number_type != _UNKNOWN
            here = rest.with_columns(number_type, region=pl.lit(code)).filter(is_here)
        found.append(here)
        rest = rest.filter(~is_here)
        if not rest.height:
            break
    nowhere = rest.with_columns(
        number_type=pl.lit(_UNKNOWN, dtype=pl.UInt8), region=pl.lit(None, dtype=pl.String)
    )
    return pl.concat([*found, nowhere])


class _Numbers:
    """One kind of number of a region: a pattern and the possible lengths."""

    def __init__(self, desc: PhoneNumberDesc | None) -> None:
        pattern = desc.national_number_pattern if desc else None
        self.pattern = _for_polars(pattern) if pattern else None
        self.lengths = sorted(desc.possible_length) if desc else []
        self.local_lengths = sorted(desc.possible_length_local_only) if desc else []

    def has_pattern(self, number: pl.Expr) -> pl.Expr:
        return number.str.contains(f"^(?:{self.pattern})$") if self.pattern else pl.lit(value=False)

    def fits(self, number: pl.Expr) -> pl.Expr:
        """Pattern and length: the library looks at both."""
        has_pattern = self.has_pattern(number)
        return number.str.len_bytes().is_in(self.lengths) & has_pattern if self.lengths else has_pattern


class _Region:
    """One region's metadata as expressions on national numbers."""

    def __init__(self, metadata: PhoneMetadata) -> None:
        assert metadata.country_code is not None
        self.country_code = metadata.country_code
        self.general = _Numbers(metadata.general_desc)
        self.fixed_line, self.mobile = _Numbers(metadata.fixed_line), _Numbers(metadata.mobile)
        self.is_mobile_like_fixed_line = metadata.same_mobile_and_fixed_line_pattern
        others = [(_Numbers(getattr(metadata, name)), number_type) for name, number_type in _OTHER_TYPES]
        self.others = [(numbers, number_type) for numbers, number_type in others if numbers.pattern]
        self.international_prefix = _for_polars(metadata.international_prefix)
        self.leading_digits = _for_polars(metadata.leading_digits)
        self.national_prefix = _for_polars(metadata.national_prefix_for_parsing)
        self.n_groups = re.compile(self.national_prefix).groups if self.national_prefix else 0
        rule = metadata.national_prefix_transform_rule
        self.transform = re.sub(r"\\(\d)", r"${\1}", rule) if rule else None

    def without_national_prefix(self, number: pl.Expr) -> pl.Expr:
        """phonenumberutil._maybe_strip_national_prefix_carrier_code, with its rules of transformation."""
        if not self.national_prefix:
            return number
        prefix = number.str.extract(f"^({self.national_prefix})", 1)
        stripped = number.str.slice(prefix.str.len_bytes())
        if self.transform:
            pattern = f"^(?:{self.national_prefix})"
            is_captured = number.str.extract(pattern, self.n_groups).is_not_null()
            stripped = (
                pl.when(is_captured).then(number.str.replace(pattern, self.transform)).otherwise(stripped)
            )
        spoils_it = self.general.has_pattern(number) & ~self.general.has_pattern(stripped)
        return pl.when(prefix.is_not_null() & ~spoils_it).then(stripped).otherwise(number)

    def allows_length(self, number: pl.Expr) -> pl.Expr:
        """A national prefix is taken off only if what remains is not too short, impossible or for local calls only."""
        length = number.str.len_bytes()
        is_possible = length.is_in(self.general.lengths) | (length > self.general.lengths[-1])
        return is_possible & ~length.is_in(self.general.local_lengths)

    def is_too_long(self, number: pl.Expr) -> pl.Expr:
        length = number.str.len_bytes()
        return (length > self.general.lengths[-1]) & ~length.is_in(self.general.local_lengths)

    def rule_of_length(self) -> pl.Expr:
        """Why `nsn` is not valid, as far as its length tells (is_possible_number_with_reason)."""
        length = pl.col("nsn").str.len_bytes()
        is_local = length.is_in(self.general.local_lengths)
        return (
            pl.when(is_local | (length < self.general.lengths[0]))
            .then(pl.lit(PhoneRule.TOO_SHORT))
            .when(length > self.general.lengths[-1])
            .then(pl.lit(PhoneRule.TOO_LONG))
            .otherwise(pl.lit(PhoneRule.INVALID_NUMBER))
        )

    def number_types(self, numbers: pl.DataFrame) -> pl.Series:
        """phonenumberutil._number_type_helper on the column nsn, as a column number_type."""
        nsn = pl.col("nsn")
        flags = numbers.select(
            general=self.general.fits(nsn),
            other=self._has_other_pattern(),
            fixed_line=self.fixed_line.fits(nsn),
            mobile=pl.lit(value=False) if self.is_mobile_like_fixed_line else self.mobile.fits(nsn),
        )
        if_mobile_too = pl.lit(value=True) if self.is_mobile_like_fixed_line else pl.col("mobile")
        number_type = (
            pl.when(~pl.col("general"))
            .then(_UNKNOWN)
            .when(pl.col("fixed_line") & if_mobile_too)
            .then(PhoneNumberType.FIXED_LINE_OR_MOBILE)
            .when("fixed_line")
            .then(PhoneNumberType.FIXED_LINE)
            .when("mobile")
            .then(PhoneNumberType.MOBILE)
            .otherwise(_UNKNOWN)
        )
        types = flags.select(number_type=number_type.cast(pl.UInt8)).to_series()
        rare = flags.select((pl.col("general") & pl.col("other")).arg_true()).to_series()
        if len(rare):  # eight patterns each, so only where their union matched
            types = types.scatter(rare, self._other_types(numbers["nsn"].gather(rare), types.gather(rare)))
        return types

    def _has_other_pattern(self) -> pl.Expr:
        union = "|".join(f"(?:{numbers.pattern})" for numbers, _ in self.others)
        return pl.col("nsn").str.contains(f"^(?:{union})$") if union else pl.lit(value=False)

    def _other_types(self, nsn: pl.Series, otherwise: pl.Series) -> pl.Series:
        number_type = pl.col("otherwise")
        for numbers, value in reversed(self.others):
            number_type = (
                pl.when(numbers.fits(pl.col("nsn")))
                .then(pl.lit(value, dtype=pl.UInt8))
                .otherwise(number_type)
            )
        return pl.DataFrame({"nsn": nsn, "otherwise": otherwise}).select(number_type).to_series()


def _for_polars(pattern: str | None) -> str:
    r"""Polars' \d is any script's digit, while the text in here is ASCII. Empty: there is no pattern."""
    return pattern.replace(r"\d", "[0-9]") if pattern else ""


@cache
def _region(code: str) -> _Region:
    metadata = PhoneMetadata.metadata_for_region(code, None)
    assert metadata is not None, code
    return _Region(metadata)


@cache
def _main_region(country_code: int) -> _Region:
    """The region that a shared country code is read with; the code itself where it belongs to no country."""
    main = region_code_for_country_code(country_code)
    if main in SUPPORTED_REGIONS:
        return _region(main)
    metadata = PhoneMetadata.metadata_for_nongeo_region(country_code)
    assert metadata is not None, country_code
    return _Region(metadata)
