"""Which submit request is to go wrong, and how; and how many messages a second are let in."""

from __future__ import annotations

from collections import Counter

from gateway_clients.simulator.chance import chance
from gateway_clients.simulator.settings import FaultKind, Frequency


class Mischief:
    """Strikes by the settings' frequencies, the same way for the same seed and requests.

    A request is known by the reference of its first message and how often that one was struck: a second attempt
    gets a new chance, else an "unavailable" message would be so for ever.
    """

    def __init__(self, seed: int) -> None:
        self.struck: Counter[FaultKind] = Counter()
        self._seed = seed
        self._n_requests = 0
        self._n_strikes_on: Counter[str] = Counter()

    def strikes_before_reading(self, faults: dict[FaultKind, Frequency]) -> bool:
        """Asked once per request, when its head is there."""
        self._n_requests += 1
        frequency = faults.get(FaultKind.DROP_BEFORE_READING)
        if frequency is None or not self._strikes(
            FaultKind.DROP_BEFORE_READING, frequency, str(self._n_requests)
        ):
            return False
        self.struck[FaultKind.DROP_BEFORE_READING] += 1
        return True

    def fault_for(self, reference: str, faults: dict[FaultKind, Frequency]) -> FaultKind | None:
        """The first fault that strikes this request, or None."""
        if not faults:
            return None
        key = f"{reference}|{self._n_strikes_on[reference]}"
        for kind in FaultKind:
            frequency = faults.get(kind)
            if kind is FaultKind.DROP_BEFORE_READING or frequency is None:
                continue
            if self._strikes(kind, frequency, key):
                self.struck[kind] += 1
                self._n_strikes_on[reference] += 1
                return kind
        return None

    def _strikes(self, kind: FaultKind, frequency: Frequency, key: str) -> bool:
        if frequency.every and self._n_requests % frequency.every == 0:
            return True
        return frequency.share > 0 and chance(self._seed, kind, key) < frequency.share


class Throttle:
    """A bucket of one second's messages. A request larger than that may overdraw it, and the next ones wait."""

    def __init__(self) -> None:
        self._level = 0.0
        self._filled_at = float("-inf")

    def wait_s(self, n_messages: int, *, per_s: float, now: float) -> float:
        """0: let in and counted. Otherwise how long until it would be; nothing is counted."""
        if per_s <= 0:
            return 0.0
        capacity = max(1.0, per_s)
        self._level = min(capacity, self._level + (now - self._filled_at) * per_s)
        self._filled_at = now
        missing = min(float(n_messages), capacity) - self._level
        if missing > 1e-3:  # a clock in seconds since 1970 is no finer than a quarter of a microsecond
            return missing / per_s
        self._level -= n_messages
        return 0.0
