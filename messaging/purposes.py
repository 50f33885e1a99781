"""What people agree to be texted for: a consent, and the withdrawal of one, are for one purpose each."""

from __future__ import annotations

import re

MARKETING = "marketing"  # where nobody names another

_PURPOSE = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")


def check_purpose(value: str) -> str:
    """One spelling for each: a withdrawal from "marketing" must be seen by a campaign for it. Raises ValueError."""
    if _PURPOSE.fullmatch(value) is None:
        raise ValueError("write a purpose as one word of small letters, digits, - and _, such as marketing")
    return value
