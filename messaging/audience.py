"""From contacts to those who get a message, and everybody else with the one reason that came first."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import polars as pl

from messaging.consents import says_no, says_yes
from messaging.schemas import AUDIENCE, EXCLUDED, RENDERED

MOBILE_TYPES = ("mobile", "fixed_line_or_mobile")


def choose_audience(
    contacts: pl.DataFrame,
    *,
    consent_basis: Literal["recorded", "attested"] | None,
    suppressed: Collection[str],
    priced_regions: Collection[str],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part contacts into those who may be texted and those who may not, both in source order.

    contacts: CONTACTS + person_key + the source's columns. suppressed: person keys. Reasons in the order they are
    asked: not_a_mobile, opted_out (a no in any row of the same number counts for all of them), no_consent (basis
    "recorded" and no clear yes in this row), suppressed, duplicate (the first row of a number stays), no_price.
    Returns people (the same columns) and EXCLUDED + person_key.
    """
    row_that_says_no = pl.when(says_no(pl.col("consent"))).then("source_row").min().over("msisdn")
    needs_yes = pl.lit(consent_basis == "recorded")
    by_themselves = _parted(
        contacts.with_columns(_no_at=row_that_says_no),
        (~_is_in("number_type", MOBILE_TYPES), "not_a_mobile", pl.col("number_type")),
        (pl.col("_no_at").is_not_null(), "opted_out", _row("_no_at")),
        (needs_yes & ~says_yes(pl.col("consent")), "no_consent", pl.lit(None)),
        (_is_in("person_key", suppressed), "suppressed", pl.lit(None)),
    )
    # Asked among those who are left: a row that may not be texted takes nobody's place.
    among_others = _parted(
        by_themselves[0].with_columns(_first_at=pl.col("source_row").first().over("msisdn")),
        (pl.col("_first_at") != pl.col("source_row"), "duplicate", _row("_first_at")),
        (~_is_in("region", priced_regions), "no_price", pl.col("region")),
    )
    people = among_others[0].drop("_no_at", "_first_at")
    return people, _in_source_order(by_themselves[1], among_others[1])


def keep_readable(people: pl.DataFrame, *, max_segments: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part people with RENDERED + segments into those whose text can be sent and those whose cannot.

    Reasons: the rule that rendering gave, or too_long (detail: the number of segments).
    Returns the same columns without rule and detail, and EXCLUDED + person_key.
    """
    readable, excluded = _parted(
        people,
        (pl.col("rule").is_not_null(), pl.col("rule"), pl.col("detail")),
        (pl.col("segments") > max_segments, "too_long", pl.format("{} segments", "segments")),
    )
    return readable.drop(name for name in RENDERED if name != "text"), excluded


def number_audience(people: pl.DataFrame) -> pl.DataFrame:
    """AUDIENCE + the other columns: ordinals 0 … n-1 in source order, given once everybody else is out."""
    numbered = people.with_row_index("ordinal")
    others = [name for name in numbered.columns if name not in AUDIENCE]
    return numbered.select(*AUDIENCE, *others)


def _parted(
    people: pl.DataFrame, *reasons: tuple[pl.Expr, str | pl.Expr, pl.Expr]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Those for whom no (condition, reason, detail) is true, and the others with the first that is."""
    reason, detail = pl.lit(None, dtype=pl.String), pl.lit(None, dtype=pl.String)
    for condition, name, more in reversed(reasons):
        named = pl.lit(name) if isinstance(name, str) else name
        reason = pl.when(condition).then(named).otherwise(reason)
        detail = pl.when(condition).then(more.cast(pl.String)).otherwise(detail)
    judged = people.with_columns(excluded_reason=reason, excluded_detail=detail)
    is_out = pl.col("excluded_reason").is_not_null()
    out = judged.filter(is_out).select(
        "source_row",
        "msisdn",
        "region",
        "external_id",
        "person_key",
        reason="excluded_reason",
        detail="excluded_detail",
    )
    kept = judged.filter(~is_out).drop("excluded_reason", "excluded_detail")
    return kept, out.select(*EXCLUDED, "person_key")


def _in_source_order(*excluded: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(excluded).sort("source_row", maintain_order=True)


def _is_in(column: str, values: Collection[str]) -> pl.Expr:
    return pl.col(column).is_in(pl.Series(list(values), dtype=pl.String).implode()).fill_null(value=False)


def _row(column: str) -> pl.Expr:
    return pl.format("row {}", column)
