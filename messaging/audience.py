"""From contacts to those who get a message, and everybody else with the one reason that came first."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import polars as pl

from messaging.consents import says_no, says_yes
from messaging.schemas import AUDIENCE

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
    alone = _judged(
        contacts.with_columns(_no_at=row_that_says_no),
        (~_is_in("number_type", MOBILE_TYPES), "not_a_mobile", pl.col("number_type")),
        (pl.col("_no_at").is_not_null(), "opted_out", _row("_no_at")),
        (needs_yes & ~says_yes(pl.col("consent")), "no_consent", pl.lit(None)),
        (_is_in("person_key", suppressed), "suppressed", pl.lit(None)),
    )
    left, unfit = _parted(alone)
    # Asked among those who are left: a row that may not be texted takes nobody's place.
    among_others = _judged(
        left.with_columns(_first_at=pl.col("source_row").first().over("msisdn")),
        (pl.col("_first_at") != pl.col("source_row"), "duplicate", _row("_first_at")),
        (~_is_in("region", priced_regions), "no_price", pl.col("region")),
    )
    people, unneeded = _parted(among_others)
    return people.drop("_no_at", "_first_at"), in_source_order(unfit, unneeded)


def keep_readable(
    people: pl.DataFrame, rendered: pl.DataFrame, *, max_segments: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part people into those whose text can be sent and those whose cannot.

    rendered: RENDERED + encoding and segments, row by row the same people; a frame of its own, since a source may
    have a column named `detail` too. Reasons: the rule that rendering gave, or too_long (detail: its segments).
    Returns people + text, encoding and segments, and EXCLUDED + person_key.
    """
    reason, detail = _first_of(
        (pl.col("rule").is_not_null(), pl.col("rule"), pl.col("detail")),
        (pl.col("segments") > max_segments, "too_long", pl.format("{} segments", "segments")),
    )
    texts = rendered.select("text", "encoding", "segments", excluded_reason=reason, excluded_detail=detail)
    return _parted(people.hstack(texts.get_columns()))


def number_audience(people: pl.DataFrame) -> pl.DataFrame:
    """AUDIENCE + the other columns: ordinals 0 … n-1 in source order, given once everybody else is out."""
    numbered = people.with_row_index("ordinal")
    others = [name for name in numbered.columns if name not in AUDIENCE]
    return numbered.select(*AUDIENCE, *others)


def in_source_order(*frames: pl.DataFrame) -> pl.DataFrame:
    """Several frames of one schema as one, by source_row."""
    return pl.concat(frames).sort("source_row", maintain_order=True)


_Reason = tuple[pl.Expr, str | pl.Expr, pl.Expr]  # (condition, reason, detail)


def _judged(people: pl.DataFrame, *reasons: _Reason) -> pl.DataFrame:
    reason, detail = _first_of(*reasons)
    return people.with_columns(excluded_reason=reason, excluded_detail=detail)


def _first_of(*reasons: _Reason) -> tuple[pl.Expr, pl.Expr]:
    """Reason and detail of the first condition that is true; null where none is."""
    reason, detail = pl.lit(None, dtype=pl.String), pl.lit(None, dtype=pl.String)
    for condition, name, more in reversed(reasons):
        named = pl.lit(name) if isinstance(name, str) else name
        reason = pl.when(condition).then(named).otherwise(reason)
        detail = pl.when(condition).then(more.cast(pl.String)).otherwise(detail)
    return reason, detail


def _parted(judged: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Those without a reason to be left out, and the others as EXCLUDED + person_key."""
    is_out = pl.col("excluded_reason").is_not_null()
    excluded = judged.filter(is_out).select(
        "source_row",
        "msisdn",
        "region",
        "external_id",
        pl.col("excluded_reason").alias("reason"),
        pl.col("excluded_detail").alias("detail"),
        "person_key",
    )
    return judged.filter(~is_out).drop("excluded_reason", "excluded_detail"), excluded


def _is_in(column: str, values: Collection[str]) -> pl.Expr:
    return pl.col(column).is_in(pl.Series(list(values), dtype=pl.String).implode()).fill_null(value=False)


def _row(column: str) -> pl.Expr:
    return pl.format("row {}", column)
