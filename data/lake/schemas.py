"""The columns of the lake's own files. Instants are UTC without a zone, so that any DuckDB reads them alike.

The twins that a plan writes (planned, excluded, rejects) are in messaging/schemas.py.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from messaging.outcomes import OutcomeStatus, ReceiptStatus

UTC_INSTANT: Any = pl.Datetime("us")  # Any: mypy takes a dict of dtypes and dtype classes for one of objects

# One row per event and message; an event about no message is one row without `row`. Grain: (event, row, part).
EVENTS = pl.Schema(
    {
        "event": pl.Int64,  # the order in which the ledger changed
        "happened_at": UTC_INSTANT,  # "at" is a word of SQL in DuckDB
        "kind": pl.String,
        "run": pl.Int64,
        "batch": pl.Int32,
        "row": pl.Int32,
        "claim_no": pl.Int32,
        "claim_kind": pl.String,
        "status": pl.String,  # an OutcomeStatus in words; a ReceiptStatus where kind is receipts
        "status_code": pl.Int16,  # the number of the same; a receipt never gives way to one with a lower number
        "gateway_message_id": pl.String,
        "part": pl.Int16,
        "error_kind": pl.String,
        "code": pl.String,  # the gateway's own, verbatim
        "attempt": pl.Int16,
        "possible_duplicate": pl.Boolean,
        "done_at": UTC_INSTANT,
        "decision": pl.String,
        "state": pl.String,
        "reason": pl.String,
        "by": pl.String,
        "why": pl.String,
        "person_key": pl.String,
        "account": pl.String,
        "scope": pl.String,
        "source": pl.String,
        "is_stop": pl.Boolean,
    }
)

RUNS = pl.Schema(
    {
        "run": pl.Int64,
        "run_key": pl.String,
        "campaign": pl.String,
        "account": pl.String,
        "state": pl.String,
        "state_reason": pl.String,
        "origin": pl.String,
        "is_simulated": pl.Boolean,
        "created_at": UTC_INSTANT,
        "scheduled_at": UTC_INSTANT,
        "frozen_at": UTC_INSTANT,
        "started_at": UTC_INSTANT,
        "finished_at": UTC_INSTANT,
        "source_rows": pl.Int64,
        "rejects": pl.Int64,
        "contacts": pl.Int64,
        "excluded": pl.Int64,
        "audience": pl.Int64,
        "holdout": pl.Int64,
        "messages": pl.Int64,
        "batches": pl.Int64,
        "segments": pl.Int64,
        "cost": pl.Float64,
        "currency": pl.String,
        "validity_s": pl.Int64,
        "purpose": pl.String,
    }
)

# The plan's twin of a message and what came of it. One row per message of a run.
MESSAGES = pl.Schema(
    {
        "run": pl.Int64,
        "message_id": pl.Int64,
        "batch": pl.UInt32,
        "row": pl.UInt16,
        "source_row": pl.UInt32,
        "person_key": pl.String,
        "masked_msisdn": pl.String,
        "external_id": pl.String,
        "country": pl.String,
        "sender_id": pl.String,
        "encoding": pl.String,
        "segments": pl.UInt8,
        "price": pl.Float64,
        "currency": pl.String,
        "variant": pl.String,
        "consent_basis": pl.String,
        "consent_source": pl.String,
        "consent_at": UTC_INSTANT,
        "not_before": UTC_INSTANT,
        "not_after": UTC_INSTANT,
        "status": pl.String,
        "error_kind": pl.String,
        "error_code": pl.String,
        "stop_reason": pl.String,
        "decision": pl.String,
        "gateway_message_id": pl.String,
        "attempts": pl.Int32,
        "possible_duplicate": pl.Boolean,
        "claimed_at": UTC_INSTANT,
        "settled_at": UTC_INSTANT,
        "accepted_at": UTC_INSTANT,
        "receipt": pl.String,
        "receipt_code": pl.String,
        "receipt_at": UTC_INSTANT,
    }
)

OUTCOME_WORDS = {int(status): status.name.lower() for status in OutcomeStatus}
RECEIPT_WORDS = {int(status): status.name.lower() for status in ReceiptStatus}


def utc_instant(seconds: pl.Expr) -> pl.Expr:
    """Seconds since 1970 to the lake's instants; null stays null."""
    return (seconds * 1_000_000).round().cast(pl.Int64).cast(UTC_INSTANT)
