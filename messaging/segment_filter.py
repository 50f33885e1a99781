"""The filter of a segment: who belongs to it at this moment, as data that a file or the command line writes.

    all = [
        { list = "A" },
        { field = "region", is = "north" },
        { texted = { not_within = "14d" } },
        { clicked = { run = "last" } },
    ]

Every condition is true or false, never unknown, so `not` turns it round exactly. An attribute that a contact does not
have, and one that is empty, is no value: it `is_not` north, and nothing else is true of it but `is_empty`.
Comparing is exact, letter case included. Attributes are text: at_least and at_most read a plain number of up to 15
digits, or an ISO date (the day, where a time follows), and what is neither does not match.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from messaging.definition import nearest, read_duration
from messaging.errors import TidingsError
from messaging.section import Section

STANDARD_FIELDS = ("first_name", "last_name", "language", "time_zone", "external_id")
EVENTS = ("texted", "delivered", "failed", "replied", "clicked")
MOST_CONDITIONS = 200
MOST_VALUES = 1_000  # of one condition
DEEPEST = 10
LONGEST_TEXT = 1_000

NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)
MOST_DIGITS = 15  # beyond these, numbers that differ would be taken for equal
_ISO_DATE = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", re.ASCII)
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*", re.ASCII)


class BadFilter(TidingsError):
    """all[2].feild: unknown key; did you mean field?"""


def _as_text(value: object) -> object:
    """TOML writes 5 and 2026-11-29 without quotes; the store holds them as text."""
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError('write a text, such as "north"')  # noqa: TRY004 - what pydantic wants
    if isinstance(value, str) and any(ord(char) < 32 for char in value):
        raise ValueError("a text stands on one line, without control characters")
    if isinstance(value, str) and not value.strip():
        raise ValueError("is empty; for a field without a value there is is_empty = true")
    return str(value)


def _as_bound(value: object) -> object:
    """A number as plain decimal text, or an ISO date."""
    if isinstance(value, float):
        value = f"{Decimal(repr(value)):f}" if value == value else "nan"  # noqa: PLR0124 - not a number
    text = _as_text(value)
    assert isinstance(text, str)
    text = text.strip()
    if not is_number(text) and not _ISO_DATE.fullmatch(text):
        raise ValueError("write a number of at most 15 digits, or a date such as 2026-01-31")
    return text


def is_number(text: str) -> bool:
    """Whether at_least and at_most can read it: 5, -1.50; not 1,000, 5 EUR, 1e3."""
    return NUMBER.fullmatch(text) is not None and sum(map(str.isdigit, text)) <= MOST_DIGITS


def is_date(text: str) -> bool:
    """Whether it is an ISO date, alone or before a time."""
    return _ISO_DATE.fullmatch(text[:10]) is not None and text[10:11] in ("", "T", " ")


def _several(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else [value]


def _in_units(seconds: int) -> str:
    """1209600 → 14d: the largest unit that leaves no rest; what `read_duration` reads."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


Duration = Annotated[int, BeforeValidator(read_duration), Field(ge=1), PlainSerializer(_in_units)]
Text = Annotated[str, BeforeValidator(_as_text), Field(max_length=LONGEST_TEXT)]
Bound = Annotated[str, BeforeValidator(_as_bound)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_several), Field(min_length=1, max_length=MOST_VALUES)]


T = TypeVar("T", bound=Section)


def _with_one(section: T, *names: str) -> T:
    """JSON's null would be a condition that says nothing."""
    if sum(getattr(section, name) is not None for name in names) != 1:
        raise ValueError("say what is asked for; null is no value")
    return section


class Membership(Section):
    """In a list, not in it; with a tag, without it."""

    list_: Text | None = Field(None, alias="list")
    not_in_list: Text | None = None
    tag: Text | None = None
    without_tag: Text | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Membership:
        return _with_one(self, "list_", "not_in_list", "tag", "without_tag")

    @property
    def kind(self) -> Literal["list", "tag"]:
        return "list" if self.tag is None and self.without_tag is None else "tag"

    @property
    def name(self) -> str:
        return self.list_ or self.not_in_list or self.tag or self.without_tag or ""

    @property
    def is_denied(self) -> bool:
        return self.list_ is None and self.tag is None


