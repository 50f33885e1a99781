"""Rows of the store's `events` to rows of the lake: one event with arrays becomes one row per message."""

from __future__ import annotations

import polars as pl

from data.lake.schemas import EVENTS, OUTCOME_WORDS, RECEIPT_WORDS, utc_instant
from messaging.outcomes import OutcomeStatus

STORED_EVENTS = pl.Schema(
    {
        "event": pl.Int64,
        "run": pl.Int64,
        "batch": pl.Int32,
        "kind": pl.String,
        "claim_no": pl.Int32,
        "at": pl.Float64,
        "payload": pl.String,
    }
)

# What payloads hold (docs/data-path.md). An event of a batch speaks of messages, in arrays of one length.
_ARRAYS = {
    "status": pl.Int16,
    "gateway_message_id": pl.String,
    "error_kind": pl.String,
    "error_code": pl.String,
    "code": pl.String,
    "attempt": pl.Int16,
    "possible_duplicate": pl.Boolean,
    "done_at": pl.Float64,
    "part": pl.Int16,
    "reason": pl.String,
}
_OF_MESSAGES = pl.Struct(
    {"rows": pl.List(pl.Int32), "first": pl.Int32(), "last": pl.Int32()}
    | {name: pl.List(dtype) for name, dtype in _ARRAYS.items()}
    | dict.fromkeys(("kind", "decision", "by", "why"), pl.String())
)
_OF_NO_MESSAGE = pl.Struct(
    dict.fromkeys(("state", "reason", "by", "why", "person_key", "account", "scope", "source"), pl.String())
    | {"is_stop": pl.Boolean}
)

# Events that say by their kind, or by their decision, where the message stands.
_STATUS_OF_KIND = {
    "claim": int(OutcomeStatus.IN_FLIGHT),
    "stop": int(OutcomeStatus.STOPPED),
    "adopted": int(OutcomeStatus.ACCEPTED),
}
_STATUS_OF_DECISION = {
    "assumed sent": int(OutcomeStatus.UNCONFIRMED),
    "send again": int(OutcomeStatus.UNSENT),
}


def expand(stored: pl.DataFrame) -> pl.DataFrame:
    """stored: STORED_EVENTS, one row per event. Returns EVENTS, one row per event and message.

    Raises polars.exceptions.PolarsError for a payload that is not of the documented shape: a bug in a writer.
    """
    speaks_of_messages = pl.col("batch").is_not_null()
    parts = [
        _of_messages(stored.filter(speaks_of_messages)),
        _of_no_message(stored.filter(~speaks_of_messages)),
    ]
    return pl.concat(parts).sort("event", maintain_order=True)


def _of_messages(stored: pl.DataFrame) -> pl.DataFrame:
    told = _unpacked(stored, _OF_MESSAGES)
    span = pl.int_ranges("first", "last", dtype=pl.Int32)
    rows = pl.coalesce("rows", pl.when(pl.col("first").is_not_null()).then(span))
    told = told.with_columns(rows=rows).filter(pl.col("rows").list.len() > 0)
    # All arrays of an event are unpacked at once, so one that the event does not have gets as many nulls.
    blanks = [
        pl.coalesce(name, pl.lit(None, dtype=dtype).repeat_by(pl.col("rows").list.len()))
        for name, dtype in _ARRAYS.items()
    ]
    told = told.with_columns(blanks).explode("rows", *_ARRAYS)
    is_receipt = pl.col("kind") == "receipts"
    status = pl.coalesce(
        "status",
        pl.col("kind").replace_strict(_STATUS_OF_KIND, default=None, return_dtype=pl.Int16),
        pl.col("decision").replace_strict(_STATUS_OF_DECISION, default=None, return_dtype=pl.Int16),
    )
    return _shaped(
        told.with_columns(status_code=status).with_columns(
            row=pl.col("rows"),
            status=pl.when(is_receipt).then(_in_words(RECEIPT_WORDS)).otherwise(_in_words(OUTCOME_WORDS)),
            claim_kind=pl.col("payload_kind"),
            code=pl.coalesce("code", "error_code"),
            done_at=utc_instant(pl.col("done_at")),
        )
    )


def _of_no_message(stored: pl.DataFrame) -> pl.DataFrame:
    return _shaped(_unpacked(stored, _OF_NO_MESSAGE))


def _unpacked(stored: pl.DataFrame, payload: pl.Struct) -> pl.DataFrame:
    """The payload's fields as columns; its `kind` as `payload_kind`, since the event has one too."""
    names = ["payload_kind" if field.name == "kind" else field.name for field in payload.fields]
    decoded = pl.col("payload").str.json_decode(payload).struct.rename_fields(names)
    return stored.with_columns(decoded).unnest("payload")


def _shaped(told: pl.DataFrame) -> pl.DataFrame:
    told = told.with_columns(happened_at=utc_instant(pl.col("at")))
    return told.select(
        pl.col(name).cast(dtype) if name in told.columns else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in EVENTS.items()
    )


def _in_words(words: dict[int, str]) -> pl.Expr:
    return pl.col("status_code").replace_strict(words, default=None, return_dtype=pl.String)
