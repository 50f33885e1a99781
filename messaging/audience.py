"""From contacts to those who get a message, and everybody else with the one reason that came first."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import polars as pl

from messaging.consents import says_no
from messaging.person_set import PersonSet
from messaging.phone_rules import MOBILE_TYPES, NO_LONGER_VALID
from messaging.schemas import AUDIENCE

# What decides about a contact, without who it is: 13 bytes a row, so that all rows of a source fit into memory at once.
WEIGHED = pl.Schema(
    {
        "source_row": pl.UInt32,
        "number": pl.UInt64,  # the digits of the MSISDN: 15 at most, so the number is exact
        "is_valid": pl.Boolean,  # false: a stored contact whose number is none any more
        "is_textable": pl.Boolean,  # by the type of its number
        "is_in_reach": pl.Boolean,  # by its country
        "says_no": pl.Boolean,
        "may_be_texted": pl.Boolean,  # by consent
        "is_suppressed": pl.Boolean,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Whose numbers a campaign may go to at all. countries: ISO 3166, None for every one but the blocked ones."""

    number_types: Collection[str] = MOBILE_TYPES
    countries: Collection[str] | None = None
    blocked_countries: Collection[str] = ()

    def is_textable(self) -> pl.Expr:
        return _is_in("number_type", self.number_types)

    def has_country(self) -> pl.Expr:
        is_blocked = (
            _is_in("region", self.blocked_countries) if self.blocked_countries else pl.lit(value=False)
        )
        return ~is_blocked if self.countries is None else _is_in("region", self.countries) & ~is_blocked


EVERYBODY = Reach()

_ROWS_COMPARED_AT_ONCE = 500_000


def weigh_contacts(
    contacts: pl.DataFrame, *, needs_yes: bool, suppressed: Collection[str], reach: Reach = EVERYBODY
) -> pl.DataFrame:
    """WEIGHED, row by row. contacts: CONTACTS + CONSENT_OF_A_MESSAGE + person_key, some or all of a source.

    needs_yes: only those may be texted whose consent somebody has recorded. suppressed: person keys.
    """
    return contacts.select(
        "source_row",
        number=pl.col("msisdn").cast(pl.UInt64),
        is_valid=(pl.col("number_type") != NO_LONGER_VALID).fill_null(value=True),
        is_textable=reach.is_textable(),
        is_in_reach=reach.has_country(),
        says_no=says_no(contacts["consent"]),
        may_be_texted=pl.col("consent_basis").is_not_null() if needs_yes else pl.lit(value=True),
        is_suppressed=PersonSet.of(suppressed).has_each(contacts["person_key"]),
    )


def compare_rows(weighed: pl.DataFrame) -> pl.DataFrame:
    """What the rows of one number mean for each other. weighed: WEIGHED, all rows of a source, in its order.

    Returns no_at, the first row in which this number says no, and first_at, where the row repeats one: the row of that
    number that stays. Both are null elsewhere. A row that may not be texted takes nobody's place.
    """
    nowhere = pl.Series([None], dtype=pl.UInt32).new_from_index(0, weighed.height)
    no_at, first_at = nowhere.clone(), nowhere.clone()
    for positions in _rows_that_may_concern_others(weighed):
        rows = weighed[positions]
        no_at = no_at.scatter(positions, _rows_at(rows, *_rows_of_a_no(rows)))
        first_at = first_at.scatter(positions, _rows_at(rows, *_rows_that_repeat(rows)))
    return pl.DataFrame({"no_at": no_at, "first_at": first_at})


def _rows_that_may_concern_others(weighed: pl.DataFrame) -> Iterator[pl.Series]:
    """The positions of rows whose number stands in another one too, or that say no: of the others nothing is to be told.

    All rows of a number together, of half a million rows or so at a time: looking for repeats takes memory.
    """
    numbers, everywhere = weighed["number"], pl.int_range(weighed.height, dtype=pl.UInt32, eager=True)
    n_parts = len(numbers) // _ROWS_COMPARED_AT_ONCE + 1
    for part in range(n_parts):
        is_here = numbers % n_parts == part
        some = numbers.filter(is_here)
        in_order = some.sort()
        repeated = in_order.filter(in_order == in_order.shift(1))
        is_concerned = some.is_in(repeated.implode()) | weighed["says_no"].filter(is_here)
        yield everywhere.filter(is_here).filter(is_concerned)


def _rows_of_a_no(weighed: pl.DataFrame) -> tuple[pl.Series, pl.DataFrame]:
    """The positions of all rows of a number that says no somewhere; and by number, the first row where it does."""
    first = weighed.filter("says_no").group_by("number").agg(pl.col("source_row").min())
    return weighed["number"].is_in(first["number"].implode()).arg_true(), first


