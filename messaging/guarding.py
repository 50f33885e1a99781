"""Which failures stop a run by itself. Pure: the counts so far and what came in, to the counts after it and a verdict.

A refusal of the account (no credit, wrong credentials) stops it at once: every further message would meet the same.
Else it takes many failures: so many in a row, or too large a share of the latest messages. What the sender repeats by
itself (a gateway that is busy, away or out of reach) is no failure: it says nothing of the messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from messaging.outcomes import ErrorKind, Outcome, OutcomeStatus
from messaging.tally import reason_in_words

STOPS_AT_ONCE = frozenset({ErrorKind.NO_CREDIT, ErrorKind.BAD_CREDENTIALS})
_FEWEST_BUCKETS = 10  # the window moves in steps of a tenth or less


class Sign(Enum):
    """What one outcome says of how the run goes."""

    GOOD = auto()
    BAD = auto()
    FATAL = auto()
    NONE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGuards:
    """When a run is stopped. max_failure_rate: of the latest failure_window messages; 1 never stops."""

    max_failures_in_a_row: int = 100
    max_failure_rate: float = 0.5
    failure_window: int = 200


DEFAULT_GUARDS = FailureGuards()


@dataclass(frozen=True, slots=True)
class Recent:
    """How the latest messages of a run went: failures since the last success, and (messages, failures) by bucket.

    Empty while none of them failed, so that a run without failures costs nothing to watch.
    """

    in_a_row: int = 0
    buckets: tuple[tuple[int, int], ...] = ()

    @property
    def n(self) -> int:
        return sum(n for n, _ in self.buckets)

    @property
    def n_failed(self) -> int:
        return sum(failed for _, failed in self.buckets)


@dataclass(frozen=True, slots=True)
class Guarded:
    """recent: to be kept. stop: why the run is to be stopped, in words; None: it goes on."""

    recent: Recent
    stop: str | None


def sign_of(outcome: Outcome) -> Sign:
    """GOOD or BAD for what the gateway decided or left in doubt; NONE for what will be tried again anyway."""
    if outcome.status is OutcomeStatus.ACCEPTED:
        return Sign.GOOD
    error = outcome.error
    if error is not None and error.kind in STOPS_AT_ONCE:
        return Sign.FATAL
    if outcome.status is OutcomeStatus.UNSENT and (error is None or not error.permanent):
        return Sign.NONE
    return Sign.BAD


def guard(recent: Recent, outcomes: Sequence[Outcome], guards: FailureGuards) -> Guarded:
    """Count the outcomes in the order they came, and hold the counts against the guards."""
    is_well = all(outcome.status is OutcomeStatus.ACCEPTED for outcome in outcomes)
    if is_well and recent == Recent():  # nearly every settle
        return Guarded(recent, None)
    signs = [sign_of(outcome) for outcome in outcomes]
    n_bad = len(signs) - signs.count(Sign.GOOD) - signs.count(Sign.NONE)
    if not n_bad and recent == Recent():
        return Guarded(recent, None)
    after = Recent(
        _in_a_row(recent.in_a_row, signs),
        _moved(recent.buckets, (signs.count(Sign.GOOD) + n_bad, n_bad), guards.failure_window),
    )
    if not n_bad:
        return Guarded(after if after.n_failed else Recent(), None)
    failed = [o for o, sign in zip(outcomes, signs, strict=True) if sign in {Sign.BAD, Sign.FATAL}]
    if Sign.FATAL in signs:
        fatal = [o for o in failed if o.error is not None and o.error.kind in STOPS_AT_ONCE]
        return Guarded(after, f"the gateway refuses the account: {_main_reason(fatal)}")
    return Guarded(after, _verdict(after, guards, _main_reason(failed)))


def _in_a_row(before: int, signs: Iterable[Sign]) -> int:
    n = before
    for sign in signs:
        if sign is Sign.GOOD:
            n = 0
        elif sign is not Sign.NONE:
            n += 1
    return n


def _moved(
    buckets: tuple[tuple[int, int], ...], new: tuple[int, int], window: int
) -> tuple[tuple[int, int], ...]:
    """With what is new; without what the window has left behind, as long as it stays full."""
    if not new[0]:
        return buckets
    if buckets and buckets[-1][0] + new[0] <= window // _FEWEST_BUCKETS:
        last = buckets[-1]
        buckets = (*buckets[:-1], (last[0] + new[0], last[1] + new[1]))
    else:
        buckets = (*buckets, new)
    n = sum(n for n, _ in buckets)
    while len(buckets) > 1 and n - buckets[0][0] >= window:
        n -= buckets[0][0]
        buckets = buckets[1:]
    return buckets


def _verdict(recent: Recent, guards: FailureGuards, main_reason: str) -> str | None:
    if recent.in_a_row >= guards.max_failures_in_a_row:
        return f"{recent.in_a_row:,} messages in a row failed ({main_reason})"
    n, n_failed = recent.n, recent.n_failed
    if n >= guards.failure_window and n_failed > guards.max_failure_rate * n:
        return (
            f"{n_failed:,} of the last {n:,} messages failed, more than the allowed "
            f"{guards.max_failure_rate:.0%} ({main_reason})"
        )
    return None


def _main_reason(failed: Sequence[Outcome]) -> str:
    kinds = Counter("" if outcome.error is None else outcome.error.kind for outcome in failed)
    return reason_in_words(min(kinds, key=lambda kind: (-kinds[kind], kind)))
