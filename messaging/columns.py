"""Which column of a source holds the number, the country, the consent, the names of a person, and so on.

Columns are recognised by their headers in the languages that exports come in. What is not clear is not guessed: a
person is asked to name the column.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from messaging.errors import SourceError
from messaging.field_words import FIELDS
from messaging.header_ranks import (
    rank_consent,
    rank_country,
    rank_do_not_contact,
    rank_external_id,
    rank_field,
    rank_opt_out,
    rank_phone,
)
from messaging.schemas import RESERVED

_MOST_HEADERS_SHOWN = 12
_MOST_CHARS_SHOWN = 40  # of a header


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that mean something to Tidings, under their cleaned names. None: the source has no such column."""

    phone: str
    region: str | None = None
    consent: str | None = None
    external_id: str | None = None
    opt_out: str | None = None  # of one purpose …
    do_not_contact: tuple[str, ...] = ()  # … and of all of them: every such column counts
    fields: Mapping[str, str] = field(default_factory=dict)  # name for templates → column, where they differ
    headers: Mapping[str, str] = field(default_factory=dict)  # cleaned name → as the source writes it

    def as_written(self, column: str) -> str:
        return self.headers.get(column, column)

    @property
    def copies(self) -> dict[str, str]:
        """The names under which contacts have a column of the source a second time, each with that column."""
        # An opt-out turns a cell of `consent` into a no, so beside one it is no copy.
        is_as_written = self.opt_out is None and not self.do_not_contact
        repeated = {"external_id": self.external_id, "consent": self.consent if is_as_written else None}
        # Nor is it one of a column whose name was given to another one.
        return {
            name: column
            for name, column in {**repeated, **self.fields}.items()
            if column and column not in self.fields
        }

    @property
    def in_words(self) -> dict[str, str]:
        """Meaning → the header as the source writes it, for people to look at."""
        meant = {
            "phone": self.phone,
            "country": self.region,
            "consent": self.consent,
            "opt_out": self.opt_out,
            "do_not_contact": self.do_not_contact or None,
            "external_id": self.external_id,
            **self.fields,
        }
        return {
            meaning: self.as_written(told) if isinstance(told, str) else ", ".join(map(self.as_written, told))
            for meaning, told in meant.items()
            if told is not None
        }


def choose_columns(
    headers: Mapping[str, str] | Iterable[str],
    *,
    phone: str | None = None,
    region: str | None = None,
    consent: str | None = None,
    external_id: str | None = None,
    fields: Mapping[str, str] | None = None,
    source: str = "the file",
) -> Columns:
    """Find the columns by their headers; one that is named must be there.

    headers: cleaned name → as written (Source.headers), or just names. A column may be named either way.
    fields: further columns, by the names that templates know them under. source: the file's name, for errors. A mobile number is preferred to any other, a telephone at work, at home or
    a second one is taken only when there is no better.
    Raises SourceError when a named column is missing, when none looks like a phone number, or when two do alike.
    """
    written = dict(headers) if isinstance(headers, Mapping) else {name: name for name in headers}
    found = _Finder(written, source)
    return Columns(
        phone=found.named(phone, "--phone COLUMN") or found.phone(),
        region=found.named(region, "country") or found.best(rank_country),
        consent=found.named(consent, "consent") or found.consent(),
        external_id=found.named(external_id, "external_id") or found.best(rank_external_id),
        opt_out=found.best(rank_opt_out),
        do_not_contact=found.all(rank_do_not_contact),
        fields=found.fields(fields or {}),
        headers=written,
    )


def find_column(headers: Mapping[str, str], wanted: str, *, setting: str, source: str = "the file") -> str:
    """The cleaned name of a column that somebody named. setting: where; otherwise as choose_columns."""
    found = _Finder(dict(headers), source).named(wanted, setting)
    assert found is not None, "a column that is named is found, or it is an error"
    return found


def meaning_of(header: str) -> str | None:
    """What a header by itself is about: phone, consent, opt_out, do_not_contact, external_id, one of FIELDS; None: something
    else.

    A second telephone (at home, at work) is something else: it never becomes the number that is texted.
    """
    words = _words(header)
    ranks = {
        "phone": rank_phone,
        "consent": rank_consent,
        "opt_out": rank_opt_out,
        "do_not_contact": rank_do_not_contact,
        "external_id": rank_external_id,
    }
    found = {meaning: rank(words) for meaning, rank in ranks.items()}
    found |= {one: rank_field(one, words) for one in FIELDS}
    return next(
        (meaning for meaning, rank in found.items() if rank is not None and not _is_spare(meaning, rank)),
        None,
    )


def _is_spare(meaning: str, rank: int) -> bool:
    return meaning == "phone" and rank > 1


