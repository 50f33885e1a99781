"""What all trials came to: a table for people, and var/chaos.json."""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.arena import Verdict
from tests.chaos.phases import Phase

UNDER_PREFECT = "under Prefect"  # where many of the killed had nothing on its way
COLUMNS = (
    "kills",
    "messages",
    "duplicates",
    "lost",
    "hidden",
    "unconfirmed",
    "really_sent",
    "by_kill",
    "by_kill_sent",
)


@dataclass(slots=True)
class Report:
    """Counted from several threads."""

    kills_by_phase: Counter[Phase] = field(default_factory=Counter)
    by_mode: dict[tuple[str, bool], Counter[str]] = field(default_factory=dict)
    n_unproven: int = 0  # kills of a sender whose phase no evidence shows
    under_prefect: Counter[str] = field(default_factory=Counter)  # kills, by what was killed
    n_stops: int = 0
    n_cuts: int = 0
    n_breaks: int = 0
    audits: int = 0
    audits_balanced: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next_phase(self, rng: random.Random) -> Phase:
        """One in which few have died so far."""
        with self._lock:
            fewest = min(self.kills_by_phase[phase] for phase in Phase)
            return rng.choice([phase for phase in Phase if self.kills_by_phase[phase] <= fewest + 1])

    def count_kill(self, phase: Phase | None) -> None:
        with self._lock:
            if phase is None:
                self.n_unproven += 1
            else:
                self.kills_by_phase[phase] += 1

    def count_under_prefect(self, kills: Counter[str]) -> None:
        with self._lock:
            self.under_prefect.update(kills)

    def count_audit(self, *, is_balanced: bool) -> None:
        with self._lock:
            self.audits += 1
            self.audits_balanced += is_balanced

    def count_stop(self) -> None:
        with self._lock:
            self.n_stops += 1

    def count_break(self) -> None:
        with self._lock:
            self.n_breaks += 1

    def count_cuts(self, n: int) -> None:
        with self._lock:
            self.n_cuts += n

    def add(self, mode: str, flight_record: bool, kills: int, verdict: Verdict) -> None:
        self.count_audit(is_balanced=verdict.is_balanced)
        with self._lock:
            self.by_mode.setdefault((mode, flight_record), Counter()).update(
                kills=kills,
                messages=verdict.messages,
                duplicates_by_reference=verdict.duplicates_by_reference,
                duplicates_by_number=verdict.duplicates_by_number,
                duplicates=verdict.duplicates_by_reference + verdict.duplicates_by_number,
                lost=verdict.lost,
                hidden=verdict.hidden,
                unconfirmed=verdict.unconfirmed,
                really_sent=verdict.unconfirmed_really_sent,
                by_kill=verdict.unconfirmed_by_kill,
                by_kill_sent=verdict.unconfirmed_by_kill_sent,
                stale_claims=verdict.stale_claims,
            )

    def total(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for counts in self.by_mode.values():
            total.update(counts)
        return total

    def as_json(self) -> dict[str, Any]:
        total = self.total()
        return {
            "kills": total["kills"],
            "kills_by_phase": {phase.value: self.kills_by_phase[phase] for phase in Phase},
            "messages": total["messages"],
            "duplicates": total["duplicates"],
            "duplicates_by_reference": total["duplicates_by_reference"],
            "duplicates_by_number": total["duplicates_by_number"],
            "lost": total["lost"],
            "hidden": total["hidden"],
            "unconfirmed": total["unconfirmed"],
            "unconfirmed_really_sent": total["really_sent"],
            "audits": self.audits,
            "audits_balanced": self.audits_balanced,
            "kills_without_proof_of_phase": self.n_unproven,
            "kills_under_prefect": dict(self.under_prefect),
            "claims_under_a_stale_fence": total["stale_claims"],
            "sleepers": self.n_stops,
            "connections_cut": self.n_cuts,
            "stopped_by_breaker": self.n_breaks,
            "unconfirmed_per_kill": {
                "with_flight_record": self._per_kill(flight_record=True),
                "without": self._per_kill(flight_record=False),
            },
            "modes": [
                {"mode": mode, "flight_record": flight_record, **counts}
                for (mode, flight_record), counts in self.by_mode.items()
            ],
        }

    def _per_kill(self, *, flight_record: bool) -> dict[str, float]:
        """Only what kills left in doubt; a gateway's fault leaves a code."""
        total: Counter[str] = Counter()
        for (mode, has_one), counts in self.by_mode.items():
            if has_one is flight_record and mode != UNDER_PREFECT:
                total.update(counts)
        return {
            "per_kill": round(total["by_kill"] / max(1, total["kills"]), 1),
            "share_really_sent": round(total["by_kill_sent"] / max(1, total["by_kill"]), 3),
        }

    def table(self) -> str:
        lines = [f"{'mode':28}{'flight record':>14}" + "".join(f"{name:>14}" for name in COLUMNS)]
        for (mode, flight_record), counts in self.by_mode.items():
            word = "yes" if flight_record else "no"
            lines.append(f"{mode:28}{word:>14}" + "".join(f"{counts[name]:>14,}" for name in COLUMNS))
        total = self.total()
        lines.append(f"{'all':42}" + "".join(f"{total[name]:>14,}" for name in COLUMNS))
        return "\n".join(lines)

    def failures(self, *, n_kills: int, least_per_phase: int) -> list[str]:
        """Why the run has failed; empty: it has not."""
        found = self.as_json()
        failures = [
            f"{name}: {found[name]}"
            for name in ("duplicates", "lost", "hidden", "claims_under_a_stale_fence")
            if found[name]
        ]
        if self.audits_balanced != self.audits:
            failures.append(f"{self.audits - self.audits_balanced} of {self.audits} audits do not balance")
        if found["kills"] < n_kills:
            failures.append(f"{found['kills']} kills; {n_kills} were asked for")
        failures += [
            f"{n} kills {phase}; {least_per_phase} are wanted"
            for phase, n in found["kills_by_phase"].items()
            if n < least_per_phase
        ]
        return failures
