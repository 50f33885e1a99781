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

from messaging.phone_patterns import FEWEST_DIGITS, VERDICTS, match_digits, read_digits, refuse
from messaging.phone_rules import PhoneRule
from messaging.phone_tables import PhoneTables

PHONES = pl.Schema({"msisdn": pl.String, "region": pl.String, "number_type": pl.String, "rule": pl.String})

FEWEST_ROWS_FOR_PATTERNS = 256  # below, the library's loop costs less than building a region's expressions

_TABLES = PhoneTables()  # of this process: they depend on nothing but the library's metadata

_MOST_CHARS_OF_A_PLAIN_NUMBER = 20
_MAYBE_DAMAGED = r"[0-9](?:[.,]0|[eE]\+?[0-9]{1,2})$"
_WHOLE_FLOAT = r"^\+?[0-9]{7,15}[.,]0$"
_SCIENTIFIC = r"^([0-9])(?:[.,]([0-9]+))?[eE]\+?([0-9]{1,2})$"

_FEWEST_DIGITS_OF_A_NUMBER = 7  # fewer are an extension or an area code
_NUMBER = r"\d(?:[ .()\-]*\d){6,}"
_TWO_NUMBERS = (
    rf"(?i){_NUMBER}\D*(?:[/\\,;|&\n+＋]|\b(?:or|and|oder|und|ou|et|y)\b)\D*{_NUMBER}" r"|\d{7,}\s+\d{7,}"
)

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
    text = raw.cast(pl.String)
    rows = pl.DataFrame({"i": pl.int_range(len(text), dtype=pl.UInt32, eager=True), "text": text})
    rows = rows.with_columns(number=_plain_number())
    if isinstance(regions, pl.Series):
        groups = rows.with_columns(region=regions).partition_by("region", as_dict=True, include_key=False)
    else:
        groups = {(regions,): rows}
    found = pl.concat([VERDICTS.to_frame(), *(_verdicts(group, code) for (code,), group in groups.items())])
    found = found.sort("i")
    is_valid = pl.col("rule").is_null()
    return found.select(
        msisdn=pl.when(is_valid).then("e164"),
        region=pl.when(is_valid).then("region"),
        number_type=pl.when(is_valid).then(_TYPE_NAMES.gather(found["number_type"])),
        rule="rule",
    )


def _plain_number() -> pl.Expr:
    """The text as a number where it is nothing but some digits, perhaps behind a '+': there is nothing to repair or refuse."""
    text = pl.col("text")
    n_chars = text.str.len_bytes()
    return pl.when((n_chars > FEWEST_DIGITS) & (n_chars <= _MOST_CHARS_OF_A_PLAIN_NUMBER)).then(
        text.cast(pl.UInt64, strict=False)
    )


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
    first, decimals, exponent = (value.str.extract(_SCIENTIFIC, group) for group in (1, 2, 3))
    restored = (
        pl.when(value.str.contains(_WHOLE_FLOAT))
        .then(value.str.head(-2))
        .when(decimals.str.len_bytes() == exponent.cast(pl.UInt32))
        .then(pl.concat_str(first, decimals))
        .otherwise(value)
    )
    return text.scatter(damaged, text.gather(damaged).to_frame("value").select(restored).to_series())


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


def _verdicts(rows: pl.DataFrame, region: str | None) -> pl.DataFrame:
    """VERDICTS on i, text and its plain number, as dialled in one region."""
    is_plain = rows["number"].is_not_null()
    plain = rows.filter(is_plain).select("i", "number", written="text")
    others = rows.filter(~is_plain).select("i", text=repaired(rows["text"].filter(~is_plain)))
    others = others.with_columns(rule=_rule_before_parsing())
    refused = refuse(others.filter(pl.col("rule").is_not_null()), pl.col("rule"))
    texts = others.filter(pl.col("rule").is_null()).select("i", "text")
    return pl.concat([_with_second_numbers(_read(plain, texts, region), texts), refused])


def _read(plain: pl.DataFrame, texts: pl.DataFrame, region: str | None) -> pl.DataFrame:
    """VERDICTS by the tables, of the rest by the patterns, and by the library once per distinct text.

    plain: i, number, written; texts: i, text.
    """
    written = plain.select("i", text="written")
    if plain.height + texts.height < FEWEST_ROWS_FOR_PATTERNS:
        return _ask_library(pl.concat([written, texts]), region)
    read, unread = read_digits(texts)
    read = read.select("i", number=pl.col("written").cast(pl.UInt64, strict=False), written="written")
    looked_up, others = _TABLES.look_up(pl.concat([plain, read]), region)
    matched, undecided = match_digits(others, region)
    asked = pl.concat([unread, undecided]).to_frame()
    left = [some.join(asked, on="i", how="semi") for some in (written, texts)]
    return pl.concat([looked_up, matched, _ask_library(pl.concat(left), region)])


def _ask_library(asked: pl.DataFrame, region: str | None) -> pl.DataFrame:
    """VERDICTS on i, text; the library is asked once per distinct text."""
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


def _with_second_numbers(found: pl.DataFrame, texts: pl.DataFrame) -> pl.DataFrame:
    """The verdicts, with TWO_NUMBERS wherever a text that is no valid number holds two."""
    refused = found.filter(pl.col("rule").is_not_null()).join(texts, on="i")
    double = refused.filter(pl.col("text").str.contains(_TWO_NUMBERS))["i"]
    if double.is_empty():
        return found
    is_double = pl.col("i").is_in(double.implode())
    two_numbers = pl.lit(PhoneRule.TWO_NUMBERS.value)
    return found.with_columns(rule=pl.when(is_double).then(two_numbers).otherwise("rule"))


def _has_plus(text: str) -> bool:
    return "+" in text or "＋" in text
