"""The import file: which source goes into the store of contacts, onto which list, and who has the last word.

Like a campaign it is data, and an unknown key is refused. Nothing in it can take back a no: an import only adds
consents, and a *yes* of it counts when it is newer than the *no* that is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from messaging.definition import Name, Purpose, Schedule, first_complaint
from messaging.errors import TidingsError
from messaging.purposes import MARKETING
from messaging.section import Section
from messaging.source_section import SourceSection

Words = Annotated[str, Field(min_length=1, max_length=200)]


class ImportFileError(TidingsError):
    """members.toml: merge.winner: unknown key; did you mean wins?"""


class ImportConsent(Section):
    """What a yes or a no in the source's consent column is about.

    source: where it was given, in words of yours; left out, the import is named.
    """

    purpose: Purpose = MARKETING
    source: str = Field("", max_length=200, description="such as: sign-up form of the web shop")
    at: str | None = Field(None, min_length=1, description="column with the time at which it was given")
    evidence: str | None = Field(
        None, min_length=1, description="column with what proves it, such as the number of a form"
    )


class Merge(Section):
    """Who wins where source and store both have a value. Silence of the source never empties a field."""

    wins: Literal["file", "stored"] = "file"
    keep: tuple[Words, ...] = Field((), description="fields in which the stored value wins all the same")

    @model_validator(mode="after")
    def _keeps_what_could_be_lost(self) -> Merge:
        if self.wins == "stored" and self.keep:
            raise ValueError('with wins = "stored" every stored value is kept; remove keep')
        return self


class ImportRequest(Section):
    """One import file. name: in Prefect and in the history of contacts, so it stays when the rest changes."""

    name: Name
    description: str = ""
    source: SourceSection
    list: Words | None = Field(None, description="that everybody of the source is put onto; made if need be")
    tags: tuple[Words, ...] = Field((), description="that everybody of the source gets; made if need be")
    consent: ImportConsent = ImportConsent()
    merge: Merge = Merge()
    schedule: Schedule = Schedule()

    @field_validator("tags")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(value))


def parse_import(definition: Mapping[str, Any]) -> ImportRequest:
    """The import that a parsed file describes. Raises ImportFileError: one sentence on the first thing that is wrong."""
    try:
        return ImportRequest.model_validate(definition)
    except ValidationError as error:
        raise ImportFileError(first_complaint("import", ImportRequest, error)) from None
