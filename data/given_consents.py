"""Who has agreed to a purpose, for a plan that asks for many people in turn. data/consents.py writes it down."""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl
import sqlalchemy as sa

from data.sql import sql
from data.store.plain_rows import plain_rows
from data.suppressions import KEYS_PER_STATEMENT, MOST_PEOPLE_KEPT

if TYPE_CHECKING:
    from data.store.engine import Store

# person_key, and of CONSENT_OF_A_MESSAGE what the store knows.
GIVEN = pl.Schema(
    {
        "person_key": pl.String,
        "consent_source": pl.String,
        "consent_at": pl.Float64,
        "consent_evidence": pl.String,
    }
)
_TOLD = ("consent_source", "consent_at", "consent_evidence")
_PEOPLE_AT_ONCE = 50_000
_ROWS_AT_ONCE = 25_000


class GivenConsents:
    """Those whose latest word on a purpose is a yes. store None: nobody is known to have agreed.

    They are read whole once that is cheaper than looking people up, and kept, so they do not change under the plan.
    """

    def __init__(self, store: Store | None, purpose: str) -> None:
        self._store = store
        self._purpose = purpose
        self._whole: _Whole | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nobody has agreed, which does not change under the plan either."""
        return self._store is None or not self._n_given

    def of(self, person_keys: pl.Series) -> pl.DataFrame:
        """consent_source, consent_at and consent_evidence, row by row; null for who has not agreed, and for null."""
        if self._store is None or self.is_empty:
            return pl.DataFrame(
                {
                    name: pl.Series([None], dtype=GIVEN[name]).new_from_index(0, len(person_keys))
                    for name in _TOLD
                }
            )
        if self._whole is None:
            keys = person_keys.drop_nulls().unique(maintain_order=True)
            if len(keys) <= KEYS_PER_STATEMENT or self._n_given > MOST_PEOPLE_KEPT:
                found = self._looked_up(self._store, keys)
                return (
                    person_keys.rename("person_key")
                    .to_frame()
                    .join(found, on="person_key", how="left", maintain_order="left")
                    .select(_TOLD)
                )
            self._whole = _Whole(self._everybody(self._store))
        return self._whole.of(person_keys)

    @cached_property
    def _n_given(self) -> int:
        """Most instances that plan from files have recorded nobody's consent: then nobody is looked up."""
        assert self._store is not None
        with self._store.read.connect() as connection:
            return int(connection.execute(_statement("n_given"), {"purpose": self._purpose}).scalar_one())

    def _looked_up(self, store: Store, keys: pl.Series) -> pl.DataFrame:
        statement = _statement("given" if store.is_sqlite else "given_on_postgresql")
        rows: list[Any] = []
        with store.read.connect() as connection:
            for some in keys.to_frame().iter_slices(_PEOPLE_AT_ONCE):
                people = orjson.dumps(some.to_series().to_list()).decode()
                asked = {"purpose": self._purpose, "person_keys": people}
                rows += map(tuple, connection.execute(statement, asked))
        return pl.DataFrame(rows, schema=GIVEN, orient="row")

    def _everybody(self, store: Store) -> pl.DataFrame:
        frames = [GIVEN.to_frame()]
        with store.read.connect() as connection:
            streamed = connection.execution_options(stream_results=True)
            with streamed.execute(_statement("everybody_given"), {"purpose": self._purpose}) as rows:
                frames += [
                    pl.DataFrame(some, schema=GIVEN, orient="row") for some in plain_rows(rows, _ROWS_AT_ONCE)
                ]
        whole: pl.DataFrame = pl.concat(frames)
        return whole


class _Whole:
    """All who have agreed, in the order of a hash of their keys: to join each chunk with them would cost a table each time."""

    def __init__(self, given: pl.DataFrame) -> None:
        in_order = given.with_columns(hash=pl.col("person_key").hash()).sort("hash")
        self._hashes = in_order["hash"]
        self._given = in_order.drop("hash")

    def of(self, person_keys: pl.Series) -> pl.DataFrame:
        at = self._hashes.search_sorted(person_keys.hash()).clip(0, len(self._hashes) - 1)
        # Of two people of one hash the first is found for both: the second has agreed unheard, and is not texted.
        found = self._given.select(pl.all().gather(at))
        has_agreed = (found["person_key"] == person_keys).fill_null(value=False)
        return found.select(pl.when(has_agreed).then(pl.col(name)).alias(name) for name in _TOLD)


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(f"consents/{name}"))
