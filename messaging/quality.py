"""The [quality] table of a campaign: what must hold of its contact file, or else nothing is sent (docs/quality.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from messaging.expectations import complaint_about
from messaging.section import Section

Severity = Literal["error", "warn"]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_AtMost = Literal["error", "warn", "off"]


class Severities(Section):
    """What a failure of each part of the suite does: stop the run, be shown, or not be looked for."""

    required_columns: _AtMost = "error"
    complete: _AtMost = "error"
    min_rows: _AtMost = "error"
    min_valid_rate: _AtMost = "error"
    min_unique_rate: _AtMost = "warn"  # whoever stands there twice is texted once anyway
    allowed_countries: _AtMost = "error"
    rows_against_last_run: _AtMost = "warn"  # a list may well grow tenfold
    max_valid_rate_drop: _AtMost = "warn"


class Expectation(Section):
    """One of Great Expectations' own, by its name; every other key is an argument of it."""

    model_config = ConfigDict(extra="allow")

    name: str
    severity: Severity = "error"

    @property
    def arguments(self) -> Mapping[str, Any]:
        return self.model_extra or {}

    @property
    def column(self) -> str:
        return str(self.arguments["column"])

    @model_validator(mode="after")
    def _is_known(self) -> Expectation:
        complaint = complaint_about(self.name, self.arguments)
        if complaint is not None:
            raise ValueError(complaint)
        return self


class Quality(Section):
    """Rates are shares from 0 to 1. Columns are named as the source writes them, or as templates do."""

    required_columns: tuple[str, ...] = Field((), description="beside the one with the number")
    complete: Mapping[str, Share] = Field(
        {}, description="column → share of the contacts that have something in it"
    )
    min_rows: int = Field(1, ge=0)
    min_valid_rate: Share = Field(0.5, description="of the source's rows, those with a valid number")
    min_unique_rate: Share = Field(0.5, description="of the contacts, distinct numbers")
    allowed_countries: tuple[str, ...] = Field((), description="of the numbers; left out: any")
    rows_against_last_run: tuple[float, float] = Field(
        (0.2, 5.0), description="the least and the most times the rows of the campaign's last run"
    )
    max_valid_rate_drop: Share = Field(0.2, description="below the valid rate of the last run")
    severity: Severities = Severities()
    expectations: tuple[Expectation, ...] = ()

    @field_validator("allowed_countries")
    @classmethod
    def _are_countries(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            return value
        # Imported here: its tables take a moment, and few campaigns name countries.
        from messaging.regions import region_of

        codes = tuple(region_of(country) for country in value)
        if None in codes:
            raise ValueError('write countries as two letters, such as ["GB", "IE"]')
        return tuple(sorted({code for code in codes if code}))

    @field_validator("rows_against_last_run")
    @classmethod
    def _is_a_range(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] <= value[1] < float("inf"):
            raise ValueError("write the least and the most, such as [0.2, 5]")
        return value

    @field_validator("expectations")
    @classmethod
    def _are_different(cls, value: tuple[Expectation, ...]) -> tuple[Expectation, ...]:
        for place, one in enumerate(value):
            if any(
                (one.name, one.arguments) == (other.name, other.arguments) for other in value[place + 1 :]
            ):
                raise ValueError(f"{one.name} stands there twice with the same arguments; remove one")
        return value

    def columns(self) -> Iterator[str]:
        """Every column that it names, as it names them."""
        yield from self.required_columns
        yield from self.complete
        yield from (one.column for one in self.expectations)
