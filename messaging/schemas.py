"""One Polars schema per doorway of a row's path (docs/data-path.md): the columns each frame has at least.

RAW, CONTACTS, EXCLUDED and AUDIENCE go on with the source's own columns ("attributes"), all text, under cleaned names
that never collide with a name in RESERVED. Rejects, rendered texts and messages are exactly as written here.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

# source_row: the row a person sees in a spreadsheet, so the header is row 1 and the first data row is 2. Of stored
# people, who have no header, the place in contact order, from 1.
RAW = pl.Schema({"source_row": pl.UInt32})

CONTACTS = pl.Schema(
    {
        "source_row": pl.UInt32,
        "msisdn": pl.String,  # E.164 with '+'
        "region": pl.String,  # ISO 3166 of the number; "001" for numbers of no country
        "number_type": pl.String,  # libphonenumber's type in lower case: mobile, fixed_line, fixed_line_or_mobile, …
        "consent": pl.String,  # as written in the source; null: not said
        "external_id": pl.String,  # the source's own id of the person
    }
)

REJECTS = pl.Schema(
    {
        "source_row": pl.UInt32,
        "column": pl.String,  # the header as the source writes it
        "raw_value": pl.String,
        "rule": pl.String,
        "sentence": pl.String,
    }
)

EXCLUDED = pl.Schema(
    {
        "source_row": pl.UInt32,
        "msisdn": pl.String,
        "region": pl.String,
        "external_id": pl.String,
        "reason": pl.String,
        "detail": pl.String,
    }
)

# What a message rests on, as of the plan; the claim looks up whether it still does (docs/adr/0013).
CONSENT_OF_A_MESSAGE = pl.Schema(
    {
        "consent_basis": pl.String,  # attested | row | stored; null: nobody has said why, as towards the simulator
        "consent_source": pl.String,  # in words: the note of the campaign, the source and its column, or who was told
        "consent_at": pl.Float64,  # seconds since 1970, UTC; null: not known
        "consent_evidence": pl.String,  # the cell, or what the store knows; in the run's folder only
    }
)

AUDIENCE = pl.Schema(
    {
        "ordinal": pl.UInt32,  # 0 … n-1 in source order; frozen
        "source_row": pl.UInt32,
        "msisdn": pl.String,
        "person_key": pl.String,
        "region": pl.String,
        "external_id": pl.String,
        "consent_basis": pl.String,
        "consent_source": pl.String,
        "consent_at": pl.Float64,
        "consent_evidence": pl.String,
    }
)

# What rendering says of each row: a text, or null with the rule it broke and the field it broke on.
RENDERED = pl.Schema({"text": pl.String, "rule": pl.String, "detail": pl.String})

MESSAGES = pl.Schema(
    {
        "message_id": pl.Int64,  # run << 32 | ordinal
        "batch": pl.UInt32,  # 0-based over the run
        "row": pl.UInt16,  # 0-based in the batch
        "ordinal": pl.UInt32,
        "reference": pl.String,
        "person_key": pl.String,
        "msisdn": pl.String,
        "sender_id": pl.String,
        "text": pl.String,
        "encoding": pl.String,  # gsm7 | ucs2
        "segments": pl.UInt8,
        "price": pl.Float64,  # of the whole message, in the price list's currency
        "not_before": pl.Float64,  # seconds since 1970, UTC
        "not_after": pl.Float64,
        "region": pl.String,
    }
)

# Lake twins: what the freeze writes for analysts beside each file. No number, name, text or raw value in clear.
PLANNED_TWIN = pl.Schema(
    {
        "run": pl.Int64,
        "message_id": pl.Int64,
        "batch": pl.UInt32,
        "row": pl.UInt16,
        "source_row": pl.UInt32,
        "person_key": pl.String,
        "masked_msisdn": pl.String,
        "external_id": pl.String,
        "country": pl.String,  # ISO 3166 of the number
        "sender_id": pl.String,
        "encoding": pl.String,
        "segments": pl.UInt8,
        "price": pl.Float64,
        "currency": pl.String,
        "variant": pl.String,  # null until a campaign has variants
        "not_before": pl.Float64,
        "not_after": pl.Float64,
        "consent_basis": pl.String,
        "consent_source": pl.String,
        "consent_at": pl.Float64,
    }
)
EXCLUDED_TWIN = pl.Schema(
    {
        "run": pl.Int64,
        "source_row": pl.UInt32,
        "person_key": pl.String,
        "masked_msisdn": pl.String,
        "external_id": pl.String,
        "country": pl.String,
        "reason": pl.String,
    }
)
REJECTS_TWIN = pl.Schema({"run": pl.Int64, "source_row": pl.UInt32, "column": pl.String, "rule": pl.String})

# Names that mean something to Tidings in some frame, so no source column and no template field may bear them.
RESERVED: frozenset[str] = frozenset(
    {*RAW, *CONTACTS, *REJECTS, *EXCLUDED, *AUDIENCE, *RENDERED, *MESSAGES}
    | {"units", "excluded_reason", "excluded_detail"}
) - {"detail", "reason", "column", "row", "price"}


def attributes(columns: Iterable[str]) -> list[str]:
    """The source's own columns among these, in order."""
    return [name for name in columns if name not in RESERVED]
