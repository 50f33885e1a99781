"""The doorway from a source to contacts: every row is either a contact or a reject, and never both."""

from __future__ import annotations

import polars as pl

from messaging.columns import Columns, choose_columns
from messaging.consents import says_stop
from messaging.errors import SourceError
from messaging.msisdn import parse_phones
from messaging.phone_rules import PhoneRule
from messaging.regions import region_of
from messaging.schemas import CONTACTS, RAW, REJECTS

__all__ = ["Columns", "choose_columns", "split_contacts"]


def split_contacts(
    raw: pl.DataFrame, columns: Columns, *, region: str | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part the rows of a source into contacts (CONTACTS + its own columns) and rejects (REJECTS), each in source order.

    raw: RAW + text columns under cleaned names. region: the country of numbers that are written without one and have
    none in columns.region, as anything messaging.regions knows. A country cell that is filled but not known never
    falls back on it: the number might be somebody else's there.
    Raises SourceError when `region` is no country.
    """
    phones = parse_phones(raw[columns.phone], _regions(raw, columns, _default_region(region)))
    rule = _with_unknown_country(phones["rule"], raw, columns)
    ours = phones.with_columns(
        source_row=raw["source_row"],
        consent=_consent(raw, columns),
        external_id=_text(raw, columns.external_id),
    )
    # Column by column: a frame would lay out anew what was read in pieces.
    own = [column for column in raw.get_columns() if column.name not in RAW]
    contacts = pl.DataFrame([*ours.select(CONTACTS.names()).get_columns(), *own])
    return contacts.filter(rule.is_null()), _rejects(raw, rule, columns)


def _default_region(region: str | None) -> str | None:
    if not region:
        return None
    code = region_of(region)
    if code is None:
        raise SourceError(f"{region!r} is no country we know; write it as two letters, such as --region GB.")
    return code


def _regions(raw: pl.DataFrame, columns: Columns, default: str | None) -> pl.Series | str | None:
    """The country of each row: its own cell when filled (null when it is not known), else the default."""
    if columns.region is None:
        return default
    written = raw[columns.region]
    return (
        written.to_frame("country")
        .select(
            pl.when(_is_filled("country"))
            .then(_known_regions(written))
            .otherwise(pl.lit(default, dtype=pl.String))
        )
        .to_series()
    )


def _known_regions(written: pl.Series) -> pl.Series:
    """region_of, once per distinct value."""
    distinct = written.drop_nulls().unique().to_list()
    codes = pl.Series([region_of(text) for text in distinct], dtype=pl.String)
    return written.replace_strict(
        pl.Series(distinct, dtype=pl.String), codes, default=None, return_dtype=pl.String
    )


def _is_filled(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars().str.len_bytes().fill_null(0) > 0


def _with_unknown_country(rule: pl.Series, raw: pl.DataFrame, columns: Columns) -> pl.Series:
    """The rules, telling the country that is not known from one that is not given."""
    if columns.region is None:
        return rule
    is_lost = raw.select(_is_filled(columns.region)).to_series() & (rule == PhoneRule.NO_REGION.value)
    return rule.scatter(is_lost.fill_null(value=False).arg_true(), PhoneRule.UNKNOWN_COUNTRY.value)


def _text(raw: pl.DataFrame, column: str | None) -> pl.Series:
    return raw[column] if column else pl.Series([None], dtype=pl.String).new_from_index(0, raw.height)


def _consent(raw: pl.DataFrame, columns: Columns) -> pl.Series:
    """The consent as written; "no" where a column of opt-outs, of one purpose or of all, says stop."""
    consent = _text(raw, columns.consent)
    for column in (columns.opt_out, *columns.do_not_contact):
        if column:
            consent = consent.scatter(says_stop(raw[column]).arg_true(), "no")
    return consent


def _rejects(raw: pl.DataFrame, rule: pl.Series, columns: Columns) -> pl.DataFrame:
    """The rows with a rule, each with the cell to mend."""
    is_rejected = rule.is_not_null()
    country = columns.region or columns.phone
    is_about_country = pl.col("rule") == PhoneRule.UNKNOWN_COUNTRY.value
    header = {name: pl.lit(columns.as_written(name)) for name in (columns.phone, country)}
    sentences = {str(known): known.sentence for known in PhoneRule}
    return (
        pl.DataFrame(
            {
                "source_row": raw["source_row"].filter(is_rejected),
                "phone": raw[columns.phone].filter(is_rejected),
                "country": raw[country].filter(is_rejected),
                "rule": rule.filter(is_rejected),
            }
        )
        .select(
            "source_row",
            column=pl.when(is_about_country).then(header[country]).otherwise(header[columns.phone]),
            raw_value=pl.when(is_about_country).then("country").otherwise("phone"),
            rule="rule",
            sentence=pl.col("rule").replace_strict(sentences, return_dtype=pl.String),
        )
        .cast(REJECTS)
    )