class FieldCondition(Section):
    """A standard field or an attribute, under the name that templates know it by, compared as text."""

    field: Text
    is_: Text | None = Field(None, alias="is")
    is_not: Text | None = None
    one_of: Texts | None = None
    contains: Text | None = None
    starts_with: Text | None = None
    is_empty: bool | None = None
    at_least: Bound | None = None
    at_most: Bound | None = None

    @field_validator("field")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if '"' in value or "\\" in value:
            raise ValueError('a name has no " and no \\')
        return value

    @model_validator(mode="after")
    def _compares_once(self) -> FieldCondition:
        given = (
            self.model_fields_set - {"field", "at_most"}
            if self.at_least
            else self.model_fields_set - {"field"}
        )
        if len(given) != 1 or getattr(self, next(iter(given))) is None:
            raise ValueError(
                f"give {self.field} one of {', '.join(OPERATORS)} (at_least and at_most go together)"
            )
        if self.at_least and self.at_most and is_number(self.at_least) != is_number(self.at_most):
            raise ValueError("at_least and at_most are both numbers, or both dates")
        return self


OPERATORS = ("is", "is_not", "one_of", "contains", "starts_with", "is_empty", "at_least", "at_most")


class Country(Section):
    """The country that the number belongs to, as two letters."""

    country: Texts

    @field_validator("country")
    @classmethod
    def _are_countries(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        # Imported here: its tables take a moment, and few filters name a country.
        from messaging.regions import region_of

        found = [region_of(value) for value in values]
        if None in found:
            raise ValueError("write a country as two letters of ISO 3166, such as GB")
        return tuple(region for region in found if region)


class Language(Section):
    """de also means de-AT, in either case of letters."""

    language: Texts

    @field_validator("language")
    @classmethod
    def _are_languages(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(_LANGUAGE.fullmatch, values)):
            raise ValueError("write a language as its code, such as de or pt-BR")
        return tuple(value.lower().replace("_", "-") for value in values)


class Age(Section):
    """within: in the last so long. before: longer ago than that."""

    within_s: Duration | None = Field(None, alias="within")
    before_s: Duration | None = Field(None, alias="before")

    @model_validator(mode="after")
    def _has_one(self) -> Age:
        if (self.within_s is None) == (self.before_s is None):
            raise ValueError("give either within or before")
        return self


class Dated(Section):
    """When the contact was stored first, or changed last."""

    created: Age | None = None
    changed: Age | None = None

    @model_validator(mode="after")
    def _says_which(self) -> Dated:
        return _with_one(self, "created", "changed")


class ConsentCondition(Section):
    """What is known of the person's consent for a purpose."""

    consent: Literal["given", "withdrawn", "unknown"]
    purpose: Text = "marketing"


def _as_run(value: object) -> object:
    is_number = isinstance(value, int) and not isinstance(value, bool) and value > 0
    if value == "last" or is_number or value is None:
        return value
    raise ValueError('write "last", or the number of a run')


Run = Annotated[Literal["last"] | int, BeforeValidator(_as_run)]


class Past(Section):
    """When, and in which run. Nothing: ever, in any run. run "last": the latest that began to send, of the campaign if one is named."""

    never: bool = False
    within_s: Duration | None = Field(None, alias="within")
    not_within_s: Duration | None = Field(None, alias="not_within")
    campaign: Text | None = None
    run: Run | None = None

    @model_validator(mode="after")
    def _fits(self) -> Past:
        if sum((self.never, self.within_s is not None, self.not_within_s is not None)) > 1:
            raise ValueError("give only one of within, not_within and never")
        if isinstance(self.run, int) and self.campaign is not None:
            raise ValueError("a run's number says which campaign it is; leave campaign out")
        return self

    @property
    def is_denied(self) -> bool:
        """Whether it asks that nothing of the kind happened."""
        return self.never or self.not_within_s is not None

    @property
    def since_s(self) -> int | None:
        """How far back it looks; None: from the beginning."""
        return self.within_s if self.within_s is not None else self.not_within_s


def _as_past(value: object) -> object:
    if value == "ever":
        return {}
    if value == "never":
        return {"never": True}
    if isinstance(value, str):
        raise ValueError('write "ever", "never" or { within = "14d" }')  # noqa: TRY004 - what pydantic wants
    return value


PastOrWord = Annotated[Past, BeforeValidator(_as_past)]


class Behaviour(Section):
    """What came of earlier texts to the person, as of the last load of the analytics."""

    texted: PastOrWord | None = None
    delivered: PastOrWord | None = None
    failed: PastOrWord | None = None
    replied: PastOrWord | None = None
    clicked: PastOrWord | None = None

    @model_validator(mode="after")
    def _says_what(self) -> Behaviour:
        return _with_one(self, *EVENTS)

    @property
    def event(self) -> str:
        return next(event for event in EVENTS if getattr(self, event) is not None)

    @property
    def past(self) -> Past:
        past: Past = getattr(self, self.event)
        return past


class Group(Section):
    """All of some, any of others, and none of those under `not`; what is given must hold together."""

    all_: tuple[Condition, ...] | None = Field(None, alias="all", min_length=1)
    any_: tuple[Condition, ...] | None = Field(None, alias="any", min_length=1)
    not_: Annotated[tuple[Condition, ...], BeforeValidator(_several)] | None = Field(
        None, alias="not", min_length=1
    )

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (*(self.all_ or ()), *(self.any_ or ()), *(self.not_ or ()))


_KINDS: Mapping[str, type[Section]] = {
    "group": Group,
    "membership": Membership,
    "field": FieldCondition,
    "country": Country,
    "language": Language,
    "dated": Dated,
    "consent": ConsentCondition,
    "behaviour": Behaviour,
}
SUBJECTS: Mapping[str, str] = {
    **dict.fromkeys(("all", "any", "not"), "group"),
    **dict.fromkeys(("list", "not_in_list", "tag", "without_tag"), "membership"),
    "field": "field",
    "country": "country",
    "language": "language",
    **dict.fromkeys(("created", "changed"), "dated"),
    "consent": "consent",
    **dict.fromkeys(EVENTS, "behaviour"),
}


def _of_one_subject(value: object) -> object:
    """A condition says one thing; two of them in one pair of braces would hide how they go together."""
    if isinstance(value, Section):
        return value
    if not isinstance(value, Mapping) or not value:
        raise ValueError('write a condition such as { list = "A" }')
    subjects = [key for key in value if key in SUBJECTS]
    if not subjects:
        known = list(SUBJECTS)
        wrong = str(next(iter(value)))
        meant = nearest(wrong, known)
        hint = f"did you mean {meant}?" if meant else f"known here: {', '.join(known)}"
        raise ValueError(f"{wrong}: unknown key; {hint}")
    if len(subjects) > 1 and SUBJECTS[subjects[0]] != "group":
        raise ValueError(f"one condition at a time; put {' and '.join(subjects)} into braces of their own")
    return value


def _kind_of(value: object) -> str | None:
    if isinstance(value, Mapping):
        return next((SUBJECTS[key] for key in value if key in SUBJECTS), None)
    return next((kind for kind, section in _KINDS.items() if type(value) is section), None)


AnyCondition: TypeAlias = (
    Annotated[Group, Tag("group")]
    | Annotated[Membership, Tag("membership")]
    | Annotated[FieldCondition, Tag("field")]
    | Annotated[Country, Tag("country")]
    | Annotated[Language, Tag("language")]
    | Annotated[Dated, Tag("dated")]
    | Annotated[ConsentCondition, Tag("consent")]
    | Annotated[Behaviour, Tag("behaviour")]
)
Condition: TypeAlias = Annotated[AnyCondition, Discriminator(_kind_of), BeforeValidator(_of_one_subject)]


class SegmentFilter(Group):
    """A whole filter. simulated: whether behaviour in runs through a simulator counts; a rehearsal texts nobody."""

    description: str = ""
    simulated: bool = False

    @model_validator(mode="after")
    def _is_no_larger_than_a_person_writes(self) -> SegmentFilter:
        if not self.conditions:
            raise ValueError(
                "give at least one condition, under all, any or not; without one it would be everybody"
            )
        if sum(1 for _ in leaves(self)) > MOST_CONDITIONS:
            raise ValueError(f"a filter has at most {MOST_CONDITIONS} conditions")
        return self


Group.model_rebuild()
SegmentFilter.model_rebuild()


def parse_filter(definition: Mapping[str, Any]) -> SegmentFilter:
    """The filter that a parsed file describes. Raises BadFilter: one sentence on the first thing that is wrong."""
    if _is_deeper(definition, DEEPEST):
        raise BadFilter(f"the filter goes more than {DEEPEST} groups deep; say the same with fewer.")
    try:
        return SegmentFilter.model_validate(definition)
    except ValidationError as error:
        first = min(
            error.errors(include_input=False, include_url=False), key=lambda e: e["type"] != "extra_forbidden"
        )
        raise BadFilter(_sentence(first["loc"], first["type"], first["msg"])) from None


def as_written(segment: SegmentFilter) -> dict[str, Any]:
    """What `parse_filter` reads again: as a file would say it, durations as 14d."""
    return segment.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)


