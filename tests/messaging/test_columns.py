"""What one header by itself is about. How the columns of a whole file are chosen: test_contacts.py."""

from __future__ import annotations

import pytest

from messaging.columns import choose_columns, meaning_of


@pytest.mark.parametrize(
    ("header", "meaning"),
    [
        ("phone", "phone"), ("Mobile", "phone"), ("msisdn", "phone"), ("Handynummer", "phone"),
        ("home phone", None), ("phone type", None), ("number", None),
        ("first_name", "first_name"), ("Vorname", "first_name"), ("Prénom", "first_name"), ("surname", "last_name"),
        ("Sprache", "language"), ("tz", "time_zone"), ("Kundennummer", "external_id"), ("external_id", "external_id"),
        ("SMS consent", "consent"), ("opted out", "opt_out"), ("optin_date", None),
        ("unsubscribed", "opt_out"), ("Widerspruch", "opt_out"), ("SMS Opt-Out", "opt_out"), ("stop date", "opt_out"),
        ("DNC", "do_not_contact"), ("do_not_contact", "do_not_contact"), ("Do not text", "do_not_contact"),
        ("Blacklisted", "do_not_contact"), ("isBlocked", "do_not_contact"), ("SMS blocked", "do_not_contact"),
        ("Stop", "do_not_contact"), ("dnc_date", "do_not_contact"), ("Kontaktsperre", "do_not_contact"),
        ("Ne pas contacter", "do_not_contact"), ("mobile dnc", "do_not_contact"), ("suppressed", "do_not_contact"),
        ("Person - Do not contact", "do_not_contact"), ("Bitte nicht kontaktieren", "do_not_contact"),
        ("SMS: do not text", "do_not_contact"), ("Werbesperre", "do_not_contact"), ("Robinsonliste", "do_not_contact"),
        ("do not contact by phone", None), ("do not contact: mobile number", "do_not_contact"),
        ("do not contact by e-mail", None), ("phone dnc", None), ("do not call", None), ("account blocked", None),
        ("blocked_amount", None), ("blocked by", None), ("unblocked", None),
        ("points", None), ("city", None), ("country", None), ("region", None), ("", None),
    ],
)  # fmt: skip
def test_a_header_means_what_it_would_mean_in_a_file(header, meaning):
    assert meaning_of(header) == meaning


def test_a_column_of_people_who_want_no_text_is_their_number_only_where_no_other_is():
    assert choose_columns(["Do not contact by phone", "phone"]).phone == "phone"
    assert choose_columns(["name", "Suppressed phone numbers"]).phone == "Suppressed phone numbers"
