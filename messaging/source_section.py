"""The part of a campaign's [audience] and of an import's [source] that says where rows come from and how to read them."""

from __future__ import annotations

from typing import Self

from pydantic import Field, field_validator, model_validator

from messaging.section import Section

PAGINATORS = ("cursor", "header_cursor", "header_link", "json_link", "offset", "page_number")


class SourceSection(Section):
    """A file, or a named connection to a database (query) or a service (path).

    Columns are named as the source writes them; left out, they are recognised.
    """

    file: str | None = Field(
        None,
        min_length=1,
        description="CSV, XLSX, Parquet or JSON lines, also in gzip or zip; relative to the file that names it",
    )
    connection: str | None = Field(None, min_length=1, description="its name: `tidings connection list`")
    query: str | None = Field(None, min_length=1, description="of a database: one select")
    path: str | None = Field(None, min_length=1, description="of a service: its first page, with parameters")
    rows: str = Field("", description="of a service: where the list stands in an answer, such as results")
    next: str = Field("", description="of a service: where the next page stands, such as paging.next.after")
    next_parameter: str = Field("", description="of a service: what that is sent as; else it is an address")
    paginator: dict[str, str | int | bool] = Field(
        default_factory=dict,
        description="of a service, instead of next: the type of one of dlt's, its arguments",
    )
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
    def _has_one_source(self) -> Self:
        self._reads_one_source()
        return self

    def _reads_one_source(self) -> None:
        """Raises ValueError for none, for two, and for what is of another one."""
        if (self.file is None) == (self.connection is None):
            raise ValueError("give either a file or a connection")
        if self.connection is not None and (self.query is None) == (self.path is None):
            raise ValueError("give a connection either a query (of a database) or a path (of a service)")
        if self.file is not None and (self.query is not None or self.path is not None):
            raise ValueError("query and path belong to a connection, not to a file")
        if self.next and self.paginator:
            raise ValueError("give either next or a paginator")

    @field_validator("paginator")
    @classmethod
    def _is_one_of_dlts(cls, value: dict[str, str | int | bool]) -> dict[str, str | int | bool]:
        if value and value.get("type") not in PAGINATORS:
            raise ValueError(f"its type is one of {', '.join(PAGINATORS)}")
        return value

    @property
    def fields(self) -> dict[str, str]:
        """The columns that somebody named, by the names that templates know them under."""
        named = {name: getattr(self, name) for name in ("first_name", "last_name", "language", "time_zone")}
        return {**{name: column for name, column in named.items() if column}, **self.attributes}

    @field_validator("region")
    @classmethod
    def _is_a_country(cls, value: str | None) -> str | None:
        return None if value is None else country_code(value)


def country_code(written: str) -> str:
    """ISO 3166 of a country as people write it. Raises ValueError."""
    # Imported here: its tables take a moment, and not every file names a region.
    from messaging.regions import region_of

    region = region_of(written)
    if region is None:
        raise ValueError("write a country as two letters of ISO 3166, such as GB")
    return region
