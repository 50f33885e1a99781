"""What is told to somebody who asks what is kept of them: everything, and nothing of anybody else."""

from __future__ import annotations

import orjson
import pytest

from engine.forgetting import forget_person
from engine.person import all_known
from tests.engine.lived_in import ANN, LivedIn


@pytest.fixture
def lived_in(tmp_path, simulator):
    lived_in = LivedIn(tmp_path, simulator, f"sqlite:///{tmp_path / 'var' / 'store.db'}")
    with lived_in.opened() as instance:
        lived_in.live(instance)
    return lived_in


def test_everything_that_is_kept_is_told(lived_in):
    with lived_in.opened() as instance:
        known = all_known(instance, ANN)
        told = orjson.dumps(known, default=str).decode()
    assert (known["contact"]["first_name"], known["contact"]["external_id"]) == ("Zebulonia", "CUST-8812")
    assert (known["lists"], known["tags"]) == (["members"], [])
    assert {(one["purpose"], one["is_given"]) for one in known["consents"]} == {
        ("marketing", True),
        ("news", False),
    }
    assert [one["scope"] for one in known["suppressions"]] == ["purpose:news"]
    assert [reply["text"] for reply in known["replies"]] == ["please call me, Zebulonia"]
    [run] = known["runs"]
    [message] = run["messages"]
    assert (run["run"], message["text"], message["sender_id"]) == (1, "Hi Zebulonia", "Tidings")
    assert (message["status"], message["receipt"]) == ("accepted", "delivered")
    assert message["receipts"][0]["status"] == "delivered"
    assert message["contact"]["last_name"] == "Quirk"
    assert [(row["source_row"], row["reason"]) for row in run["excluded"]] == [(5, "duplicate")]
    assert [row["source_row"] for row in run["rejects"]] == ["7", "8"]
    assert len(known["rejects_of_imports"]) == 2
    assert len(known["pages_of_gateways"]) >= 1
    assert {row["file"].split("/")[1] for row in known["analytics"]} == {
        "planned",
        "excluded",
        "messages",
        "events",
    }
    assert known["unreadable"] == []
    for other in ("Bright", "7400123002", "CUST-1", "thank you", "Cole", "Dour", "Else"):
        assert other not in told


def test_of_somebody_who_was_forgotten_only_the_suppression_is_told(lived_in):
    with lived_in.opened() as instance:
        forget_person(instance, ANN, by="Eve")
        known = all_known(instance, ANN)
    kept = {name: value for name, value in known.items() if value and name not in {"number", "person_key"}}
    assert set(kept) == {"suppressions"}
    assert {one["reason"] for one in kept["suppressions"]} == {"forgotten"}


def test_of_a_stranger_nothing_is_told(lived_in):
    with lived_in.opened() as instance:
        known = all_known(instance, "+447400999999")
    assert not any(value for name, value in known.items() if name not in {"number", "person_key"})


def test_a_file_that_cannot_be_read_is_named(lived_in):
    with lived_in.opened() as instance:
        (lived_in.var_dir / "runs/000001/excluded.parquet").write_bytes(b"no parquet")
        known = all_known(instance, ANN)
    assert known["unreadable"] == ["runs/000001/excluded.parquet"]
    assert len(known["runs"][0]["messages"]) == 1
