"""Headers as people write them to names that a template can use: `First Name` → `first_name`."""

from __future__ import annotations

import re
import unicodedata

from messaging.schemas import RESERVED

# Words that mean something to Jinja where a name might stand.
_WORDS_OF_TEMPLATES = frozenset(
    {"and", "else", "false", "if", "in", "is", "loop", "none", "not", "or", "self", "super", "true"}
)


def clean_headers(header: list[str]) -> tuple[dict[str, str], list[str]]:
    """Cleaned name → as written, in order, and what a person should know of it.

    Accents of Latin letters are left out, other scripts stay. A name of ours, or of the template language, gets a '_'
    at its end, a repeated one a number, an empty one its place: column_3.
    """
    names: dict[str, str] = {}
    notices = []
    for place, written in enumerate(header, start=1):
        name = clean_name(written) or f"column_{place}"
        if name in names:
            repeated = written.strip() or name
            name = next(other for k in range(2, len(header) + 2) if (other := f"{name}_{k}") not in names)
            notices.append(f"Column {place} repeats the name {repeated!r}; it is called {name} in templates.")
        names[name] = written.strip()
    return names, notices


def clean_name(written: str) -> str:
    """One header without regard to the others; '' when nothing of it can be used."""
    apart = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", written.replace("ß", "ss"))
    plain = _without_accents(apart).lower()
    name = "".join(char if f"a{char}".isidentifier() else "_" for char in plain)
    name = re.sub("_+", "_", name).strip("_")
    if name[:1].isdigit():
        name = f"column_{name}"
    if not name.isidentifier():
        return ""
    return f"{name}_" if name in RESERVED or name in _WORDS_OF_TEMPLATES else name


def _without_accents(text: str) -> str:
    """Marks above and below Latin letters go; in other scripts they are letters of their own."""
    kept: list[str] = []
    for char in unicodedata.normalize("NFD", text):
        is_mark = bool(unicodedata.combining(char))
        if not (is_mark and kept and kept[-1].isascii()):
            kept.append(char)
    return unicodedata.normalize("NFC", "".join(kept))
