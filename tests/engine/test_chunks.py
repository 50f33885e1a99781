"""A plan is the same however its source is cut, and every row of the source is in exactly one place."""

import csv
import io
from unittest.mock import patch

import orjson
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data import spool, suppressions
from data.files import read_batch
from data.readers import csv_text
from data.suppressions import Suppression, suppress
from engine.freeze import freeze
from messaging import audience
from messaging.batches import BatchRef
from messaging.sealed import person_key
from tests.engine.planning import KEYS, NOW, mobiles

NUMBERS = st.sampled_from(
    ["07400 123001", "+447400123002", "07400123003.0", "4.47400123004E11", "4.474E11", "020 7946 0018", "nonsense", "",
     "07400 123001/07400 123002", "+33612345678", "=1+1", "07400123O05"]
)  # fmt: skip
WORDS = st.sampled_from(
    ["", " ", "Ann", "Zoë", "李雷", "no", "yes", "maybe", "two\nlines", "a, b", 'x"y', "x" * 300]
)
ROWS = st.one_of(
    st.tuples(NUMBERS, WORDS, WORDS),
    st.lists(WORDS, max_size=5).map(tuple),  # short, blank and ragged rows
)


@pytest.fixture
def suppressed(desk, monkeypatch):
    key = person_key(KEYS.person, "+447400123002")
    suppress(desk.store, [Suppression(person_key=key, msisdn=None, reason="STOP", source="reply")], NOW)


def written(rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("phone", "first_name", "consent"), *rows])
    return text.getvalue()


def frames(plan):
    names = ("contacts", "rejects", "cells", "excluded", "audience", "messages")
    return {name: getattr(plan, name).frame for name in names}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(ROWS, min_size=1, max_size=14).filter(
        lambda rows: any(any(map(str.strip, row)) for row in rows)
    ),
    basis=st.sampled_from(["recorded", "attested"]),
    rows_per_chunk=st.integers(1, 5),
    block_bytes=st.integers(8, 120),
)
def test_a_plan_is_the_same_however_its_source_is_cut(
    desk, suppressed, rows, basis, rows_per_chunk, block_bytes
):
    desk.source(written(rows))
    sections = {
        "text": "Hi {{ first_name }}",
        "consent": {"basis": basis, "note": "members"},
        "guards": {"max_segments": 2},
    }
    whole = desk.plan(**sections)
    with (
        patch.object(csv_text, "_BLOCK_BYTES", block_bytes),
        patch.object(csv_text, "_SMALL_BLOCK_BYTES", block_bytes // 2),
        patch.object(spool, "_MOST_BYTES_IN_MEMORY", 0),
        patch.object(suppressions, "KEYS_PER_STATEMENT", 1),
        patch.object(audience, "_ROWS_COMPARED_AT_ONCE", 3),
    ):
        cut = desk.plan(**sections, rows_per_chunk=rows_per_chunk)
    assert cut.summary == whole.summary
    assert cut.samples(50) == whole.samples(50)
    for name, frame in frames(whole).items():
        assert frames(cut)[name].rows() == frame.rows(), name
    everywhere = [*whole.rejects.frame["source_row"], *whole.contacts.frame["source_row"]]
    filled = [2 + place for place, row in enumerate(rows) if any(cell.strip() for cell in row)]
    assert sorted(everywhere) == filled
    assert whole.summary.source_rows == len(filled)
    parted = [*whole.excluded.frame["source_row"], *whole.audience.frame["source_row"]]
    assert sorted(parted) == whole.contacts.frame["source_row"].to_list()
    assert whole.messages.frame["msisdn"].is_unique().all()


def test_a_run_that_was_planned_in_chunks_has_the_same_files(desk, monkeypatch):
    desk.source(mobiles([*range(123_000, 123_400), *range(123_100, 123_110)]) + "n/a,Nobody\n")
    monkeypatch.setattr("data.spool._MOST_BYTES_IN_MEMORY", 0)
    folders = []
    for rows_per_chunk in (7, 1000):
        plan = desk.plan("Hi {{ first_name }}", run={"batch_size": 3}, rows_per_chunk=rows_per_chunk)
        run = freeze(plan, desk.run(), store=desk.store, keys=KEYS, var_dir=desk.var_dir, again=True, now=NOW)
        folders.append(desk.var_dir / str(run.folder))
    first, second = folders
    assert (first / "rejects.csv").read_bytes() == (second / "rejects.csv").read_bytes()
    assert _plan_json(first) == _plan_json(second)
    for name in ("rejects", "excluded", "audience"):
        assert pl.read_parquet(first / f"{name}.parquet").equals(pl.read_parquet(second / f"{name}.parquet"))
    for batch in (0, 2, 133):
        one, other = (
            read_batch(folder, BatchRef(1, batch)).drop("message_id", "reference") for folder in folders
        )
        assert one.equals(other)


def test_the_same_source_makes_the_same_bytes(desk):
    desk.source(mobiles(range(123_000, 123_050)))
    contents = []
    for run in (1, 2):
        freeze(
            desk.plan(rows_per_chunk=20),
            desk.run(),
            store=desk.store,
            keys=KEYS,
            var_dir=desk.var_dir,
            again=True,
            now=NOW,
        )
        folder = desk.var_dir / "runs" / f"{run:06}"
        names = ("audience.parquet", "excluded.parquet", "rejects.parquet", "rejects.csv")
        contents.append([_plan_json(folder), *((folder / name).read_bytes() for name in names)])
    assert contents[0] == contents[1]


def _plan_json(folder):
    """Without the fingerprints of files: those of the messages hold the number of the run."""
    content = orjson.loads((folder / "plan.json").read_bytes())
    return {name: value for name, value in content.items() if name != "files"}
