"""Some people, and which rows of a column are theirs: a million rows in a twentieth of a second, however many people."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet

import polars as pl

_PLACES_OF_A_PERSON = 32  # so one in thirty-two of other people's rows hits a mark, one in a thousand two
_MOST_PLACES = 1 << 26  # 8 MB, a bit each


class PersonSet(AbstractSet[str]):
    """Person keys, each once. person_keys: null is nobody."""

    __slots__ = ("_keys", "_marks")

    def __init__(self, person_keys: Iterable[str | None] = ()) -> None:
        given = (
            person_keys
            if isinstance(person_keys, pl.Series)
            else pl.Series(list(person_keys), dtype=pl.String)
        )
        in_order = given.drop_nulls().sort()
        self._keys = in_order.filter(in_order.ne_missing(in_order.shift(1)))
        n_places = min(1 << (len(self._keys) * _PLACES_OF_A_PERSON).bit_length(), _MOST_PLACES)
        nowhere = pl.Series([False]).new_from_index(0, n_places)
        self._marks = [nowhere.scatter(_places(self._keys, n_places, seed), values=True) for seed in (0, 1)]

    @staticmethod
    def of(people: Collection[str]) -> PersonSet:
        return people if isinstance(people, PersonSet) else PersonSet(people)

    def has_each(self, person_keys: pl.Series) -> pl.Series:
        """Row by row whether it is one of them; false for null."""
        nobody = pl.Series([False]).new_from_index(0, len(person_keys))
        if not len(self):
            return nobody
        perhaps, asked = pl.int_range(len(person_keys), dtype=pl.UInt32, eager=True), person_keys
        for seed, marks in enumerate(self._marks):
            is_marked = marks.gather(_places(asked, len(marks), seed))
            perhaps, asked = perhaps.filter(is_marked), asked.filter(is_marked)
        # Looking among the keys takes far longer than looking for marks.
        at = self._keys.search_sorted(asked).clip(0, len(self) - 1)
        return nobody.scatter(perhaps.filter(self._keys.gather(at) == asked), values=True)

    def __contains__(self, person_key: object) -> bool:
        return isinstance(person_key, str) and bool(self.has_each(pl.Series([person_key]))[0])

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys.to_list())

    def __len__(self) -> int:
        return len(self._keys)


def _places(person_keys: pl.Series, n_places: int, seed: int) -> pl.Series:
    return (person_keys.hash(seed) % n_places).cast(pl.UInt32)
