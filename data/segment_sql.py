"""A segment's filter as SQL on the table `contacts`. Every name and value is bound; the text is made of data/sql/segments.

Each condition is true or false for every contact, never null, so that `not` means what it says. Thus SQLite can be asked
in two steps: first what the table says of a contact, then, in the order of their keys, what is known of the people left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from data.contacts.lists import list_id
from data.sql import sql
from messaging.segment_filter import (
    MOST_DIGITS,
    STANDARD_FIELDS,
    Age,
    Behaviour,
    Condition,
    ConsentCondition,
    Country,
    Dated,
    FieldCondition,
    Group,
    Language,
    Membership,
    Past,
    SegmentFilter,
    is_number,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.store.engine import Store

_PARAMETER = re.compile(r"(?<![:\w]):(\w+)")
_NUMBERS = ("number", f"-{'9' * MOST_DIGITS}", "9" * MOST_DIGITS)
_DATES = ("date", "0000-01-01", "9999-12-31")
_FROM_THE_BEGINNING = float("-inf")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A condition on the table `contacts`, without an alias, and its parameters; their names begin with segment_.

    people: a query for the numbers of those who pass, in any order: the faster way where all of them are asked for.
    """

    where: str
    people: str
    parameters: dict[str, Any]


def compile_filter(segment: SegmentFilter, *, store: Store, now: float) -> Compiled:
    """The filter as it stands at this instant. Raises UnknownList for a list or tag that is not there (any more).

    Whoever reads people by it does so in the transaction that it is compiled in: see `compile_within`.
    """
    with store.read.connect() as connection:
        return compile_within(connection, segment, now=now)


def compile_within(connection: Connection, segment: SegmentFilter, *, now: float) -> Compiled:
    """`compile_filter` in the caller's transaction: a list that is deleted meanwhile is still there in its snapshot."""
    compiler = _Compiler(connection, now=now, simulated=segment.simulated)
    whole = compiler.group(segment)
    return Compiled(whole.text, _people(whole, connection.dialect.name), compiler.parameters)


@dataclass(frozen=True, slots=True)
class _Part:
    """A condition, or several that `word` joins.

    is_of_person: whether something is looked up by person_key; is_of_row: whether more of the contact than its number.
    """

    text: str
    is_of_person: bool
    is_of_row: bool
    word: Literal["", "and", "or", "not"] = ""
    parts: tuple[_Part, ...] = ()


def _joined(word: Literal["and", "or"], parts: Sequence[_Part]) -> _Part:
    if len(parts) == 1:
        return parts[0]
    is_of_person = any(part.is_of_person for part in parts)
    is_of_row = any(part.is_of_row for part in parts)
    text = f"({f' {word} '.join(part.text for part in parts)})"
    return _Part(text, is_of_person, is_of_row, word, tuple(parts))


def _denied(part: _Part) -> _Part:
    return _Part(f"(not {part.text})", part.is_of_person, part.is_of_row, "not", (part,))


def _people(whole: _Part, dialect: str) -> str:
    needed = list(_needed(whole))
    of_contact = [part.text for part in needed if not part.is_of_person]
    of_person = [part for part in needed if part.is_of_person]
    if dialect == "sqlite" and of_person and (of_contact or whole.is_of_row):
        found: list[str] = []
        then = [_afterwards(part, found) for part in of_person]
        return sql("segments/two_steps_sqlite").format(
            of_contact=" and ".join(of_contact or ["true"]),
            of_person=" and ".join(then),
            # iif: AND and OR stop early in it, and not in the value of a column.
            columns="".join(f", iif({text}, 1, 0) as found_{i}" for i, text in enumerate(found)),
        )
    # SQLite likes to go along an index, in the order of person_key: for what is not looked up by it thrice as slow.
    order = "not indexed" if dialect == "sqlite" and not of_person else ""
    return sql("segments/one_step").format(where=whole.text, order=order)


def _needed(part: _Part) -> Iterator[_Part]:
    """The conditions of which each must hold: not (a or b) is not a, and not b."""
    if part.word == "and":
        for one in part.parts:
            yield from _needed(one)
    elif part.word == "not" and part.parts[0].word == "or":
        for one in part.parts[0].parts:
            yield from _needed(_denied(one))
    else:
        yield part


def _afterwards(part: _Part, found: list[str]) -> str:
    """The text for the second step; what the first one finds out for it is added to `found`."""
    if not part.is_of_person:
        found.append(part.text)
        return f"contacts.found_{len(found) - 1}"
    if not part.word:
        return part.text
    if part.word == "not":
        return f"(not {_afterwards(part.parts[0], found)})"
    return f"({f' {part.word} '.join(_afterwards(one, found) for one in part.parts)})"


