from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.traces import Trace, Traces, trace_of

KEY = b"k" * 32
ANN = "+447400123456"


def traces(*msisdns, ids=()):
    return Traces(KEY, [trace_of(KEY, msisdn, external_ids=ids) for msisdn in msisdns])


@pytest.mark.parametrize(
    "cell",
    [
        "+447400123456", "07400 123456", "7400123456", "0044 7400-123456", "tel. (07400) 123.456", "447400123456.0",
        "4.47400123456E11", "07400 123456 or 07400 999999", "x07400123456", "٠٧٤٠٠١٢٣٤٥٦", "０７４００１２３４５６",
    ],
)  # fmt: skip
def test_a_number_is_found_however_it_is_written(cell):
    assert traces(ANN).speaks_of(cell)


@pytest.mark.parametrize("cell", [None, "", "Ann", "07400 12345", "4.474E+11", "07400 123457", "740012345"])
def test_what_does_not_hold_all_of_its_digits_is_not_found(cell):
    assert not traces(ANN).speaks_of(cell)


def test_a_short_number_is_found_only_where_it_stands_alone():
    short = traces("+29042345")  # Saint Helena: five digits behind the country
    assert short.speaks_of("4 23 45")
    assert not short.speaks_of("order 842345")


def test_an_id_is_found_as_a_whole_cell_only():
    found = traces(ANN, ids=["C-1042"])
    assert found.is_id(" C-1042 ")
    assert not found.is_id("C-10421")
    assert not found.is_id(None)
    assert not traces(ANN).is_id("C-1042")


def test_a_trace_says_no_digit_of_the_number():
    told = repr(trace_of(KEY, ANN, external_ids=["C-1042"]))
    assert "7400123456" not in told
    assert "1042" not in told


def test_what_is_known_from_before_is_added():
    earlier = Trace("p", frozenset({(9, "a")}), frozenset({"i"}))
    assert Trace("p", frozenset({(10, "b")})).with_all(earlier) == Trace(
        "p", frozenset({(9, "a"), (10, "b")}), frozenset({"i"})
    )


@given(before=st.text("abc -", max_size=5), after=st.text("abc -", max_size=5), gaps=st.data())
def test_anything_but_digits_may_stand_between_the_digits(before, after, gaps):
    fill = st.text(" .-()/", max_size=2)
    cell = before + "".join(digit + gaps.draw(fill) for digit in "07400123456") + after
    assert traces(ANN).speaks_of(cell)
    assert not traces("+447400123457").speaks_of(cell)