def leaves(group: Group) -> Iterator[Condition]:
    """Every condition that is no group, in the order in which they are written."""
    for condition in group.conditions:
        if isinstance(condition, Group):
            yield from leaves(condition)
        else:
            yield condition


def asks_for(segment: SegmentFilter) -> set[str]:
    """What it wants to know of past behaviour: some of EVENTS."""
    return {condition.event for condition in leaves(segment) if isinstance(condition, Behaviour)}


def _is_deeper(value: object, levels: int) -> bool:
    """Whether more groups than that stand in one another."""
    if not isinstance(value, Mapping):
        return False
    inner = [item for key in ("all", "any", "not") for item in _items(value.get(key, []))]
    return bool(inner) and (levels == 0 or any(_is_deeper(item, levels - 1) for item in inner))


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, (list, tuple)) else [value]


def _sentence(loc: tuple[int | str, ...], kind: str, message: str) -> str:
    place, section = _place(loc)
    if kind == "extra_forbidden":
        known = [info.alias or name for name, info in section.model_fields.items()]
        meant = nearest(str(loc[-1]), known)
        hint = f"did you mean {meant}?" if meant else f"known here: {', '.join(known)}."
        return f"{place}: unknown key; {hint}"
    if kind == "missing":
        return f"{place}: is missing; add it."
    if kind == "too_short":
        return f"{place}: is empty; write something, or leave it out."
    said = message.removeprefix("Value error, ")
    said = said if said.endswith("?") else f"{said}."
    return f"{place}: {said}" if place else f"segment: {said}"


_INNER: Mapping[str, type[Section]] = {"created": Age, "changed": Age, **dict.fromkeys(EVENTS, Past)}


def _place(loc: tuple[int | str, ...]) -> tuple[str, type[BaseModel]]:
    """("all", 1, "field", "iss") → all[2].iss, and the section that it stands in. The kinds of conditions are not written."""
    place = ""
    section: type[BaseModel] = SegmentFilter
    is_after_number = False
    for part in loc:
        if isinstance(part, int):
            place += f"[{part + 1}]"
        elif is_after_number and part in _KINDS:
            section = _KINDS[part]
        else:
            place += f".{part}" if place else part
            section = _INNER.get(part, section)
        is_after_number = isinstance(part, int)
    return place, section