def _rows_that_repeat(weighed: pl.DataFrame) -> tuple[pl.Series, pl.DataFrame]:
    """The positions of rows that repeat the number of a row that stays; and by number, that row.

    Rows of a number that says no are among them: they are left out for that, all of them.
    """
    is_left = weighed.select(_may_have_a_place()).to_series().arg_true()
    left = weighed.select(pl.col("number", "source_row").gather(is_left))
    is_first = left["number"].is_first_distinct()
    repeated = left["number"].filter(~is_first).unique()
    return is_left.filter(~is_first), left.filter(is_first & left["number"].is_in(repeated.implode()))


def _may_have_a_place() -> pl.Expr:
    return pl.all_horizontal(
        "is_valid", "is_textable", "is_in_reach", "may_be_texted", ~pl.col("is_suppressed")
    )


def _rows_at(weighed: pl.DataFrame, positions: pl.Series, rows: pl.DataFrame) -> pl.Series:
    """At the positions the row that `rows` gives for their number; elsewhere null."""
    found = pl.Series([None], dtype=pl.UInt32).new_from_index(0, weighed.height)
    if positions.is_empty():
        return found
    asked = weighed.select(pl.col("number").gather(positions))
    joined = asked.join(rows, on="number", how="left", maintain_order="left", validate="m:1")
    return found.scatter(positions, joined["source_row"])


def choose_audience(
    contacts: pl.DataFrame, weighed: pl.DataFrame, *, priced_regions: Collection[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part contacts into those who may be texted and those who may not, both in source order.

    contacts: CONTACTS + person_key + the source's columns, some or all of a source. weighed: the same rows of WEIGHED
    with what `compare_rows` says of them. The first reason counts, in this order (docs/contacts.md): what the number is
    (no_longer_valid, not_a_mobile, blocked_country), what its person has said (opted_out: a no in any row of the same
    number counts for all of them; suppressed), what nobody has said (no_consent), and what is left of the rows of one
    number (duplicate: the first one that may be texted stays) and of the price list (no_price).
    Returns people (the same columns) and EXCLUDED + person_key.
    """
    # Beside the contacts, not among them: a source may have a column of any name.
    beside = weighed.select(pl.all().name.prefix(_BESIDE))
    reasons: list[_Reason] = [
        (~_beside("is_valid"), "no_longer_valid", pl.lit(None)),
        (~_beside("is_textable"), "not_a_mobile", pl.col("number_type")),
        (~_beside("is_in_reach"), "blocked_country", pl.col("region")),
        (_beside("no_at").is_not_null(), "opted_out", _row("no_at")),
        (_beside("is_suppressed"), "suppressed", pl.lit(None)),
        (~_beside("may_be_texted"), "no_consent", pl.lit(None)),
        (_beside("first_at").is_not_null(), "duplicate", _row("first_at")),
        (~_is_in("region", priced_regions), "no_price", pl.col("region")),
    ]
    judged = contacts.hstack(beside.get_columns())
    # Most people stay, so reasons are put into words only for the others.
    is_out = judged.select(pl.any_horizontal(condition for condition, *_ in reasons).fill_null(value=False))
    excluded = _with_reasons(judged.filter(is_out.to_series()), *_first_of(*reasons))
    return contacts.filter(~is_out.to_series()), excluded


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


def number_audience(people: pl.DataFrame, *, first: int = 0) -> pl.DataFrame:
    """AUDIENCE + the other columns: ordinals from `first` in source order, given once everybody else is out."""
    numbered = people.with_row_index("ordinal", offset=first)
    others = [name for name in numbered.columns if name not in AUDIENCE]
    return numbered.select(*AUDIENCE, *others)


def in_source_order(*frames: pl.DataFrame) -> pl.DataFrame:
    """Several frames of one schema as one, by source_row."""
    return pl.concat(frames).sort("source_row", maintain_order=True)


_Reason = tuple[pl.Expr, str | pl.Expr, pl.Expr]  # (condition, reason, detail)


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
    excluded = _with_reasons(judged.filter(is_out), pl.col("excluded_reason"), pl.col("excluded_detail"))
    return judged.filter(~is_out).drop("excluded_reason", "excluded_detail"), excluded


def _with_reasons(left_out: pl.DataFrame, reason: pl.Expr, detail: pl.Expr) -> pl.DataFrame:
    """EXCLUDED + person_key."""
    return left_out.select(
        "source_row",
        "msisdn",
        "region",
        "external_id",
        reason.alias("reason"),
        detail.alias("detail"),
        "person_key",
    )


def _is_in(column: str, values: Collection[str]) -> pl.Expr:
    return pl.col(column).is_in(pl.Series(list(values), dtype=pl.String).implode()).fill_null(value=False)


_BESIDE = "weighed "  # no name of a column begins so: names have no spaces


def _beside(name: str) -> pl.Expr:
    return pl.col(_BESIDE + name)


def _row(name: str) -> pl.Expr:
    return pl.format("row {}", _beside(name))
