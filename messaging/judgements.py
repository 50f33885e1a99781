"""What a quality gate found: each expectation in words, what was wanted, what was observed. Nothing personal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from messaging.quality import Severity

_MOST_NAMED = 3


class Verdict(StrEnum):
    """broken: it could not be judged, which is a failure and never a pass."""

    PASSED = "passed"
    FAILED = "failed"
    BROKEN = "broken"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One expectation. words: what it counts; basis: on what it was judged, such as "all 1,925 contacts"."""

    name: str
    words: str
    wanted: str
    observed: str
    severity: Severity
    verdict: Verdict
    basis: str

    @property
    def is_failure(self) -> bool:
        return self.verdict in {Verdict.FAILED, Verdict.BROKEN}

    @property
    def sentence(self) -> str:
        """As in "contacts with a first_name: wanted at least 95 %, observed 91.2 % (1,756 of 1,925)"."""
        return f"{self.words}: wanted {self.wanted}, observed {self.observed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """All judgements on one source. judge: who judged; n_judged_rows: contacts that were looked at one by one.

    last_run: what it was compared with; None: its first.
    """

    campaign: str
    judge: str
    source_rows: int
    contacts: int
    n_judged_rows: int
    last_run: int | None
    judgements: Sequence[Judgement]

    @property
    def failures(self) -> list[Judgement]:
        """What stops the run."""
        return [one for one in self.judgements if one.is_failure and one.severity == "error"]

    @property
    def warnings(self) -> list[Judgement]:
        return [one for one in self.judgements if one.is_failure and one.severity == "warn"]

    @property
    def is_sample(self) -> bool:
        return 0 < self.n_judged_rows < self.contacts

    @property
    def objection(self) -> str | None:
        """Why nothing may be sent, in one sentence; None: nothing speaks against it."""
        failures = self.failures
        if not failures:
            return None
        named = "; ".join(one.sentence for one in failures[:_MOST_NAMED])
        more = f"; and {len(failures) - _MOST_NAMED} more" if len(failures) > _MOST_NAMED else ""
        return f"{self.campaign}: the quality gate let nothing through. {named[0].upper()}{named[1:]}{more}"

    @property
    def in_words(self) -> str:
        """5 of 6 expectations hold, 1 warning"""
        held = sum(one.verdict is Verdict.PASSED for one in self.judgements)
        judged = sum(one.verdict is not Verdict.NOT_JUDGED for one in self.judgements)
        parts = [f"{held} of {judged} expectations hold"]
        for n, word in ((len(self.failures), "failure"), (len(self.warnings), "warning")):
            if n:
                parts.append(f"{n} {word}{'s' * (n > 1)}")
        return ", ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """For quality.json, plan.json and `--json`: stable keys, plain values."""
        return {
            **asdict(self),
            "judgements": [{**asdict(one), "verdict": one.verdict.value} for one in self.judgements],
            "is_sample": self.is_sample,
            "passed": not self.failures,
        }
