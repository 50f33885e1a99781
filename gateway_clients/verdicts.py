"""From what happened to one HTTP request to what it means for its messages (the one table all HTTP clients share).

A verdict holds for every message of the request. It says "unsent" only where a second attempt cannot duplicate.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from messaging.outcomes import ErrorKind, Outcome, OutcomeStatus, OutgoingMessage, ProviderError

LONGEST_RETRY_AFTER_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole HTTP answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one request came to for all of its messages alike; fields as in Outcome."""

    status: OutcomeStatus
    error: ProviderError
    on_wire: bool = True
    retry_after_s: float | None = None

    def outcomes(self, messages: Sequence[OutgoingMessage]) -> list[Outcome]:
        return [self.outcome(message.reference) for message in messages]

    def outcome(self, reference: str) -> Outcome:
        return Outcome(
            reference=reference,
            status=self.status,
            error=self.error,
            on_wire=self.on_wire,
            retry_after_s=self.retry_after_s,
        )


def unsent(
    kind: ErrorKind,
    *,
    code: str | None = None,
    permanent: bool = False,
    on_wire: bool = True,
    retry_after_s: float | None = None,
) -> Verdict:
    """Surely not sent."""
    return Verdict(
        status=OutcomeStatus.UNSENT,
        error=ProviderError(kind=kind, permanent=permanent, code=code),
        on_wire=on_wire,
        retry_after_s=retry_after_s,
    )


def unconfirmed(kind: ErrorKind, *, code: str | None = None) -> Verdict:
    """Perhaps sent."""
    error = ProviderError(kind=kind, permanent=False, code=code)
    return Verdict(status=OutcomeStatus.UNCONFIRMED, error=error)


def rejected(kind: ErrorKind, *, code: str | None = None, permanent: bool = True) -> Verdict:
    """Refused by the gateway for what it is."""
    error = ProviderError(kind=kind, permanent=permanent, code=code)
    return Verdict(status=OutcomeStatus.REJECTED, error=error)


HELD_BACK = unsent(ErrorKind.HELD_BACK, on_wire=False)


def judge_status(answer: Answer) -> Verdict | None:
    """The verdict that the HTTP status alone allows, the same for every provider; None: the body must be read.

    429, 408 and 503 with Retry-After promise that nothing was taken. Any other 5xx, a redirect (never followed)
    and a status that HTTP does not know leave the messages in doubt.
    """
    code = str(answer.status)
    retry_after_s = read_retry_after(answer.headers)
    if answer.status == 429:
        return unsent(ErrorKind.THROTTLED, code=code, retry_after_s=retry_after_s)
    if answer.status == 408:
        return unsent(ErrorKind.TIMEOUT, code=code, retry_after_s=retry_after_s)
    if answer.status == 503 and "retry-after" in answer.headers:
        return unsent(ErrorKind.UNAVAILABLE, code=code, retry_after_s=retry_after_s)
    if 200 <= answer.status < 300 or 400 <= answer.status < 500:
        return None
    return unconfirmed(ErrorKind.BAD_ANSWER, code=code)


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from now that the gateway asks us to wait, 0 to a day; None when it does not say, or not readably.

    Takes seconds (also with decimals) and an HTTP date; a date is measured from the answer's own Date header
    where there is one, because clocks differ.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        wait_s = float(value)
    except ValueError:
        wait_s = _seconds_until(value, headers.get("date"))
    return None if math.isnan(wait_s) else min(max(wait_s, 0.0), LONGEST_RETRY_AFTER_S)


def _seconds_until(http_date: str, answered_at: str | None) -> float:
    try:
        then = parsedate_to_datetime(http_date).timestamp()
        now = parsedate_to_datetime(answered_at).timestamp() if answered_at else time.time()
    except (ValueError, TypeError, OverflowError):
        return math.nan
    return then - now
