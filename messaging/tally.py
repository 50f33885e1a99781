"""What one task attempt left of its batch, in counts and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from messaging.outcomes import ErrorKind

DONE = "done"  # nothing claimable is left
BUSY = "busy"  # somebody else holds the lease
DRAINED = "drained"  # this process was told to end
BLOCKED = "blocked"  # the gateway asked us to wait for longer than a task should
DEFERRED = "deferred"  # its window is not open yet
UNREACHABLE = "unreachable"  # several claims in a row found no gateway

MOST_REASONS = 3  # named in the words of a tally

_REASONS: Mapping[str, str] = {
    ErrorKind.THROTTLED: "gateway throttled",
    ErrorKind.UNAVAILABLE: "gateway unavailable",
    ErrorKind.CONNECT_FAILED: "gateway unreachable",
    ErrorKind.NO_CREDIT: "out of credit",
    ErrorKind.BAD_CREDENTIALS: "credentials refused",
    ErrorKind.HELD_BACK: "held back",
    ErrorKind.TIMEOUT: "no answer in time",
    "": "no reason given",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTally:
    """The counts of one batch as the ledger has them after the work; they add up to the batch's messages.

    ended: one of the words above, or the state of the run that ended the work.
    reasons: status in words ("unsent", "rejected", "stopped", "unconfirmed") → reason → messages.
    """

    batch: int
    accepted: int = 0
    rejected: int = 0
    unsent: int = 0
    unconfirmed: int = 0
    stopped: int = 0
    in_flight: int = 0
    not_claimed: int = 0
    ended: str = DONE
    reasons: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def n_messages(self) -> int:
        return (
            self.accepted
            + self.rejected
            + self.unsent
            + self.unconfirmed
            + self.stopped
            + self.in_flight
            + self.not_claimed
        )

    @property
    def needs_attention(self) -> bool:
        """Something is left that another run of this batch would send.

        Not so for unconfirmed messages: running again sends nothing of them, a receipt or a person decides.
        """
        return self.unsent > 0 or self.not_claimed > 0

    def in_words(self) -> str:
        """As in "batch 17: 940 accepted, 12 rejected, 48 unsent (gateway throttled)"; what is zero is left out."""
        counts = [
            (self.accepted, "accepted", ""),
            (self.rejected, "rejected", ""),
            (self.unsent, "unsent", self._why("unsent")),
            (self.unconfirmed, "unconfirmed", ""),
            (self.stopped, "stopped", self._why("stopped")),
            (self.in_flight, "in flight", ""),
            (self.not_claimed, "not sent yet", "" if self.ended == DONE else self.ended.replace("_", " ")),
        ]
        said = [f"{n:,} {word}{f' ({why})' if why else ''}" for n, word, why in counts if n]
        return f"batch {self.batch}: " + (", ".join(said) or "no messages")

    def _why(self, status: str) -> str:
        """The one reason, or the most frequent ones with their counts."""
        reasons = self.reasons.get(status, {})
        ranked = sorted(reasons, key=lambda reason: (-reasons[reason], reason))
        if len(ranked) < 2:
            return "".join(reason_in_words(reason) for reason in ranked)
        named = [f"{reasons[reason]:,} {reason_in_words(reason)}" for reason in ranked[:MOST_REASONS]]
        others = sum(reasons[reason] for reason in ranked[MOST_REASONS:])
        return ", ".join([*named, f"{others:,} for other reasons"] if others else named)


def reason_in_words(kind: str) -> str:
    """An error kind or stop reason as people read it: throttled → gateway throttled."""
    return _REASONS.get(kind, kind.replace("_", " "))
