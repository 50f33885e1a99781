"""The campaign file: who gets which text through which account, when, and what must hold before anything is sent.

A campaign is data: the same definition has the same fingerprint, and an unknown key is refused, because a misspelt
guard would be no guard. Durations are seconds, or text such as "90s", "15m", "24h", "2d".
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import AliasChoices, Field, ValidationError, field_validator, model_validator

from messaging.definition import DurationS, Name, Purpose, Schedule, first_complaint, nearest
from messaging.errors import TidingsError
from messaging.guarding import DEFAULT_GUARDS, FailureGuards
from messaging.phone_rules import MOBILE_TYPES, NUMBER_TYPES
from messaging.purposes import MARKETING
from messaging.quality import Quality
from messaging.section import Section
from messaging.source_section import SourceSection, country_code


class CampaignError(TidingsError):
    """welcome.toml: message.sender: unknown key; did you mean sender_id?"""


StoredKind = Literal["list", "tag", "segment"]


class Audience(SourceSection):
    """Where the people come from: a file, a named connection (query, path), or the store of contacts.

    Columns are named as the source writes them; left out, they are recognised. Stored contacts have their own.
    """

    list: str | None = Field(None, min_length=1, description="of stored contacts: `tidings list show`")
    tag: str | None = Field(None, min_length=1, description="everybody who bears it: `tidings tag show`")
    segment: str | None = Field(None, min_length=1, description="of stored contacts: `tidings segment list`")
    number_types: tuple[str, ...] = Field(
        MOBILE_TYPES,
        min_length=1,
        description="that may be texted, such as also voip; libphonenumber's words",
    )

    @property
    def stored(self) -> tuple[StoredKind, str] | None:
        """Which of the store's people; None: they come from elsewhere."""
        named: tuple[tuple[StoredKind, str | None], ...] = (
            ("list", self.list),
            ("tag", self.tag),
            ("segment", self.segment),
        )
        return next(((kind, name) for kind, name in named if name is not None), None)

    @property
    def needs_region(self) -> bool:
        """Nobody has said what the country of numbers is that are written without one."""
        return self.stored is None and self.region is None and self.country is None

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        given = [name for name in _SOURCES if getattr(self, name) is not None]
        if len(given) != 1:
            seen = f" (got {' and '.join(given)})" if given else ""
            raise ValueError(f"give one of {', '.join(_SOURCES[:-1])} and {_SOURCES[-1]}{seen}")
        if self.stored is None:
            self._reads_one_source()
            return self
        unset = type(self).model_construct()
        of_rows = [name for name in SourceSection.model_fields if getattr(self, name) != getattr(unset, name)]
        if of_rows:
            raise ValueError(
                f"{of_rows[0]} is about a file or a connection; stored contacts have been read already"
            )
        return self

    @field_validator("number_types")
    @classmethod
    def _are_types(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in NUMBER_TYPES:
                meant = nearest(name, [*NUMBER_TYPES])
                hint = f"did you mean {meant}?" if meant else f"known: {', '.join(NUMBER_TYPES)}"
                raise ValueError(f"{name!r} is no type of number; {hint}")
        return value


_SOURCES = ("file", "connection", "list", "tag", "segment")


class Message(Section):
    """What is sent: a template file, or its text written here."""

    text: str | None = Field(None, description="the template itself; or else:")
    template: str | None = Field(None, description="a file with it, relative to the campaign file")
    sender_id: str | None = Field(
        None, description="what people see as the sender; left out, the account decides"
    )

    @model_validator(mode="after")
    def _has_one_text(self) -> Message:
        if (self.text is None) == (self.template is None):
            raise ValueError("give either text or template")
        return self

    @field_validator("sender_id")
    @classmethod
    def _is_a_sender_id(cls, value: str | None) -> str | None:
        is_number = value is not None and re.fullmatch(r"\+?[0-9]{3,15}", value)
        is_word = value is not None and re.fullmatch(r"(?=.*[A-Za-z])[A-Za-z0-9 ._&+'-]{1,11}", value)
        if value is None or is_number or is_word:
            return value
        raise ValueError("a sender ID is a number of 3 to 15 digits, or 1 to 11 letters, digits and spaces")


class Gateway(Section):
    """Which account sends, and what it costs."""

    account: str = Field("sim", min_length=1)
    prices: str | None = Field(
        None, description="CSV of region, price_per_segment, currency; relative to the campaign file"
    )


class Consent(Section):
    """Why these people may be texted. recorded: only those whose row says yes; attested: the note vouches for all.

    Where a row says nothing, a yes for the purpose counts that the store of contacts knows of.
    """

    basis: Literal["recorded", "attested"]
    note: str = ""
    purpose: Purpose = Field(
        MARKETING, description="what people have agreed to; who withdraws it is left out"
    )

    @model_validator(mode="after")
    def _attested_in_words(self) -> Consent:
        if self.basis == "attested" and not self.note:
            raise ValueError("an attested consent needs a note that says why these people may be texted")
        return self


class Guards(Section):
    """What must hold of a plan, or nothing is sent; and of the messages that go out, or the run is stopped."""

    max_messages: int | None = Field(None, ge=0)
    max_cost: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="in the price list's currency"
    )
    # 6 parts are 918 plain characters, and what most carriers take at most.
    max_segments: int = Field(
        6, ge=1, le=255, description="of one message; a longer one leaves its person out"
    )
    max_failures_in_a_row: int = Field(DEFAULT_GUARDS.max_failures_in_a_row, ge=1)
    max_failure_rate: float = Field(
        DEFAULT_GUARDS.max_failure_rate, ge=0, le=1, allow_inf_nan=False, description="1: no rate is too high"
    )
    failure_window: int = Field(
        DEFAULT_GUARDS.failure_window, ge=10, le=100_000, description="messages that the rate is taken of"
    )
    countries: tuple[str, ...] | None = Field(
        None, min_length=1, description="whose numbers may be texted, as two letters; left out, all"
    )
    blocked_countries: tuple[str, ...] = Field((), description="whose numbers may not be texted")

    @field_validator("countries", "blocked_countries")
    @classmethod
    def _are_countries(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if value is None else tuple(country_code(name) for name in value)

    @property
    def of_failures(self) -> FailureGuards:
        return FailureGuards(
            max_failures_in_a_row=self.max_failures_in_a_row,
            max_failure_rate=self.max_failure_rate,
            failure_window=self.failure_window,
        )


class Run(Section):
    """How the messages of a run are cut and how long they matter."""

    batch_size: int = Field(1000, ge=1, le=65_536)
    validity_s: DurationS = Field(
        172_800,
        ge=60,
        validation_alias=AliasChoices("validity", "validity_s"),
        description="after this the carrier gives a message up, and no receipt is awaited any more",
    )
    repeat_after_s: DurationS = Field(
        86_400,
        validation_alias=AliasChoices("repeat_after", "repeat_after_s"),
        description="a start by hand repeats nothing that went out within this time",
    )


class Campaign(Section):
    """One campaign file. name: in run keys and in Prefect, so it stays when the rest changes."""

    name: Name
    description: str = ""
    audience: Audience
    message: Message
    gateway: Gateway = Gateway()
    consent: Consent | None = None
    schedule: Schedule = Schedule()
    guards: Guards = Guards()
    quality: Quality = Quality()
    run: Run = Run()

    @property
    def purpose(self) -> str:
        """What its people have agreed to."""
        return MARKETING if self.consent is None else self.consent.purpose


def parse_campaign(definition: Mapping[str, Any]) -> Campaign:
    """The campaign that a parsed file describes. Raises CampaignError: one sentence on the first thing that is wrong."""
    try:
        return Campaign.model_validate(definition)
    except ValidationError as error:
        raise CampaignError(first_complaint("campaign", Campaign, error)) from None


def fingerprint(campaign: Campaign) -> str:
    """64 hexadecimal digits that change when the definition does; the texts of the files it names are not in it."""
    return hashlib.sha256(
        json.dumps(campaign.model_dump(mode="json"), sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()
