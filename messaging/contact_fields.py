"""Fields of a contact that somebody writes by hand: which one is meant, and whether its value makes sense."""

from __future__ import annotations

import re
from functools import cache
from zoneinfo import available_timezones

from messaging.errors import TidingsError

LONGEST_VALUE = 10_000

# As in BCP 47: a language, and what makes it a narrower one. Exports write '_' too.
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,4}")
_NO_ZONES = {"localtime", "posixrules", "Factory"}


class BadField(TidingsError):
    """A field that cannot be set so. Names the field, never the value."""


def read_setting(text: str) -> tuple[str, str]:
    """`city=Leeds` → ("city", "Leeds"). Raises BadField."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise BadField("write what is to be set as NAME=VALUE, such as --set city=Leeds.")
    return name.strip(), value


def check_value(name: str, value: str) -> str:
    """The value as it is kept. name: of the field. Raises BadField."""
    if not value.strip():
        raise BadField(
            f"{name}: an empty value says nothing; to take the stored one away, use --unset {name}."
        )
    if len(value) > LONGEST_VALUE:
        raise BadField(f"{name}: {len(value):,} characters are too many; up to {LONGEST_VALUE:,} are kept.")
    check_text(name, value)
    if name == "language":
        return _language(value.strip())
    if name == "time_zone":
        return _time_zone(value.strip())
    return value


def check_text(what: str, text: str | None) -> None:
    """Raises BadField for what no store keeps as text: a terminal of another encoding passes bytes on as they are."""
    if text is not None and ("\0" in text or any("\ud800" <= char <= "\udfff" for char in text)):
        raise BadField(f"{what}: it holds bytes that are no text; write it in UTF-8.")


def _language(value: str) -> str:
    if _LANGUAGE.fullmatch(value) is None:
        raise BadField("language: write it as a code, such as de, en-GB or zh-Hant.")
    first, *rest = value.replace("_", "-").split("-")
    return "-".join([first.lower(), *map(_subtag, rest)])


def _subtag(text: str) -> str:
    """As RFC 5646 §2.1.1 writes them: regions in capitals, scripts with one."""
    if len(text) == 2:
        return text.upper()
    return text.title() if len(text) == 4 else text.lower()


def _time_zone(value: str) -> str:
    zone = _zones().get(value.casefold())
    if zone is None:
        raise BadField("time_zone: write it by its IANA name, such as Europe/London.")
    return zone


@cache
def _zones() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones() - _NO_ZONES}
