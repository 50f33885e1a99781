"""What kinds of numbers there are, why a cell holds none that can be texted, and what a person can do about it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

# libphonenumber's types of valid numbers, as CONTACTS spells them.
NUMBER_TYPES = (
    "mobile",
    "fixed_line_or_mobile",
    "fixed_line",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
    "toll_free",
    "shared_cost",
    "premium_rate",
)
MOBILE_TYPES = ("mobile", "fixed_line_or_mobile")
NO_LONGER_VALID = "unknown"  # libphonenumber's own word: valid by no type


class PhoneRule(StrEnum):
    """The rule a raw phone value broke. `sentence` tells a person what was seen and the next step."""

    NO_NUMBER = "no_number"
    NOT_A_NUMBER = "not_a_number"
    TWO_NUMBERS = "two_numbers"
    LETTERS_IN_NUMBER = "letters_in_number"
    EXCEL_LOST_DIGITS = "excel_lost_digits"
    NO_REGION = "no_region"
    UNKNOWN_COUNTRY = "unknown_country"
    UNKNOWN_COUNTRY_CODE = "unknown_country_code"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    INVALID_NUMBER = "invalid_number"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES: Mapping[PhoneRule, str] = {
    PhoneRule.NO_NUMBER: "The phone cell is empty; fill in a number or delete the row.",
    PhoneRule.NOT_A_NUMBER: "This is not a phone number; write one such as +44 7400 123456.",
    PhoneRule.TWO_NUMBERS: (
        "There is more than one number in the cell; keep the one to be texted, or give each a row of its own."
    ),
    PhoneRule.LETTERS_IN_NUMBER: "There are letters among the digits; write the number in digits only.",
    PhoneRule.EXCEL_LOST_DIGITS: (
        "Excel has rounded the number and its last digits are gone; take it again from where it came from, "
        "with the column formatted as text."
    ),
    PhoneRule.NO_REGION: (
        "The number is written as it is dialled at home and no country is given; "
        "write it with + and country code, or name a country with --region."
    ),
    PhoneRule.UNKNOWN_COUNTRY: (
        "The number is written as it is dialled at home and the country beside it is not known; "
        "write the country as two letters such as DE, or the number with + and country code."
    ),
    PhoneRule.UNKNOWN_COUNTRY_CODE: "No country has this country code; correct the digits after the + or 00.",
    PhoneRule.TOO_SHORT: "The number has too few digits for its country; add what is missing, such as the area code.",
    PhoneRule.TOO_LONG: "The number has too many digits for its country; remove what does not belong to it.",
    PhoneRule.INVALID_NUMBER: "No such number is given out in its country; look for a mistyped digit.",
}
