"""The campaign file: who gets which text through which account, when, and what must hold before anything is sent.

A campaign is data: the same definition has the same fingerprint, and an unknown key is refused, because a misspelt
guard would be no guard. Durations are seconds, or text such as "90s", "15m", "24h", "2d".
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from messaging.errors import TidingsError
from messaging.guarding import DEFAULT_GUARDS, FailureGuards
from messaging.quality import Quality
from messaging.section import Section

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_A_DURATION = 'write seconds, or a text such as "90s", "15m", "24h", "2d"'
_CRON_NAMES = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
_CRON_FIELD = re.compile(r"[0-9A-Za-z*/,#-]+")


class CampaignError(TidingsError):
    """welcome.toml: message.sender: unknown key; did you mean sender_id?"""


def read_duration(value: object) -> object:
    """15m → 900. Anything but text is left to pydantic. Raises ValueError for text that is no duration."""
    if isinstance(value, bool):
        raise ValueError(_A_DURATION)  # noqa: TRY004 - what pydantic wants; it would take True for one second
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([smhdw]?)\s*", value)
    if found is None:
        raise ValueError(_A_DURATION)
    return float(found[1]) * _UNITS_S[found[2] or "s"]


DurationS = Annotated[int, BeforeValidator(read_duration), Field(ge=0)]


class Audience(Section):
    """Where the people come from: a file, or a named connection to a database (query) or a service (path).

    Columns are named as the source writes them; left out, they are recognised.
    """

    file: str | None = Field(
        None,
        min_length=1,
        description="CSV, XLSX, Parquet or JSON lines, also in gzip or zip; relative to the campaign file",
    )
    connection: str | None = Field(None, min_length=1, description="its name: `tidings connection list`")
    query: str | None = Field(None, min_length=1, description="of a database: one select")
    path: str | None = Field(None, min_length=1, description="of a service: its first page, with parameters")
    rows: str = Field("", description="of a service: where the list stands in an answer, such as results")
    next: str = Field("", description="of a service: where the next page stands, such as paging.next.after")
    next_parameter: str = Field("", description="of a service: what that is sent as; else it is an address")
    region: str | None = Field(None, description="country of numbers written without one, as two letters")
    phone: str | None = Field(None, description="column with the number")
    country: str | None = Field(None, description="column with the country of each number")
    consent: str | None = Field(None, description="column that says whether the person agreed")
    external_id: str | None = Field(None, description="column with the source's own id of the person")
    first_name: str | None = Field(None, description="column that templates know as first_name")
    last_name: str | None = Field(None, description="column that templates know as last_name")
    language: str | None = Field(None, description="column that templates know as language")
    time_zone: str | None = Field(None, description="column that templates know as time_zone")
    attributes: dict[str, str] = Field(
        default_factory=dict, description="further names for templates, each with its column"
    )
    separator: str | None = Field(None, min_length=1, max_length=1)
    encoding: str | None = None
    sheet: str | None = None

    @model_validator(mode="after")
    def _has_one_source(self) -> Audience:
        if (self.file is None) == (self.connection is None):
            raise ValueError("give either a file or a connection")
        if self.connection is not None and (self.query is None) == (self.path is None):
            raise ValueError("give a connection either a query (of a database) or a path (of a service)")
        if self.file is not None and (self.query is not None or self.path is not None):
            raise ValueError("query and path belong to a connection, not to a file")
        return self

    @property
    def fields(self) -> dict[str, str]:
        """The columns that somebody named, by the names that templates know them under."""
        named = {name: getattr(self, name) for name in ("first_name", "last_name", "language", "time_zone")}
        return {**{name: column for name, column in named.items() if column}, **self.attributes}

    @field_validator("region")
    @classmethod
    def _is_a_country(cls, value: str | None) -> str | None:
        if value is None:
            return None
        # Imported here: its tables take a moment, and not every campaign names a region.
        from messaging.regions import region_of

        region = region_of(value)
        if region is None:
            raise ValueError("write a country as two letters of ISO 3166, such as GB")
        return region


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
    """Why these people may be texted. recorded: only those whose row says yes; attested: the note vouches for all."""

    basis: Literal["recorded", "attested"]
    note: str = ""

    @model_validator(mode="after")
    def _attested_in_words(self) -> Consent:
        if self.basis == "attested" and not self.note:
            raise ValueError("an attested consent needs a note that says why these people may be texted")
        return self


class Schedule(Section):
    """When it runs by itself: at most one of cron, interval, rrule. None of them: only when somebody starts it."""

    cron: str | None = None
    interval_s: DurationS | None = Field(
        None, ge=1, validation_alias=AliasChoices("interval", "interval_s"), description="between two starts"
    )
    rrule: str | None = Field(None, description="RFC 5545, such as FREQ=WEEKLY;BYDAY=MO;BYHOUR=9")
    time_zone: str = Field("UTC", description="IANA name; also that of `--at`")
    max_lateness_s: DurationS = Field(
        900,
        validation_alias=AliasChoices("max_lateness", "max_lateness_s"),
        description="an occurrence later than this is skipped",
    )

    @property
    def kind(self) -> Literal["cron", "interval", "rrule"] | None:
        if self.cron is not None:
            return "cron"
        if self.interval_s is not None:
            return "interval"
        return "rrule" if self.rrule is not None else None

    @model_validator(mode="after")
    def _has_at_most_one_rule(self) -> Schedule:
        if sum(rule is not None for rule in (self.cron, self.interval_s, self.rrule)) > 1:
            raise ValueError("give only one of cron, interval and rrule")
        return self

    @field_validator("cron")
    @classmethod
    def _looks_like_cron(cls, value: str | None) -> str | None:
        if value is None or value in _CRON_NAMES:
            return value
        fields = value.split()
        if len(fields) != 5 or not all(_CRON_FIELD.fullmatch(field) for field in fields):
            raise ValueError('write five fields (minute hour day month weekday), such as "0 9 * * 1"')
        return value

    @field_validator("rrule")
    @classmethod
    def _is_an_rrule(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            rrulestr(value)
        except (ValueError, TypeError, KeyError, IndexError):
            raise ValueError(
                "write an RFC 5545 rule, such as FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0"
            ) from None
        return value

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("write a time zone by its IANA name, such as Europe/London") from None
        return value


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

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    description: str = ""
    audience: Audience
    message: Message
    gateway: Gateway = Gateway()
    consent: Consent | None = None
    schedule: Schedule = Schedule()
    guards: Guards = Guards()
    quality: Quality = Quality()
    run: Run = Run()


def parse_campaign(definition: Mapping[str, Any]) -> Campaign:
    """The campaign that a parsed file describes. Raises CampaignError: one sentence on the first thing that is wrong."""
    try:
        return Campaign.model_validate(definition)
    except ValidationError as error:
        # An unknown key first: where one is misspelt, another one is missing.
        first = min(
            error.errors(include_input=False, include_url=False), key=lambda e: e["type"] != "extra_forbidden"
        )
        path = [part for part in first["loc"] if isinstance(part, str)]
        raise CampaignError(_sentence(path, first["type"], first["msg"])) from None


def fingerprint(campaign: Campaign) -> str:
    """64 hexadecimal digits that change when the definition does; the texts of the files it names are not in it."""
    return hashlib.sha256(
        json.dumps(campaign.model_dump(mode="json"), sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


def nearest(name: str, known: list[str]) -> str | None:
    """The known name that somebody who wrote `name` probably meant."""
    found = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return found[0] if found else None


def _sentence(path: list[str], kind: str, message: str) -> str:
    key = ".".join(path)
    if kind == "extra_forbidden":
        known = _keys_of(path[:-1])
        meant = nearest(path[-1], known)
        hint = f"did you mean {meant}?" if meant else f"known here: {', '.join(known)}."
        return f"{key}: unknown key; {hint}"
    if kind == "missing":
        return f"{key}: is missing; add it."
    if kind == "string_pattern_mismatch" and key == "name":
        return "name: write 1 to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit."
    return f"{key or 'campaign'}: {message.removeprefix('Value error, ')}."


def _keys_of(path: list[str]) -> list[str]:
    """The keys that may stand in the section at `path`, as a file writes them."""
    section: type[BaseModel] = Campaign
    for name in path:
        section = {field: _section_of(info.annotation) for field, info in section.model_fields.items()}[name]
    return [_written(name, info.validation_alias) for name, info in section.model_fields.items()]


def _section_of(annotation: Any) -> Any:
    """Consent | None → Consent."""
    kinds = getattr(annotation, "__args__", (annotation,))
    return kinds[0]


def _written(name: str, alias: object) -> str:
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else name
