"""Phone numbers as people and spreadsheets write them, to MSISDNs: E.164 with '+'.

Whole columns go through messaging.phone_patterns; what it leaves undecided is parsed by `phonenumbers`, once per
distinct value. What Excel did to a number is undone before: left alone, 4.47400123456E11 and 447400123456.0 parse to
other numbers. On top of the library stand two refusals of our own, because somebody else might be texted: letters
among the digits (the library drops a single one) and a second number in the cell (it takes one for an extension).
"""

from __future__ import annotations

import re
from typing import NamedTuple

import phonenumbers
import polars as pl
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType, ValidationResult

from messaging.phone_patterns import FEWEST_DIGITS, MOST_CHARS, VERDICTS, match_digits, read_digits, refuse
from messaging.phone_rules import PhoneRule
from messaging.phone_tables import UNDECIDED, Answers, PhoneTables

PHONES = pl.Schema({"msisdn": pl.String, "region": pl.String, "number_type": pl.String, "rule": pl.String})

FEWEST_ROWS_FOR_PATTERNS = 256  # below, the library's loop costs less than building a region's expressions

_TABLES = PhoneTables()  # of this process: they depend on nothing but the library's metadata

_MOST_CHARS_OF_A_PLAIN_NUMBER = 20
_SPACES = dict.fromkeys(" -/()[]", "")  # no dot: a zero behind it may be of Excel
_MAYBE_DAMAGED = r"[0-9](?:[.,]0|[eE]\+?[0-9]{1,2})$"
_WHOLE_FLOAT = r"^\+?[0-9]{7,15}[.,]0$"
_SCIENTIFIC = r"^(?<first>[0-9])(?:[.,](?<decimals>[0-9]+))?[eE]\+?(?<exponent>[0-9]{1,2})$"

_FEWEST_DIGITS_OF_A_NUMBER = 7  # fewer are an extension or an area code
_NUMBER = r"\d(?:[ .()\-]*\d){6,}"
_TWO_NUMBERS = (
    rf"(?i){_NUMBER}\D*(?:[/\\,;|&\n+＋]|\b(?:or|and|oder|und|ou|et|y)\b)\D*{_NUMBER}" r"|\d{7,}\s+\d{7,}"
)

_NO_NUMBER = pl.Series([None], dtype=pl.UInt64)
_TYPE_NAMES = pl.Series(
    [PhoneNumberType.to_string(number_type).lower() for number_type in range(100)], dtype=pl.String
)
_RULE_OF_LENGTH = {
    ValidationResult.TOO_SHORT: PhoneRule.TOO_SHORT,
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: PhoneRule.TOO_SHORT,
    ValidationResult.TOO_LONG: PhoneRule.TOO_LONG,
}
_RULE_OF_ERROR = {
    NumberParseException.INVALID_COUNTRY_CODE: PhoneRule.UNKNOWN_COUNTRY_CODE,
    NumberParseException.NOT_A_NUMBER: PhoneRule.NOT_A_NUMBER,
    NumberParseException.TOO_SHORT_AFTER_IDD: PhoneRule.TOO_SHORT,
    NumberParseException.TOO_SHORT_NSN: PhoneRule.TOO_SHORT,
    NumberParseException.TOO_LONG: PhoneRule.TOO_LONG,
}
_RULES_THAT_LETTERS_EXPLAIN = (PhoneRule.TOO_SHORT, PhoneRule.TOO_LONG, PhoneRule.INVALID_NUMBER)


class Verdict(NamedTuple):
    """What libphonenumber says of one text: a row of phone_patterns.VERDICTS, and the extension."""

    e164: str | None = None
    region: str | None = None
    number_type: int | None = None
    rule: str | None = None
    extension: str = ""


def parse_phones(raw: pl.Series, regions: pl.Series | str | None) -> pl.DataFrame:
    """Read every value as a phone number. Returns PHONES, one row per value, in order.

    raw: text as the source has it. regions: ISO 3166 codes that libphonenumber supports (messaging.regions gives
    them), one for all values or one each; where it is null, only numbers with + and country code are read.
    A row has either a rule (PhoneRule) or an msisdn, a region and a type, never both.
    """
    text = raw.cast(pl.String).rechunk()
    if not isinstance(regions, pl.Series):
        return _parse(text, regions)
    rows = pl.DataFrame({"i": _places(text), "text": text, "region": regions})
    groups = rows.partition_by("region", as_dict=True)
    found = [_parse(group["text"], code).with_columns(group["i"]) for (code,), group in groups.items()]
    return pl.concat([PHONES.to_frame().with_columns(rows["i"].clear()), *found]).sort("i").drop("i")


