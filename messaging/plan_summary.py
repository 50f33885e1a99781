"""What a plan comes to, in numbers: what people read before they send, and what the store keeps of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from messaging.guarding import DEFAULT_GUARDS, FailureGuards
from messaging.purposes import MARKETING


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSummary:
    """Counts, cost and fingerprints of one plan; nothing personal.

    rejects and excluded count by rule and by reason. cost is in `currency`, for all segments. The fingerprints are
    sha256 in hexadecimal digits: of the source (a file's bytes; which list or query it is), of the template, and of
    all that decides who gets what.
    Raises ValueError when the equations of design.md §5 do not hold, so no plan that loses a row is ever frozen.
    """

    campaign: str
    source_rows: int
    rejects: Mapping[str, int]
    contacts: int
    excluded: Mapping[str, int]
    audience: int
    holdout: int
    messages: int
    segments: int
    cost: float
    currency: str
    encodings: Mapping[str, int]  # messages by gsm7 | ucs2
    regions: Mapping[str, int]  # messages by country
    segments_per_message: Mapping[int, int]  # messages by their number of segments
    n_batches: int
    batch_size: int
    validity_s: int
    source_fingerprint: str
    text_fingerprint: str
    plan_fingerprint: str
    purpose: str = MARKETING  # of the consents it rests on
    failure_guards: FailureGuards = DEFAULT_GUARDS
    notices: Sequence[str] = ()
    read_as: str = ""  # format, encoding, separator or sheet of the source
    columns: Mapping[str, str] = field(default_factory=dict)  # meaning → header as the source writes it

    def __post_init__(self) -> None:
        equations = (
            ("source rows = rejects + contacts", self.source_rows, self.n_rejects + self.contacts),
            ("contacts = excluded + audience", self.contacts, self.n_excluded + self.audience),
            ("audience = messages + holdout", self.audience, self.messages + self.holdout),
        )
        for name, left, right in equations:
            if left != right:
                raise ValueError(f"the plan of {self.campaign} loses rows: {name}, but {left} is not {right}")

    @property
    def n_rejects(self) -> int:
        return sum(self.rejects.values())

    @property
    def n_excluded(self) -> int:
        return sum(self.excluded.values())

    def as_dict(self) -> dict[str, Any]:
        """For plan.json and `plan --json`: stable keys, plain values."""
        return asdict(self)
