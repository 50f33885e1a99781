"""A field that is set by hand makes sense, or is refused without being repeated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.contact_fields import BadField, check_value, read_setting


@pytest.mark.parametrize(
    ("text", "setting"),
    [("city=Leeds", ("city", "Leeds")), (" city =a=b", ("city", "a=b")), ("city=", ("city", ""))],
)
def test_a_setting_is_a_name_and_a_value(text, setting):
    assert read_setting(text) == setting


@pytest.mark.parametrize("text", ["Leeds", "=Leeds", " =x", ""])
def test_a_setting_without_a_name_is_refused(text):
    with pytest.raises(BadField, match="NAME=VALUE"):
        read_setting(text)


@pytest.mark.parametrize(
    ("name", "written", "kept"),
    [
        ("language", "de", "de"), ("language", "EN_gb", "en-GB"), ("language", "zh-hant-tw", "zh-Hant-TW"),
        ("language", " de-AT ", "de-AT"), ("time_zone", "Europe/London", "Europe/London"),
        ("time_zone", "europe/london", "Europe/London"), ("time_zone", "utc", "UTC"),
        ("first_name", " Ann ", " Ann "), ("note", "two\nlines", "two\nlines"),
    ],
)  # fmt: skip
def test_a_value_is_kept_as_it_is_meant(name, written, kept):
    assert check_value(name, written) == kept


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("language", "German"), ("language", "d"), ("language", "de-"), ("time_zone", "Berlin"), ("time_zone", "+01:00"),
        ("time_zone", "localtime"), ("time_zone", "../../etc/passwd"), ("city", ""), ("city", " \t"), ("city", "a\0b"),
        ("city", "caf\udce9"), ("city", "x" * 10_001),
    ],
)  # fmt: skip
def test_a_value_that_makes_no_sense_is_refused_by_the_name_of_its_field(name, value):
    with pytest.raises(BadField, match=f"^{name}: "):
        check_value(name, value)


@given(st.sampled_from(["city", "language", "time_zone"]), st.text())
def test_what_is_kept_once_is_kept_as_it_is_again(name, value):
    try:
        kept = check_value(name, value)
    except BadField:
        return
    assert check_value(name, kept) == kept
    kept.encode()
