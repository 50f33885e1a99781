"""What one header by itself is about. How the columns of a whole file are chosen: test_contacts.py."""

from __future__ import annotations

import pytest

from messaging.columns import meaning_of


@pytest.mark.parametrize(
    ("header", "meaning"),
    [
        ("phone", "phone"), ("Mobile", "phone"), ("msisdn", "phone"), ("Handynummer", "phone"),
        ("home phone", None), ("phone type", None), ("number", None),
        ("first_name", "first_name"), ("Vorname", "first_name"), ("Prénom", "first_name"), ("surname", "last_name"),
        ("Sprache", "language"), ("tz", "time_zone"), ("Kundennummer", "external_id"), ("external_id", "external_id"),
        ("SMS consent", "consent"), ("opted out", "opt_out"), ("optin_date", None),
        ("points", None), ("city", None), ("country", None), ("region", None), ("", None),
    ],
)  # fmt: skip
def test_a_header_means_what_it_would_mean_in_a_file(header, meaning):
    assert meaning_of(header) == meaning