class _Compiler:
    """Puts the texts together, and gives each parameter a name of its own."""

    def __init__(self, connection: Connection, *, now: float, simulated: bool) -> None:
        self.parameters: dict[str, Any] = {}
        self._connection = connection
        self._dialect = connection.dialect.name
        self._now = now
        self._simulated = simulated

    def group(self, group: Group) -> _Part:
        parts = [self._of(condition) for condition in group.all_ or ()]
        if group.any_:
            parts.append(_joined("or", [self._of(condition) for condition in group.any_]))
        parts += [_denied(self._of(condition)) for condition in group.not_ or ()]
        return _joined("and", parts)

    def _of(self, condition: Condition) -> _Part:
        match condition:
            case Group():
                return self.group(condition)
            case ConsentCondition():
                return _Part(self._consent(condition), is_of_person=True, is_of_row=False)
            case Behaviour():
                return _Part(self._behaviour(condition), is_of_person=True, is_of_row=False)
            case Membership():
                return _Part(self._membership(condition), is_of_person=False, is_of_row=False)
            case _:
                return _Part(self._of_row(condition), is_of_person=False, is_of_row=True)

    def _of_row(self, condition: FieldCondition | Country | Language | Dated) -> str:
        match condition:
            case FieldCondition():
                return self._field(condition)
            case Country():
                return self._text("country", texts=self._bound_texts(condition.country))
            case Language():
                codes = [
                    self._text(f"language_{self._dialect}", bound={"language": f"{code}-"})
                    for code in condition.language
                ]
                return f"({' or '.join(codes)})"
            case Dated():
                return self._dated(condition)

    def _membership(self, condition: Membership) -> str:
        number = list_id(self._connection, condition.kind, condition.name)
        text = self._text(f"member_{self._dialect}", bound={"list": number})
        return f"(not {text})" if condition.is_denied else text

    def _field(self, condition: FieldCondition) -> str:
        value = self._value(condition.field)
        if condition.is_ is not None:
            return self._text("is", bound={"text": condition.is_}, value=value)
        if condition.is_not is not None:
            return f"(not {self._text('is', bound={'text': condition.is_not}, value=value)})"
        if condition.one_of is not None:
            return self._text("one_of", value=value, texts=self._bound_texts(condition.one_of))
        if condition.contains is not None:
            return self._text(f"contains_{self._dialect}", bound={"text": condition.contains}, value=value)
        if condition.starts_with is not None:
            return self._text("starts_with", bound={"text": condition.starts_with}, value=value)
        if condition.is_empty is not None:
            text = self._text("is_empty", value=value)
            return text if condition.is_empty else f"(not {text})"
        return self._between(value, condition.at_least, condition.at_most)

    def _value(self, field: str) -> str:
        if field in STANDARD_FIELDS:
            return f"coalesce(contacts.{field}, '')"
        bound = {"path": f'$."{field}"'} if self._dialect == "sqlite" else {"attribute": field}
        return self._renamed(sql(f"segments/attribute_{self._dialect}"), bound)

    def _between(self, value: str, low: str | None, high: str | None) -> str:
        kind, lowest, highest = _NUMBERS if is_number(low or high or "") else _DATES
        bound = {"low": low or lowest, "high": high or highest}
        return self._text(f"{kind}_{self._dialect}", bound=bound, value=value)

    def _dated(self, condition: Dated) -> str:
        instant, age = (
            ("created_at", condition.created) if condition.created else ("changed_at", condition.changed)
        )
        assert isinstance(age, Age)
        length = age.within_s if age.within_s is not None else age.before_s
        assert length is not None
        text = self._text("since", bound={"since": self._now - length}, instant=instant)
        return text if age.within_s is not None else f"(not {text})"

    def _consent(self, condition: ConsentCondition) -> str:
        bound = {"purpose": condition.purpose}
        if condition.consent == "withdrawn":
            return self._text(f"withdrawn_{self._dialect}", bound=bound)
        known = self._text("any_consent", bound=bound)
        if condition.consent == "unknown":
            return f"(not {known})"
        return f"({known} and not {self._text(f'withdrawn_{self._dialect}', bound=bound)})"

    def _behaviour(self, condition: Behaviour) -> str:
        past = condition.past
        since = _FROM_THE_BEGINNING if past.since_s is None else self._now - past.since_s
        name = "behaved" if past.run is None else "behaved_in_one_run"
        text = self._text(name, bound={"since": since}, event=f"{condition.event}_at", runs=self._runs(past))
        return f"(not {text})" if past.is_denied else text

    def _runs(self, past: Past) -> str:
        if isinstance(past.run, int):
            return self._renamed(sql("segments/this_run"), {"run": past.run})
        name = "every_run" if past.run is None else "last_run"
        bound: dict[str, Any] = {"simulated": self._simulated}
        if past.campaign is not None:
            name, bound = f"{name}_of_campaign", {**bound, "campaign": past.campaign}
        return self._renamed(sql(f"segments/{name}"), bound)

    def _text(self, name: str, *, bound: dict[str, Any] | None = None, **put_in: str) -> str:
        """A text of data/sql/segments in brackets: its parameters bound, its {names} filled with texts of our own."""
        return f"({self._renamed(sql(f'segments/{name}'), bound or {}).format(**put_in)})"

    def _renamed(self, text: str, bound: dict[str, Any]) -> str:
        names = {name: self._bind(name, value) for name, value in bound.items()}
        return _PARAMETER.sub(lambda found: f":{names[found[1]]}", text)

    def _bound_texts(self, texts: Sequence[str]) -> str:
        return ", ".join(f":{self._bind('text', text)}" for text in texts)

    def _bind(self, name: str, value: Any) -> str:
        unique = f"segment_{name}_{len(self.parameters)}"
        self.parameters[unique] = value
        return unique
