"""The states of a run, the moves between them, and the key under which an occurrence is sent at most once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum


class RunState(StrEnum):
    """Where one run of a campaign stands. Pause and cancel are states of our run, not of Prefect's."""

    PLANNING = "planning"
    AWAITING_APPROVAL = "awaiting_approval"
    SCHEDULED = "scheduled"  # frozen, and waits for its time
    HELD = "held"  # approved, and waits out the time in which a person may undo it
    SENDING = "sending"
    PAUSED = "paused"  # by a person
    STOPPED = "stopped"  # by a breaker
    CANCELLED = "cancelled"
    FINISHED = "finished"
    FINISHED_WITH_UNCONFIRMED = "finished_with_unconfirmed"
    FINISHED_WITH_UNSENT = "finished_with_unsent"
    FAILED_IN_PLANNING = "failed_in_planning"

    @property
    def is_over(self) -> bool:
        """Nothing is claimed in this state and nothing will be, unless somebody moves the run back."""
        return self in _OVER

    @property
    def in_words(self) -> str:
        return self.value.replace("_", " ")


_OVER = frozenset(
    {
        RunState.CANCELLED,
        RunState.FINISHED,
        RunState.FINISHED_WITH_UNCONFIRMED,
        RunState.FINISHED_WITH_UNSENT,
        RunState.FAILED_IN_PLANNING,
    }
)
_FROZEN_ENDS = frozenset(
    {RunState.FINISHED, RunState.FINISHED_WITH_UNCONFIRMED, RunState.FINISHED_WITH_UNSENT}
)
_STARTS = frozenset({RunState.SCHEDULED, RunState.HELD, RunState.SENDING})

TRANSITIONS: Mapping[RunState, frozenset[RunState]] = {
    RunState.PLANNING: _STARTS
    | {RunState.AWAITING_APPROVAL, RunState.CANCELLED, RunState.FAILED_IN_PLANNING},
    RunState.AWAITING_APPROVAL: _STARTS | {RunState.CANCELLED},
    RunState.SCHEDULED: frozenset({RunState.HELD, RunState.SENDING, RunState.PAUSED, RunState.CANCELLED}),
    RunState.HELD: frozenset({RunState.SCHEDULED, RunState.SENDING, RunState.CANCELLED}),
    RunState.SENDING: _FROZEN_ENDS | {RunState.PAUSED, RunState.STOPPED, RunState.CANCELLED},
    RunState.PAUSED: frozenset({RunState.SENDING, RunState.CANCELLED}),
    RunState.STOPPED: frozenset({RunState.SENDING, RunState.CANCELLED}),
    RunState.CANCELLED: frozenset(),
    RunState.FINISHED: frozenset(),
    # Back to sending by Retry, rerun, reconcile or resolve; straight to another end when a late receipt or a
    # decision changes what is still open.
    RunState.FINISHED_WITH_UNCONFIRMED: _FROZEN_ENDS - {RunState.FINISHED_WITH_UNCONFIRMED}
    | {RunState.SENDING},
    RunState.FINISHED_WITH_UNSENT: _FROZEN_ENDS - {RunState.FINISHED_WITH_UNSENT} | {RunState.SENDING},
    # Nothing was frozen, so a Retry plans anew.
    RunState.FAILED_IN_PLANNING: frozenset({RunState.PLANNING}),
}


def can_go(before: RunState, after: RunState) -> bool:
    """Whether a run may move from one state to another; staying where it is counts as no move."""
    return after in TRANSITIONS[before]


def states_before(after: RunState) -> frozenset[RunState]:
    """Every state from which a run may move to this one: the guard of a compare-and-set."""
    return frozenset(state for state, nexts in TRANSITIONS.items() if after in nexts)


def run_key(
    campaign: str,
    *,
    scheduled_at: datetime | None = None,
    given: str | None = None,
    plan_fingerprint: str = "",
) -> str:
    """The key under which an occurrence is sent at most once (design.md §1).

    scheduled_at: only when Prefect's scheduler made the run; then it decides, since a key given once in a
    deployment's parameters would let its first occurrence swallow all later ones. A start by hand gives a key or
    gets campaign + plan fingerprint. Raises ValueError for a start by hand with neither, or a time without a zone.
    """
    if scheduled_at is not None:
        if scheduled_at.tzinfo is None:
            raise ValueError("scheduled_at needs a time zone")
        return (
            f"{campaign}@{scheduled_at.astimezone(UTC).isoformat(timespec='seconds').replace('+00:00', 'Z')}"
        )
    if given:
        return given
    if not plan_fingerprint:
        raise ValueError("a run by hand needs a key or the fingerprint of its plan")
    return f"{campaign}+{plan_fingerprint[:12]}"
