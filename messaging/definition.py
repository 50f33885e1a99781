"""What the files that people write have in common: names, durations, schedules, and one sentence for what is wrong."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from messaging.purposes import check_purpose
from messaging.section import Section

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_A_DURATION = 'write seconds, or a text such as "90s", "15m", "24h", "2d"'
_CRON_NAMES = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
_CRON_FIELD = re.compile(r"[0-9A-Za-z*/,#-]+")

# In run keys, in Prefect and in file names.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


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


Purpose = Annotated[str, AfterValidator(check_purpose)]
DurationS = Annotated[int, BeforeValidator(read_duration), Field(ge=0)]


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


def first_complaint(kind: str, root: type[BaseModel], error: ValidationError) -> str:
    """One sentence on the first thing that is wrong, without what was written. kind: what such a file is called."""
    # An unknown key first: where one is misspelt, another one is missing.
    first = min(
        error.errors(include_input=False, include_url=False), key=lambda e: e["type"] != "extra_forbidden"
    )
    path = [part for part in first["loc"] if isinstance(part, str)]
    return _sentence(kind, root, path, first["type"], first["msg"])


def nearest(name: str, known: list[str]) -> str | None:
    """The known name that somebody who wrote `name` probably meant."""
    found = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return found[0] if found else None


def _sentence(kind: str, root: type[BaseModel], path: list[str], error: str, message: str) -> str:
    key = ".".join(path)
    if error == "extra_forbidden":
        known = _keys_of(root, path[:-1])
        meant = nearest(path[-1], known)
        hint = f"did you mean {meant}?" if meant else f"known here: {', '.join(known)}."
        return f"{key}: unknown key; {hint}"
    if error == "missing":
        return f"{key}: is missing; add it."
    if error == "string_pattern_mismatch" and key == "name":
        return "name: write 1 to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit."
    return f"{key or kind}: {message.removeprefix('Value error, ')}."


def _keys_of(root: type[BaseModel], path: list[str]) -> list[str]:
    """The keys that may stand in the section at `path`, as a file writes them."""
    section = root
    for name in path:
        section = {field: _section_of(info.annotation) for field, info in section.model_fields.items()}[name]
    return [_written(name, info.validation_alias) for name, info in section.model_fields.items()]


def _section_of(annotation: Any) -> Any:
    """Consent | None → Consent."""
    kinds = getattr(annotation, "__args__", (annotation,))
    return kinds[0]


def _written(name: str, alias: object) -> str:
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else name
