"""By what somebody is found in files without being named: keyed hashes of their number's digits and of their ids."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers

from messaging.sealed import person_key

FEWEST_DIGITS = 7  # fewer stand in too many cells that are about something else

_NO_DIGIT = re.compile(r"\D+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Trace:
    """One person. digits: (how many, hash) of the number as it stands in any way of writing it: without the country.

    ids: hashes of the ids that sources gave them.
    """

    person_key: str
    digits: frozenset[tuple[int, str]] = frozenset()
    ids: frozenset[str] = frozenset()

    def with_all(self, known: Trace | None) -> Trace:
        """The same person, found by what was known before too."""
        if known is None:
            return self
        return Trace(self.person_key, self.digits | known.digits, self.ids | known.ids)


def trace_of(key: bytes, msisdn: str, *, external_ids: Iterable[str] = ()) -> Trace:
    """key: the key of person keys."""
    national = phonenumbers.national_significant_number(phonenumbers.parse(msisdn))
    return Trace(
        person_key(key, msisdn),
        frozenset({(len(national), _digest(key, "digits", national))}),
        frozenset(id_hash(key, one) for one in external_ids),
    )


def id_hash(key: bytes, external_id: str) -> str:
    return _digest(key, "id", external_id.strip())


class Traces:
    """Several people at once, to hold cells against. key: the key of person keys."""

    def __init__(self, key: bytes, people: Iterable[Trace]) -> None:
        self._key = key
        self.people = list(people)
        self.person_keys = frozenset(trace.person_key for trace in self.people)
        self._digits = {found for trace in self.people for found in trace.digits}
        self._lengths = sorted({length for length, _ in self._digits})
        self._ids = {found for trace in self.people for found in trace.ids}
        self.speaks_of = lru_cache(maxsize=4096)(self._speaks_of)

    def is_id(self, cell: str | None) -> bool:
        """Whether a cell is the id of one of these people."""
        return bool(cell and self._ids) and id_hash(self._key, str(cell)) in self._ids

    def _speaks_of(self, cell: str | None) -> bool:
        """Whether a number of one of these people stands in a cell, whatever stands between its digits."""
        if not cell:
            return False
        digits = _NO_DIGIT.sub("", cell if cell.isascii() else _plain(cell))
        return any(self._stands_in(digits, length) for length in self._lengths)

    def _stands_in(self, digits: str, length: int) -> bool:
        if length < FEWEST_DIGITS:
            return len(digits) == length and self._is_one(digits, length)
        return any(
            self._is_one(digits[first : first + length], length) for first in range(len(digits) - length + 1)
        )

    def _is_one(self, digits: str, length: int) -> bool:
        return (length, _digest(self._key, "digits", digits)) in self._digits


def _plain(cell: str) -> str:
    """Digits of any script as 0 … 9."""
    return "".join(str(int(char)) if char.isdecimal() else char for char in cell)


def _digest(key: bytes, kind: str, text: str) -> str:
    return hashlib.blake2b(f"{kind}:{text}".encode(), key=key[:64], digest_size=16).hexdigest()
