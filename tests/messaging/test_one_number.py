"""A number on the line is read as a cell of a source is."""

from __future__ import annotations

import pytest

from messaging.one_number import BadNumber, Number, parse_number, read_number
from messaging.phone_rules import PhoneRule


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("+44 7400 123456", None, Number("+447400123456", "GB", "mobile")),
        ("07400 123456", "GB", Number("+447400123456", "GB", "mobile")),
        ("07400 123456", "United Kingdom", Number("+447400123456", "GB", "mobile")),
        ("447400123456.0", "+44", Number("+447400123456", "GB", "mobile")),
        ("020 7946 0018", "GB", Number("+442079460018", "GB", "fixed_line")),
        ("+1 212 555 0123", "DE", Number("+12125550123", "US", "fixed_line_or_mobile")),
    ],
)
def test_a_number_is_read_with_or_without_its_country(text, region, number):
    assert parse_number(text, region) == number
    assert read_number(text, region=region) == number.msisdn


@pytest.mark.parametrize(
    ("text", "region", "rule"),
    [
        ("07400 123456", None, PhoneRule.NO_REGION),
        ("", "GB", PhoneRule.NO_NUMBER),
        ("Ann", "GB", PhoneRule.NOT_A_NUMBER),
        ("+44 7400", None, PhoneRule.TOO_SHORT),
        ("07400 123456 / 07400 123457", "GB", PhoneRule.TWO_NUMBERS),
        ("4.474E+11", "GB", PhoneRule.EXCEL_LOST_DIGITS),
    ],
)
def test_what_is_no_number_is_told_in_the_words_of_its_rule_and_not_repeated(text, region, rule):
    with pytest.raises(BadNumber) as raised:
        parse_number(text, region, called="the 2nd number")
    assert str(raised.value) == f"the 2nd number cannot be used. {rule.sentence}"


def test_a_country_that_nobody_knows_is_refused():
    with pytest.raises(BadNumber, match="--region GB"):
        parse_number("07400 123456", "Narnia")
