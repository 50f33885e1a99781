"""What the whole-column parser is held against: Python's loop over the same numbers, with all that it must say of each.

Nothing else is in it: no file is read, no two rows are compared, nobody is looked up and nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

Verdict = tuple[str, bool, int, str | None]


def loop(numbers: Iterable[str | None], region: str) -> list[Verdict | None]:
    """E.164, validity, type and region of each number, once per row; None for what does not parse."""
    found: list[Verdict | None] = []
    for text in numbers:
        try:
            number = phonenumbers.parse(text or "", region)
        except NumberParseException:
            found.append(None)
            continue
        found.append(
            (
                phonenumbers.format_number(number, PhoneNumberFormat.E164),
                phonenumbers.is_valid_number(number),
                phonenumbers.number_type(number),
                phonenumbers.region_code_for_number(number),
            )
        )
    return found