def _parse(text: pl.Series, region: str | None) -> pl.DataFrame:
    """PHONES, as dialled in one region."""
    if len(text) < FEWEST_ROWS_FOR_PATTERNS:
        texts, refused = _refused(text, _places(text))
        verdicts = pl.concat([refused, _ask_library(texts, region)]).sort("i")
        found = _in_words(verdicts).hstack(verdicts.select(msisdn=_of_valid("e164")))
    else:
        found = _together(*_judged(text, region))
    return found.with_columns(rule=_with_second_numbers(found["rule"], text)).select(PHONES.names())


def _places(values: pl.Series) -> pl.Series:
    return pl.int_range(len(values), dtype=pl.UInt32, eager=True).alias("i")


def _judged(text: pl.Series, region: str | None) -> tuple[Answers, pl.DataFrame]:
    """What the tables say, and VERDICTS on what they leave undecided: by the patterns, and then by the library."""
    written, number = _without_spaces(text)
    texts, refused = _refused(text, _places(text).filter(number.is_null()))
    read, unread = read_digits(texts)
    read = read.with_columns(number=pl.col("written").cast(pl.UInt64, strict=False))
    number.scatter(read["i"], read["number"])
    written.scatter(read["i"], read["written"])
    answers = _TABLES.look_up(pl.DataFrame({"written": written, "number": number}), region)
    undecided = _places(text).filter((answers.saying == UNDECIDED) & number.is_not_null())
    numbers = pl.DataFrame({"i": undecided, "written": written.gather(undecided)})
    too_long = read.filter(pl.col("number").is_null()).select("i", "written")
    matched, unmatched = match_digits(pl.concat([numbers, too_long]), region)
    left = pl.concat([unread, unmatched])
    asked = pl.DataFrame({"i": left, "text": repaired(text.gather(left))})
    return answers, pl.concat([refused, matched, _ask_library(asked, region)])


