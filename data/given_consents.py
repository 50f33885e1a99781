"""Who has agreed to a purpose, for a plan that asks for many people in turn. data/consents.py writes it down."""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl
import sqlalchemy as sa

from data.sql import sql

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
_PEOPLE_AT_ONCE = 50_000


class GivenConsents:
    """store None: nobody is known to have agreed."""

    def __init__(self, store: Store | None, purpose: str) -> None:
        self._store = store
        self._purpose = purpose

    def among(self, person_keys: pl.Series) -> pl.DataFrame:
        """GIVEN: those of these people whose latest word on the purpose is a yes."""
        if self._store is None or not self._is_any_given:
            return GIVEN.to_frame()
        keys = person_keys.drop_nulls().unique(maintain_order=True)
        with self._store.read.connect() as connection:
            name = "given" if self._store.is_sqlite else "given_on_postgresql"
            rows: list[Any] = []
            for some in keys.to_frame().iter_slices(_PEOPLE_AT_ONCE):
                asked = {
                    "purpose": self._purpose,
                    "person_keys": orjson.dumps(some.to_series().to_list()).decode(),
                }
                rows += map(tuple, connection.execute(_statement(name), asked))
        return pl.DataFrame(rows, schema=GIVEN, orient="row")

    @cached_property
    def _is_any_given(self) -> bool:
        """Most instances that plan from files have recorded nobody's consent: then nobody is looked up."""
        if self._store is None:
            return False
        with self._store.read.connect() as connection:
            return bool(
                connection.execute(_statement("is_any_given"), {"purpose": self._purpose}).scalar_one()
            )


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(f"consents/{name}"))
