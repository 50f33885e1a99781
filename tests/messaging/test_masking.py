"""What a person or a log may see of a phone number."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.masking import mask, mask_expr

NUMBERS = st.from_regex(r"\+[1-9][0-9]{1,14}", fullmatch=True)


@pytest.mark.parametrize(
    ("msisdn", "masked"),
    [
        ("+447712345123", "+4477…123"),
        ("+12015550123", "+1201…123"),  # 12 characters, the fewest that show eight
        ("+4915112345", "+49…45"),
        ("+29012345", "+29…45"),  # 9 characters, the fewest that show five
        ("+2901234", "…"),
        ("", "…"),
    ],
)
def test_a_number_is_masked_by_its_length(msisdn, masked):
    assert mask(msisdn) == masked


@given(msisdn=st.text(max_size=30))
def test_at_least_four_characters_stay_hidden_whatever_is_masked(msisdn):
    shown = len(mask(msisdn)) - 1
    assert shown == 0 or len(msisdn) - shown >= 4


@given(msisdn=NUMBERS)
def test_a_mask_does_not_tell_how_long_the_number_is_beyond_its_class(msisdn):
    assert len(mask(msisdn)) in {1, 6, 9}


@given(msisdns=st.lists(st.one_of(st.none(), NUMBERS, st.text(max_size=20))))
def test_a_column_is_masked_like_its_values(msisdns):
    frame = pl.DataFrame({"msisdn": msisdns}, schema={"msisdn": pl.String})
    masked = frame.select(mask_expr(pl.col("msisdn"))).to_series().to_list()
    assert masked == [None if msisdn is None else mask(msisdn) for msisdn in msisdns]
