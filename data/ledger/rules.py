"""The numbers of the ledger: how much is claimed, for how long, how far ahead (docs/adr/0004 says why these)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All times in seconds."""

    lease_s: float = 30.0
    send_window_s: float = 30.0  # nothing of a claim leaves later than this, nor after the lease
    horizon_s: float = 0.5  # no claim is written for a slot that begins later
    slot_s: float = 0.25  # a claim of single messages holds at most this much of the account's pace
    most_per_claim: int = 50
    most_per_bulk: int = 500
    max_attempts: int = 5  # requests on the wire, per message and task run
    back_off_s: float = 1.0  # after the first failed attempt; doubles with each
    longest_back_off_s: float = 30.0
    patience_s: float = 900.0  # an account blocked for longer is not waited for
    clock_horizon_s: float = (
        60.0  # an instant further ahead was written before a clock was set back: it counts as now
    )
    longest_block_s: float = 86_400.0  # the same for a gateway's own wish

    def __post_init__(self) -> None:
        if self.horizon_s + self.slot_s >= self.lease_s:
            raise ValueError("a lease must outlast the horizon and the slot of a claim")

    @property
    def right_to_send_s(self) -> float:
        """How long a claim may be sent at most, by its holder's own clock, from before it asked."""
        return min(self.lease_s, self.send_window_s)
