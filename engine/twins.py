"""What analysts may see of a plan: beside each frozen file its twin, with no number, name, text or raw value in clear."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import polars as pl

from messaging.masking import mask_expr
from messaging.schemas import EXCLUDED_TWIN, PLANNED_TWIN, REJECTS_TWIN

if TYPE_CHECKING:
    from engine.plan import Plan

TwinKind = Literal["planned", "excluded", "rejects"]


def lake_twins(plan: Plan, messages: pl.DataFrame, run: int) -> Mapping[TwinKind, pl.DataFrame]:
    """PLANNED_TWIN, EXCLUDED_TWIN and REJECTS_TWIN of a plan; messages: MESSAGES, as frozen."""
    return {
        "planned": _planned(plan, messages).select(_of_run(run), *_others(PLANNED_TWIN)).cast(PLANNED_TWIN),
        "excluded": _excluded(plan).select(_of_run(run), *_others(EXCLUDED_TWIN)).cast(EXCLUDED_TWIN),
        "rejects": plan.rejects.select(_of_run(run), *_others(REJECTS_TWIN)).cast(REJECTS_TWIN),
    }


def _planned(plan: Plan, messages: pl.DataFrame) -> pl.DataFrame:
    people = plan.audience.select("ordinal", "source_row", "external_id")
    return messages.join(
        people, on="ordinal", how="left", maintain_order="left", validate="1:1"
    ).with_columns(
        masked_msisdn=mask_expr(pl.col("msisdn")),
        country="region",
        currency=pl.lit(plan.summary.currency),
        variant=pl.lit(None, dtype=pl.String),
    )


def _excluded(plan: Plan) -> pl.DataFrame:
    return plan.excluded.with_columns(masked_msisdn=mask_expr(pl.col("msisdn")), country="region")


def _of_run(run: int) -> pl.Expr:
    return pl.lit(run, dtype=pl.Int64).alias("run")


def _others(schema: pl.Schema) -> list[str]:
    return [name for name in schema if name != "run"]
