"""Which occurrence comes too late to be worth anything, such as those of a night off."""

from __future__ import annotations

from datetime import UTC, datetime

from flows.this_run import is_retry, occurrence


def too_late(max_lateness_s: int, *, so: str) -> str | None:
    """Why an occurrence is skipped. None: it is in time, or a start by hand, or a Retry of one that was.

    so: what follows, such as "nothing was sent".
    """
    due_at = occurrence()
    if due_at is None or is_retry():
        return None
    return lateness((datetime.now(UTC) - due_at).total_seconds(), max_lateness_s, so=so)


def lateness(late_s: float, max_lateness_s: int, *, so: str) -> str | None:
    if late_s <= max_lateness_s:
        return None
    return f"{_span(late_s)} late; max_lateness is {_span(max_lateness_s)}, so {so}"


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
