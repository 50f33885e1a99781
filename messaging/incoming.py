"""What a row of a source says of a contact: the cells under the names that the store keeps, and what was agreed to.

Only what is filled counts: an empty cell is silence, and silence changes nothing.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import polars as pl

from messaging.columns import Columns
from messaging.consents import says_no, says_stop_for_good, says_yes
from messaging.field_words import FIELDS
from messaging.instants import A_DAY_S, are_days, read_instants
from messaging.schemas import attributes

STANDARD = ("external_id", *FIELDS)  # fields that are columns of the store; all others are attributes

INCOMING = pl.Schema(
    {
        "source_row": pl.UInt32,
        "person_key": pl.String,
        "msisdn": pl.String,
        "region": pl.String,
        "number_type": pl.String,
        **dict.fromkeys(STANDARD, pl.String),
        "attributes": pl.String,  # JSON object, name → text, of the filled ones, by name
        "is_given": pl.Boolean,  # a clear yes or a clear no; null: nothing was said
        "said_at": pl.Float64,  # when; null: the source does not say
        "evidence": pl.String,  # how it can be shown
        "do_not_contact": pl.Boolean,  # no text at all, of any purpose
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """Which column of a source is which field of a contact. None: the source has no such column."""

    standard: Mapping[str, str]  # name of a standard field → column
    attributes: Mapping[str, str]  # name of an attribute → column, by name
    consent: str | None = None
    opt_out: str | None = None
    do_not_contact: tuple[str, ...] = ()
    consent_at: str | None = None
    evidence: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)  # column → as the source writes it

    @property
    def names(self) -> set[str]:
        return {*self.standard, *self.attributes}


def fields_of(
    columns: Columns,
    *,
    consent_at: str | None = None,
    evidence: str | None = None,
) -> Fields:
    """Every column of the source as one field. What the store keeps elsewhere (number, consent) is none of them.

    A column that somebody gave a name of its own has that name only.
    """
    standard = {
        name: column
        for name in FIELDS
        if (column := columns.fields.get(name, name if name in columns.headers else None))
    }
    if columns.external_id:
        standard["external_id"] = columns.external_id
    named = {name: column for name, column in columns.fields.items() if name not in standard}
    spoken_for = {
        *standard.values(), *named.values(), columns.phone, columns.consent, columns.opt_out, *columns.do_not_contact,
        consent_at, evidence,
    }  # fmt: skip
    others = {name: name for name in attributes(columns.headers) if name not in spoken_for}
    return Fields(
        standard=standard,
        attributes=dict(sorted({**others, **named}.items())),
        consent=columns.consent,
        opt_out=columns.opt_out,
        do_not_contact=columns.do_not_contact,
        consent_at=consent_at,
        evidence=evidence,
        headers=columns.headers,
    )


def read_incoming(contacts: pl.DataFrame, fields: Fields, *, now: float) -> pl.DataFrame:
    """INCOMING, row by row. contacts: CONTACTS + person_key + the source's columns.

    now: an instant after it is not known, as one that cannot be read.
    """
    yes, no = says_yes(contacts["consent"]), says_no(contacts["consent"])
    is_given = pl.when(yes).then(pl.lit(value=True)).when(no).then(pl.lit(value=False))
    said_at = _nothing(pl.Float64)
    if fields.consent_at is not None:
        cells = contacts[fields.consent_at]
        instants = read_instants(cells)
        # Of a day nobody knows at what time: a yes counts from its beginning, a no until its end.
        latest = pl.when(no & are_days(cells)).then(instants + A_DAY_S - 1).otherwise(instants)
        said_at = pl.when((yes | no) & (instants <= now)).then(latest)
    return contacts.select(
        "source_row",
        "person_key",
        "msisdn",
        "region",
        "number_type",
        **{name: _standard(name, fields) for name in STANDARD},
        attributes=_as_json(fields.attributes),
        is_given=is_given,
        said_at=said_at,
        evidence=pl.when(yes | no).then(_evidence(fields)),
        do_not_contact=_do_not_contact(contacts, fields),
    ).cast(INCOMING)


def filled_attributes(contacts: pl.DataFrame, fields: Fields, *, besides: Collection[str] = ()) -> set[str]:
    """The attributes that somebody of these has a value of. besides: those that need not be looked at any more."""
    return {
        name
        for name, column in fields.attributes.items()
        if name not in besides and _has_text(contacts[column]).any()
    }


def n_unclear(contacts: pl.DataFrame, incoming: pl.DataFrame, fields: Fields) -> tuple[int, int]:
    """Rows whose consent says neither yes nor no; and statements whose time cannot be read. Both frames row by row."""
    is_said = incoming["is_given"].is_not_null()
    n_neither = int((_has_text(contacts["consent"]) & ~is_said).sum())
    if fields.consent_at is None:
        return n_neither, 0
    has_time = _has_text(contacts[fields.consent_at])
    return n_neither, int((is_said & has_time & incoming["said_at"].is_null()).sum())


def first_of_each(incoming: pl.DataFrame) -> pl.DataFrame:
    """The first row of each person, in the same order, with what all rows of that person say of consent and of no text at all.

    The newest statement counts, of two of one instant the no. A no without a time is the newest of all, a yes without
    one the oldest: what nobody dated can stop a text and never allows one again.
    """
    is_first = incoming["person_key"].is_first_distinct()
    first, others = incoming.filter(is_first), incoming.filter(~is_first)
    if others.is_empty():
        return first
    stopped = others.filter("do_not_contact")["person_key"]
    if len(stopped):
        first = first.with_columns(pl.col("do_not_contact") | pl.col("person_key").is_in(stopped.implode()))
    said = incoming.join(others, on="person_key", how="semi").filter(pl.col("is_given").is_not_null())
    undated = pl.when("is_given").then(-math.inf).otherwise(math.inf)
    newest = (
        said.with_columns(rank=pl.col("said_at").fill_null(undated))
        .sort("rank", ~pl.col("is_given"), maintain_order=True)
        .unique("person_key", keep="last")
        .select("person_key", *_STATEMENT)
    )
    places = first["person_key"].is_in(newest["person_key"].implode()).arg_true()
    told = first.select(pl.col("person_key").gather(places)).join(
        newest, on="person_key", how="left", maintain_order="left"
    )
    return first.with_columns(first[name].scatter(places, told[name]) for name in _STATEMENT)


def hashes(incoming: pl.DataFrame, *, rules: str) -> pl.Series:
    """One number per row that changes with anything that merging it could change; the same in every version.

    rules: how rows are merged, in any words: the same row under other rules is another one.
    """
    nothing = "\x1e"  # control characters that separate; nobody's name holds them
    told = incoming.select(
        pl.concat_str(
            *(
                pl.col(name).cast(pl.String).fill_null(nothing)
                for name in INCOMING
                if name not in {"source_row", "person_key", "do_not_contact"}
            ),
            pl.when("do_not_contact").then(
                pl.lit("do not contact")
            ),  # else nothing, as before there was such a column
            separator="\x1f",
            ignore_nulls=True,
        )
    ).to_series()
    fresh = hashlib.blake2b(rules.encode(), digest_size=8).copy
    digests = []
    for row in told.cast(pl.Binary).to_list():
        state = fresh()
        state.update(row)
        digests.append(state.digest())
    numbers = pl.Series("source_hash", digests, dtype=pl.Binary)
    return numbers.bin.reinterpret(dtype=pl.Int64, endianness="little")


_STATEMENT = ("is_given", "said_at", "evidence")


def _standard(name: str, fields: Fields) -> pl.Expr:
    column = fields.standard.get(name)
    return _nothing(pl.String) if column is None else _filled(column)


def _nothing(kind: type[pl.DataType]) -> pl.Expr:
    return pl.lit(None, dtype=kind)


def _filled(column: str) -> pl.Expr:
    """The cell, or null when it shows nothing. NUL bytes, which some stores cannot keep, are left out."""
    text = pl.col(column).str.replace_all("\0", "", literal=True)
    return pl.when(text.str.strip_chars().str.len_bytes() > 0).then(text)


def _as_json(names: Mapping[str, str]) -> pl.Expr:
    """{"city":"Leeds"}: of each name only what is filled."""
    pairs = [
        pl.when(_filled(column).is_not_null()).then(
            pl.struct(_filled(column).alias(name)).struct.json_encode().str.slice(1).str.head(-1)
        )
        for name, column in names.items()
    ]
    if not pairs:
        return pl.lit("{}")
    joined = pl.concat_str(pairs, separator=",", ignore_nulls=True)
    return pl.concat_str(pl.lit("{"), joined, pl.lit("}"))


def _evidence(fields: Fields) -> pl.Expr:
    """The cell that says where to look it up, or else what was written; each under the header it stands below."""
    said = [name for name in (fields.consent, fields.opt_out, *fields.do_not_contact) if name is not None]
    told = [_shown(fields.evidence, fields)] if fields.evidence is not None else []
    if said:
        told.append(pl.concat_str([_shown(name, fields) for name in said], separator="; ", ignore_nulls=True))
    return pl.coalesce(told) if told else _nothing(pl.String)


def _do_not_contact(contacts: pl.DataFrame, fields: Fields) -> pl.Expr:
    """Whether any of the columns says so."""
    said = [pl.lit(says_stop_for_good(contacts[column])) for column in fields.do_not_contact]
    return pl.any_horizontal(said) if said else pl.lit(value=False)


def _shown(column: str, fields: Fields) -> pl.Expr:
    """SMS Einwilligung: ja"""
    return pl.concat_str(pl.lit(f"{fields.headers.get(column, column)}: "), _filled(column))


def _has_text(cells: pl.Series) -> pl.Series:
    return cells.str.strip_chars().str.len_bytes().fill_null(0) > 0