def _without_spaces(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The texts as `written` without spaces and the like, and as `number` where that is digits alone, perhaps behind a '+'.

    There is nothing to repair or to refuse in those; for all others the number is null.
    """
    number = _as_number(text)
    is_other = number.is_null()
    others, spaced = _places(text).filter(is_other), text.filter(is_other)
    bare = spaced.str.replace_many(_SPACES)
    is_short = spaced.str.len_bytes() <= MOST_CHARS
    number.scatter(others, _as_number(bare).zip_with(is_short, _NO_NUMBER))
    return text.clone().scatter(others, bare), number


def _as_number(text: pl.Series) -> pl.Series:
    n_chars = text.str.len_bytes()
    is_fit = (n_chars > FEWEST_DIGITS) & (n_chars <= _MOST_CHARS_OF_A_PLAIN_NUMBER)
    return text.cast(pl.UInt64, strict=False).zip_with(is_fit, _NO_NUMBER)


def _refused(text: pl.Series, rows: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of these rows, repaired: i, text of what is to be parsed, and VERDICTS on what is not."""
    texts = pl.DataFrame({"i": rows, "text": repaired(text.gather(rows))}).with_columns(
        rule=_rule_before_parsing()
    )
    is_refused = texts["rule"].is_not_null()
    return (
        texts.filter(~is_refused).select("i", "text"),
        refuse(texts.filter(is_refused), pl.col("rule")),
    )


def _together(answers: Answers, verdicts: pl.DataFrame) -> pl.DataFrame:
    """PHONES, row by row. verdicts: on what the tables left undecided."""
    words = _in_words(pl.concat([answers.sayings, verdicts.select(answers.sayings.columns)], rechunk=True))
    place = answers.saying.scatter(verdicts["i"], _places(verdicts["i"]) + answers.sayings.height)
    found = words.select(pl.all().gather(place))
    others = verdicts.select(_of_valid("e164").str.strip_prefix("+").cast(pl.UInt64)).to_series()
    e164 = answers.e164.scatter(verdicts["i"], others).zip_with(found["rule"].is_null(), _NO_NUMBER)
    return found.with_columns(msisdn=pl.format("+{}", e164))


def _in_words(verdicts: pl.DataFrame) -> pl.DataFrame:
    """region, number_type and rule as in PHONES."""
    type_names = _TYPE_NAMES.gather(verdicts["number_type"]).alias("type_name")
    return verdicts.with_columns(type_names).select(
        region=_of_valid("region"), number_type=_of_valid("type_name"), rule="rule"
    )


def _of_valid(column: str) -> pl.Expr:
    return pl.when(pl.col("rule").is_null()).then(column)


def repaired(text: pl.Series) -> pl.Series:
    """The text, trimmed, without what Excel and other float columns did to it, as far as no digit was lost.

    447400123456.0 loses its '.0'. Scientific notation becomes digits when the mantissa holds them all; a rounded one
    stays as it is, and parse_phones refuses it.
    """
    text = text.str.strip_chars()
    damaged = text.str.contains(_MAYBE_DAMAGED).arg_true()
    if not len(damaged):
        return text
    value = pl.col("value")
    parts = value.str.extract_groups(_SCIENTIFIC).struct.unnest()
    restored = (
        pl.when(value.str.contains(_WHOLE_FLOAT))
        .then(value.str.head(-2))
        .when(pl.col("decimals").str.len_bytes() == pl.col("exponent").cast(pl.UInt32))
        .then(pl.concat_str("first", "decimals"))
        .otherwise(value)
    )
    mended = text.gather(damaged).to_frame("value").with_columns(parts).select(restored).to_series()
    return text.scatter(damaged, mended)


def parse_one(text: str, region: str | None) -> Verdict:
    """The library's own word on one text, without our refusals: what the patterns are held against."""
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        if (
            error.error_type == NumberParseException.INVALID_COUNTRY_CODE
            and region is None
            and not _has_plus(text)
        ):
            return Verdict(rule=PhoneRule.NO_REGION)
        return Verdict(rule=_RULE_OF_ERROR[error.error_type])
    # A number has a type exactly when it is valid, and the type is wanted anyway.
    number_type = phonenumbers.number_type(number)
    rule = None
    if number_type == PhoneNumberType.UNKNOWN:
        rule = _RULE_OF_LENGTH.get(
            phonenumbers.is_possible_number_with_reason(number), PhoneRule.INVALID_NUMBER
        )
    return Verdict(
        phonenumbers.format_number(number, PhoneNumberFormat.E164),
        phonenumbers.region_code_for_number(number),
        number_type,
        rule,
        number.extension or "",
    )


def _rule_before_parsing() -> pl.Expr:
    text = pl.col("text")
    return (
        pl.when(text.is_null() | (text == ""))
        .then(pl.lit(PhoneRule.NO_NUMBER))
        .when(text.str.contains(_SCIENTIFIC))
        .then(pl.lit(PhoneRule.EXCEL_LOST_DIGITS))
    )


def _ask_library(asked: pl.DataFrame, region: str | None) -> pl.DataFrame:
    """VERDICTS on i, text; the library is asked once per distinct text."""
    if asked.is_empty():
        return VERDICTS.to_frame()
    distinct = asked["text"].unique().to_list()
    answers = pl.DataFrame(
        [(text, *_with_refusals(text, parse_one(text, region))[:4]) for text in distinct],
        schema={"text": pl.String, **{name: VERDICTS[name] for name in VERDICTS.names()[1:]}},
        orient="row",
    )
    return asked.join(answers, on="text", how="left").select(VERDICTS.names())


def _with_refusals(text: str, verdict: Verdict) -> Verdict:
    """The library's verdict, or our refusal of what it reads too generously."""
    if verdict.rule is None and len(verdict.extension) >= _FEWEST_DIGITS_OF_A_NUMBER:
        return verdict._replace(rule=PhoneRule.TWO_NUMBERS)
    is_explained = verdict.rule is None or verdict.rule in _RULES_THAT_LETTERS_EXPLAIN
    if is_explained and _n_gaps_with_letters(text) > bool(verdict.extension):
        return verdict._replace(rule=PhoneRule.LETTERS_IN_NUMBER)
    return verdict


def _n_gaps_with_letters(text: str) -> int:
    """How many stretches after the first digit hold letters; the word before an extension is one."""
    return sum(any(map(str.isalpha, gap)) for gap in re.split(r"\d+", text)[1:])


def _with_second_numbers(rule: pl.Series, text: pl.Series) -> pl.Series:
    """The rules, with TWO_NUMBERS wherever a text that is no valid number holds two."""
    is_refused = rule.is_not_null()
    is_double = text.filter(is_refused).str.contains(_TWO_NUMBERS).fill_null(value=False)
    return rule.scatter(_places(rule).filter(is_refused).filter(is_double), PhoneRule.TWO_NUMBERS.value)


def _has_plus(text: str) -> bool:
    return "+" in text or "＋" in text