class _Finder:
    """The headers of one source, and the questions asked of them."""

    def __init__(self, written: Mapping[str, str], source: str) -> None:
        self._written = written
        self._source = source
        self._words = {name: _words(header) for name, header in written.items()}
        self._is_of_data = any(map(_is_like_data, written.values()))

    def named(self, wanted: str | None, setting: str) -> str | None:
        """The column that a person named, as the source writes it or cleaned."""
        if wanted is None:
            return None
        for name, header in self._written.items():
            if wanted.strip() in (header.strip(), name):
                return name
        alike = [name for name, words in self._words.items() if words == _words(wanted)]
        if len(alike) == 1:
            return alike[0]
        raise SourceError(
            f"{self._source}: there is no column {wanted!r} (saw: {self._seen()}). Correct {setting}{self._or_header()}."
        )

    def phone(self) -> str:
        best = self._best(rank_phone)
        if len(best) == 1:
            return best[0]
        if best:
            raise SourceError(
                f"{self._source}: {len(best)} columns may be the phone number ({self._seen(best)}). "
                "Name one with --phone COLUMN."
            )
        if self._is_of_data:
            raise SourceError(
                f"{self._source}: its first row holds somebody's data, not the names of columns. "
                "Put a row of names above it, such as: phone, first_name."
            )
        raise SourceError(
            f"{self._source}: no column looks like a phone number (saw: {self._seen()}). "
            "Name it with --phone COLUMN."
        )

    def consent(self) -> str | None:
        """Two columns that may both say it are not guessed between: one of them may be about e-mail or post."""
        best = self._best(rank_consent)
        if len(best) > 1:
            raise SourceError(
                f"{self._source}: {len(best)} columns may be the consent ({self._seen(best)}). "
                'Name one in a campaign file ([audience] consent = "…"), or rename the other.'
            )
        return best[0] if best else None

    def fields(self, told: Mapping[str, str]) -> dict[str, str]:
        """What is told goes before what a header says; a column that bears the very name needs no other."""
        unusable = [name for name in told if name in RESERVED or not name.isidentifier()]
        if unusable:
            raise SourceError(
                f"{self._source}: {unusable[0]!r} cannot be the name of a field; use letters, digits and '_', and "
                "none of Tidings' own names. Correct [audience] attributes."
            )
        chosen = {name: self.named(column, f"[audience] {name}") for name, column in told.items()}
        for one in FIELDS:
            if one not in chosen and one not in self._written:
                chosen[one] = self.best(partial(rank_field, one))
        return {name: column for name, column in chosen.items() if column is not None and column != name}

    def best(self, rank: Callable[[frozenset[str]], int | None]) -> str | None:
        """The first of the best: where a wrong guess texts nobody, the leftmost column is good enough."""
        return next(iter(self._best(rank)), None)

    def all(self, rank: Callable[[frozenset[str]], int | None]) -> tuple[str, ...]:
        """Every column that may mean it, in order: where one that is not looked at texts somebody."""
        return tuple(name for name, words in self._words.items() if rank(words) is not None)

    def _best(self, rank: Callable[[frozenset[str]], int | None]) -> list[str]:
        """The columns of the lowest rank, in order."""
        ranked = [(place, name) for name, words in self._words.items() if (place := rank(words)) is not None]
        lowest = min(ranked, default=(0, ""))[0]
        return [name for place, name in ranked if place == lowest]

    def _or_header(self) -> str:
        return ", or put a row of names above the first one" if self._is_of_data else ""

    def _seen(self, names: Collection[str] | None = None) -> str:
        """Where one of them is somebody's number, the name beside it is somebody's too: none of them is shown."""
        headers = [self._written[name] for name in (self._written if names is None else names)]
        are_hidden = names is None and self._is_of_data  # those that are asked for were known by their words
        shown = ["…" if are_hidden else _shortened(header) for header in headers[:_MOST_HEADERS_SHOWN]]
        n_more = len(headers) - len(shown)
        return ", ".join(shown) + (f" and {n_more} more" if n_more else "")


def _shortened(header: str) -> str:
    return header if len(header) <= _MOST_CHARS_SHOWN else f"{header[:_MOST_CHARS_SHOWN]}…"


def _words(header: str) -> frozenset[str]:
    """Lower case, no accents, camelCase apart; beside the words, all of them joined."""
    apart = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", header)
    plain = unicodedata.normalize("NFKD", apart.casefold())
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    words = re.findall(r"[^\W_]+", plain)
    return frozenset([*words, "".join(words)])


def _is_like_data(header: str) -> bool:
    """Seven digits or an '@' stand in no column's name, but in the first person's row."""
    return sum(map(str.isdigit, header)) >= 7 or "@" in header
