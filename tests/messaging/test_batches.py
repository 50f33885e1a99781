"""Messages cut into batches, batches grouped into parts."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.batches import (
    BATCHES_PER_PART,
    MAX_BATCHES,
    MAX_ROWS,
    BatchRef,
    PlanError,
    batches_of_part,
    n_batches,
    n_parts,
    part_of,
    plan_batches,
)
from messaging.schemas import MESSAGES

SIZES = st.integers(1, 60)
FRAMES = st.lists(st.integers(0, 2**40), max_size=300).map(
    lambda ids: pl.DataFrame({"message_id": ids}, schema={"message_id": pl.Int64})
)


@given(messages=FRAMES, size=SIZES)
def test_planning_loses_and_duplicates_nobody_and_keeps_the_order(messages, size):
    planned = plan_batches(messages, max_messages=size)
    assert planned["message_id"].to_list() == messages["message_id"].to_list()


@given(messages=FRAMES, size=SIZES)
def test_a_message_is_known_by_its_batch_and_row(messages, size):
    planned = plan_batches(messages, max_messages=size)
    ordinals = (planned["batch"].cast(pl.Int64) * size + planned["row"].cast(pl.Int64)).to_list()
    assert ordinals == list(range(messages.height))


@given(messages=FRAMES, size=SIZES)
def test_every_batch_but_the_last_is_full(messages, size):
    sizes = plan_batches(messages, max_messages=size).group_by("batch").len().sort("batch")["len"].to_list()
    assert len(sizes) == n_batches(messages.height, max_messages=size)
    assert all(n == size for n in sizes[:-1])
    assert sum(sizes) == messages.height


def test_batch_and_row_have_the_types_of_the_messages_schema():
    planned = plan_batches(pl.DataFrame({"message_id": [1, 2, 3]}), max_messages=2)
    assert planned.schema["batch"] == MESSAGES["batch"]
    assert planned.schema["row"] == MESSAGES["row"]


def test_the_largest_batch_has_a_row_that_fits_its_type():
    messages = pl.DataFrame({"message_id": range(MAX_ROWS + 1)})
    last_two = plan_batches(messages, max_messages=MAX_ROWS).tail(2)
    assert last_two.select("batch", "row").rows() == [(0, MAX_ROWS - 1), (1, 0)]


@pytest.mark.parametrize("size", [0, -1, MAX_ROWS + 1])
def test_a_batch_size_out_of_range_is_refused_with_the_setting_to_change(size):
    with pytest.raises(PlanError, match=r"run\.batch_size"):
        plan_batches(pl.DataFrame({"message_id": [1]}), max_messages=size)


def test_more_batches_than_a_reference_can_name_are_refused():
    class Tall(pl.DataFrame):
        height = MAX_BATCHES + 1

    with pytest.raises(PlanError, match=r"too many for batches of 1: raise run\.batch_size"):
        plan_batches(Tall({"message_id": [1]}), max_messages=1)


@given(n=st.integers(0, 5_000))
def test_the_parts_of_a_run_hold_each_batch_once_and_in_order(n):
    batches = [batch for part in range(n_parts(n)) for batch in batches_of_part(part, n)]
    assert batches == list(range(n))


@given(n=st.integers(1, 5_000), data=st.data())
def test_a_batch_belongs_to_the_part_that_lists_it(n, data):
    batch = data.draw(st.integers(0, n - 1))
    assert batch in batches_of_part(part_of(batch), n)
    assert BatchRef(run=3, batch=batch).part == part_of(batch)


@pytest.mark.parametrize(("n", "parts"), [(0, 0), (1, 1), (200, 1), (201, 2), (620, 4)])
def test_a_part_holds_at_most_200_batches(n, parts):
    assert BATCHES_PER_PART == 200
    assert n_parts(n) == parts


def test_a_part_that_a_run_does_not_have_is_empty():
    assert list(batches_of_part(4, 620)) == []


def test_a_batch_says_where_it_belongs():
    assert str(BatchRef(run=42, batch=17)) == "batch 17 of run 42"
