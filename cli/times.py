"""Instants on the command line: as a person writes and reads them, in this machine's time zone."""

from __future__ import annotations

from datetime import datetime

from messaging.errors import TidingsError


class NotATime(TidingsError):
    """'tomorrow' is no time; write it as 2026-12-01T09:00, with +02:00 behind it when it is of another time zone."""


def read_time(text: str) -> float:
    """Seconds since 1970. Raises NotATime."""
    try:
        return datetime.fromisoformat(text.strip()).astimezone().timestamp()
    except (ValueError, OverflowError):
        raise NotATime(
            f"{text!r} is no time; write it as 2026-12-01T09:00, with +02:00 behind it when it is of another time zone."
        ) from None


def shown(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")
