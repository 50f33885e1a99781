"""What analysts may see of a plan: beside each frozen file its twin, with no number, name, text or raw value in clear."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Literal

import polars as pl

from messaging.masking import mask_expr
from messaging.schemas import EXCLUDED_TWIN, PLANNED_TWIN, REJECTS_TWIN

if TYPE_CHECKING:
    from engine.plan import Plan

TwinKind = Literal["planned", "excluded", "rejects"]

_OF_PEOPLE = ("source_row", "external_id", "consent_basis", "consent_source", "consent_at")


def lake_twins(plan: Plan, run: int) -> Mapping[TwinKind, tuple[pl.Schema, Iterator[pl.DataFrame]]]:
    """The schema and chunks of PLANNED_TWIN, EXCLUDED_TWIN and REJECTS_TWIN of a plan."""
    return {
        "planned": (PLANNED_TWIN, _twins(_planned(plan, run), PLANNED_TWIN, run)),
        "excluded": (EXCLUDED_TWIN, _twins(_excluded(plan), EXCLUDED_TWIN, run)),
        "rejects": (REJECTS_TWIN, _twins(plan.rejects, REJECTS_TWIN, run)),
    }


def _twins(frames: Iterable[pl.DataFrame], schema: pl.Schema, run: int) -> Iterator[pl.DataFrame]:
    others = [name for name in schema if name != "run"]
    for frame in frames:
        yield frame.select(pl.lit(run, dtype=pl.Int64).alias("run"), *others).cast(schema)


def _planned(plan: Plan, run: int) -> Iterator[pl.DataFrame]:
    for messages, people in zip(plan.messages, plan.audience, strict=True):
        assert messages["ordinal"].equals(people["ordinal"]), "messages stand beside their people"
        yield messages.hstack(people.select(_OF_PEOPLE).get_columns()).with_columns(
            message_id=message_ids(run),
            masked_msisdn=mask_expr(pl.col("msisdn")),
            country="region",
            currency=pl.lit(plan.summary.currency),
            variant=pl.lit(None, dtype=pl.String),
        )


def _excluded(plan: Plan) -> Iterator[pl.DataFrame]:
    for excluded in plan.excluded:
        yield excluded.with_columns(masked_msisdn=mask_expr(pl.col("msisdn")), country="region")


def message_ids(run: int) -> pl.Expr:
    return (run << 32) + pl.col("ordinal").cast(pl.Int64)
