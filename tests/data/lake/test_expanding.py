from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
import polars as pl
import pytest

from data.lake.expanding import STORED_EVENTS, expand
from data.lake.schemas import EVENTS, OUTCOME_WORDS, RECEIPT_WORDS

AT = 1_800_000_000.25
AT_IN_THE_LAKE = datetime.fromisoformat("2027-01-15T08:00:00.250")


def stored(
    kind: str, payload: dict[str, Any], *, run: int | None = 1, batch: int | None = 0, event: int = 7
) -> pl.DataFrame:
    row = (event, run, batch, kind, 3, AT, orjson.dumps(payload).decode())
    return pl.DataFrame([row], schema=STORED_EVENTS, orient="row")


def told(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows without their nulls and without what every row has."""
    common = {"event", "happened_at", "kind", "run", "batch", "claim_no"}
    return [
        {name: value for name, value in row.items() if value is not None and name not in common}
        for row in frame.to_dicts()
    ]


@pytest.mark.parametrize(
    ("kind", "payload", "rows"),
    [
        (
            "claim",
            {"first": 4, "last": 6, "kind": "submit"},
            [
                {"row": 4, "claim_kind": "submit", "status": "in_flight", "status_code": 6},
                {"row": 5, "claim_kind": "submit", "status": "in_flight", "status_code": 6},
            ],
        ),
        (
            "claim",
            {"rows": [9], "kind": "resubmit"},
            [{"row": 9, "claim_kind": "resubmit", "status": "in_flight", "status_code": 6}],
        ),
        (
            "outcomes",
            {
                "rows": [1, 2],
                "status": [1, 2],
                "gateway_message_id": ["g1", None],
                "error_kind": [None, "blocked"],
                "error_code": [None, "21610"],
                "attempt": [1, 2],
            },
            [
                {"row": 1, "status": "accepted", "status_code": 1, "gateway_message_id": "g1", "attempt": 1},
                {
                    "row": 2,
                    "status": "rejected",
                    "status_code": 2,
                    "error_kind": "blocked",
                    "code": "21610",
                    "attempt": 2,
                },
            ],
        ),
        (
            "late",
            {"rows": [1], "status": [1], "gateway_message_id": ["g9"], "possible_duplicate": [True]},
            [
                {
                    "row": 1,
                    "status": "accepted",
                    "status_code": 1,
                    "gateway_message_id": "g9",
                    "possible_duplicate": True,
                }
            ],
        ),
        ("doubt", {"rows": [3], "status": [4]}, [{"row": 3, "status": "unconfirmed", "status_code": 4}]),
        ("doubt", {"rows": [], "status": []}, []),
        (
            "stop",
            {"rows": [3], "reason": ["opted_out"]},
            [{"row": 3, "status": "stopped", "status_code": 5, "reason": "opted_out"}],
        ),
        (
            "receipts",
            {
                "rows": [3],
                "status": [20],
                "code": ["000"],
                "done_at": [AT],
                "gateway_message_id": ["g3"],
                "part": [0],
            },
            [
                {
                    "row": 3,
                    "status": "delivered",
                    "status_code": 20,
                    "code": "000",
                    "done_at": AT_IN_THE_LAKE,
                    "gateway_message_id": "g3",
                    "part": 0,
                }
            ],
        ),
        (
            "adopted",
            {"rows": [3], "gateway_message_id": ["g3"]},
            [{"row": 3, "status": "accepted", "status_code": 1, "gateway_message_id": "g3"}],
        ),
        (
            "decision",
            {"rows": [3, 5], "decision": "send again", "by": "ann", "why": "asked the carrier"},
            [
                {
                    "row": row,
                    "status": "unsent",
                    "status_code": 3,
                    "decision": "send again",
                    "by": "ann",
                    "why": "asked the carrier",
                }
                for row in (3, 5)
            ],
        ),
    ],
)
def test_an_event_of_a_batch_becomes_one_row_a_message(kind, payload, rows):
    assert told(expand(stored(kind, payload))) == rows


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("run", {"state": "paused", "reason": "by hand"}),
        ("reply", {"person_key": "k", "account": "sim", "is_stop": True}),
        ("suppression", {"person_key": "k", "scope": "", "reason": "opted_out", "source": "reply"}),
    ],
)
def test_an_event_about_no_message_stays_one_row_without_a_row_number(kind, payload):
    assert told(expand(stored(kind, payload, run=None, batch=None))) == [payload]


def test_events_of_all_kinds_keep_their_order_their_instant_and_the_schema():
    mixed = pl.concat(
        [
            stored("run", {"state": "sending"}, batch=None, event=1),
            stored("claim", {"first": 0, "last": 2}, event=2),
            stored("run", {"state": "paused"}, batch=None, event=3),
        ]
    )
    expanded = expand(mixed)
    assert expanded["event"].to_list() == [1, 2, 2, 3]
    assert expanded["happened_at"].unique().to_list() == [AT_IN_THE_LAKE]
    assert expanded.schema == EVENTS
    assert expand(mixed.clear()).schema == EVENTS


def test_every_status_has_a_word():
    assert OUTCOME_WORDS[6] == "in_flight"
    assert RECEIPT_WORDS[20] == "delivered"
