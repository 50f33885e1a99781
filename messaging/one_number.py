"""One phone number as somebody writes it on a line, read exactly as a cell of a source is."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from messaging.errors import TidingsError
from messaging.msisdn import parse_phones
from messaging.phone_rules import PhoneRule
from messaging.regions import region_of


class BadNumber(TidingsError):
    """What is written is no phone number; in the words of the rule it broke, without what was written."""


@dataclass(frozen=True, slots=True)
class Number:
    """msisdn: E.164 with '+'. region and number_type: as in messaging.schemas.CONTACTS."""

    msisdn: str
    region: str
    number_type: str


def read_number(text: str, *, region: str | None = None) -> str:
    """The msisdn alone, as `parse_number` finds it. Raises BadNumber."""
    return parse_number(text, region).msisdn


def parse_number(text: str, region: str | None = None, *, called: str = "the number") -> Number:
    """region: the country of a number without one, as anything messaging.regions knows. called: in an error.

    Raises BadNumber.
    """
    code = region_of(region) if region else None
    if region and code is None:
        raise BadNumber("the country is none we know; write it as two letters, such as --region GB.")
    [(msisdn, known_region, number_type, rule)] = parse_phones(pl.Series([text]), code).iter_rows()
    if rule is not None:
        raise BadNumber(f"{called} cannot be used. {PhoneRule(rule).sentence}")
    return Number(msisdn, known_region, number_type)
