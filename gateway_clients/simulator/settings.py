"""How the simulated carrier behaves. Every field can be set while it runs (POST /control/settings)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]


class FaultKind(StrEnum):
    """What can go wrong with one submit request, in the order in which it would."""

    DROP_BEFORE_READING = "drop_before_reading"  # head read, body not; nothing taken
    DROP_AFTER_READING = "drop_after_reading"  # nothing taken
    UNAVAILABLE = "unavailable"  # 503 with Retry-After; nothing taken
    ERROR_NOT_TAKEN = "error_500_not_taken"
    DROP_AFTER_ACCEPTING = "drop_after_accepting"  # all taken, no answer
    ERROR_TAKEN = "error_500_taken"
    HALF_AN_ANSWER = "half_answer"  # all taken; half of the promised body, then the connection is closed
    SILENCE = "silence"  # all taken; the answer comes after silence_s


class Frequency(BaseModel):
    """How often a fault strikes: a share of the requests by chance, or every n-th request. 0 is never."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: Share = 0.0
    every: int = Field(0, ge=0)


class SimulatorSettings(BaseModel):
    """As it stands, everything is taken at once and delivered at once: what a test wants. People get LIFELIKE.

    Shares are cut by a keyed hash of the number or reference, so the same seed gives the same people the same fate.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency_ms: float = Field(0.0, ge=0, le=600_000, description="before each answer to a submit")
    throttle_per_s: float = Field(0.0, ge=0, description="messages a second before 429; 0: no limit")
    dedupe: bool = Field(
        False, description="a known reference is not taken again and answers with the first id"
    )
    credit: int | None = Field(
        None, ge=0, description="messages that are taken in all before 402; null: any number"
    )
    api_key: str = Field("", description="when set, a submit, pull or look-up needs it as a bearer token")

    reject_share: Share = Field(0.0, description="of the numbers, with the code `blocked`")
    reject_numbers: dict[str, str] = Field({}, description="number: code")
    reject_prefixes: dict[str, str] = Field({}, description="prefix: code")
    reject_suffixes: dict[str, str] = Field({}, description="suffix: code")
    magic_suffixes: bool = Field(True, description="numbers that end in 9990 to 9995 have a fixed fate")

    undelivered_suffixes: dict[str, str] = Field({}, description="suffix: code of the receipt")
    receipt_delay_s: float = Field(0.0, ge=0)
    undelivered_share: Share = 0.0
    expired_share: Share = 0.0
    waiting_share: Share = Field(0.0, description="no receipt, ever; what is left of 1 is delivered")
    late_share: Share = Field(0.0, description="of the receipts, after late_delay_s more")
    late_delay_s: float = Field(30.0, ge=0)
    doubled_share: Share = Field(0.0, description="of the receipts, come twice")

    faults: dict[FaultKind, Frequency] = {}
    retry_after_s: float = Field(1.0, ge=0, description="what a 503 asks for")
    silence_s: float = Field(30.0, ge=0, le=600)

    @model_validator(mode="after")
    def _the_shares_leave_room(self) -> SimulatorSettings:
        if self.undelivered_share + self.expired_share + self.waiting_share > 1:
            raise ValueError("undelivered_share, expired_share and waiting_share together are more than 1")
        return self


LIFELIKE = SimulatorSettings(
    latency_ms=5,
    reject_share=0.01,
    receipt_delay_s=0.5,
    undelivered_share=0.04,
    expired_share=0.01,
    waiting_share=0.01,
    late_share=0.02,
    late_delay_s=3,
    doubled_share=0.01,
)
