"""Batches to be run again, as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.reruns import UnreadableBatches, parse_batches


@pytest.mark.parametrize(
    ("text", "batches"),
    [
        ("3", [3]),
        ("3, 7, 17-20", [3, 7, 17, 18, 19, 20]),
        ("batch-3, batch-7", [3, 7]),
        ("Batch 3; 7\n9", [3, 7, 9]),
        ("17–18,17", [17, 18]),
        (" 0 ,, 0", [0]),
    ],
)
def test_batches_are_read_as_people_write_and_paste_them(text, batches):
    assert parse_batches(text, n_batches=21) == batches


@given(st.lists(st.integers(0, 999), min_size=1, max_size=50))
def test_whatever_numbers_are_listed_come_back_sorted_and_once(numbers):
    assert parse_batches(", ".join(map(str, numbers)), n_batches=1000) == sorted(set(numbers))


@pytest.mark.parametrize("text", ["three", "3 7", "-3", "3-", "1.5", "batch", "3,x"])
def test_a_word_that_is_no_batch_is_named(text):
    with pytest.raises(
        UnreadableBatches, match=r"names no batch; write numbers and spans such as 3, 7, 17-20\.$"
    ):
        parse_batches(text, n_batches=10)


@pytest.mark.parametrize("text", ["10", "8-10", "7-3"])
def test_a_batch_that_the_run_does_not_have_is_named_with_those_it_has(text):
    with pytest.raises(UnreadableBatches, match=r"its batches are 0 to 9\.$"):
        parse_batches(text, n_batches=10)


@pytest.mark.parametrize("text", ["", " , ;"])
def test_no_batch_at_all_is_refused(text):
    with pytest.raises(UnreadableBatches, match="no batch is named"):
        parse_batches(text, n_batches=10)
