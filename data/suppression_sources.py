"""Which suppressions stand by the word of a list alone: an import's column, or a file. Only these end by their source."""

from __future__ import annotations

import re

# What people said themselves, what was found out about their numbers, and the end of a person's data. Lower case.
KEPT_REASONS = (
    "complaint",
    "consent withdrawn",
    "forgotten",
    "hard failure",
    "opted out at the gateway",
    "opted_out",
    "stop",
)

_COLUMN = re.compile(r"import .+, column .+", re.DOTALL)
_FILE = re.compile(r"(?!by hand: |reply to |run \d)[^/\\]+\.\w{1,8}", re.DOTALL)


def is_list(source: str) -> bool:
    """Whether a source names a column of an import or a file of suppressions. A file without an ending is not known."""
    return bool(_COLUMN.fullmatch(source) or _FILE.fullmatch(source))


def is_word_of_a_list(source: str, reason: str) -> bool:
    """Whether nothing but a list says so: then it ends by its source, and gives way to what people say themselves."""
    return is_list(source) and reason.lower() not in KEPT_REASONS
