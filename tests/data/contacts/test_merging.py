"""What a row changes of a contact, field by field; and that the store is held for a moment only."""

from __future__ import annotations

import pytest

from data.contacts.merging import MergeRules, merged

STORED = {"first_name": "Ann", "last_name": None, "city": "Leeds", "note": ""}
FILE, KEEP_CITY, STORED_WINS = MergeRules(), MergeRules(keep=frozenset({"city"})), MergeRules(file_wins=False)


@pytest.mark.parametrize(
    ("row", "rules", "changes"),
    [
        ({}, FILE, {}),
        ({"first_name": "Ann", "city": "Leeds"}, FILE, {}),
        ({"first_name": "Anna"}, FILE, {"first_name": ("Ann", "Anna")}),
        ({"first_name": "Anna"}, STORED_WINS, {}),
        (
            {"last_name": "Lee", "plan": "gold"},
            STORED_WINS,
            {"last_name": (None, "Lee"), "plan": (None, "gold")},
        ),
        ({"city": "York", "first_name": "Anna"}, KEEP_CITY, {"first_name": ("Ann", "Anna")}),
        ({"note": "x"}, STORED_WINS, {"note": ("", "x")}),
        ({"note": "x"}, MergeRules(keep=frozenset({"note"})), {"note": ("", "x")}),
    ],
)
def test_what_a_row_changes(row, rules, changes):
    assert merged(STORED, row, rules) == changes


def test_rules_are_told_apart_by_their_words():
    words = {str(rules) for rules in (FILE, KEEP_CITY, STORED_WINS, MergeRules(keep=frozenset({"note"})))}
    assert len(words) == 4
    assert str(MergeRules(keep=frozenset({"a", "b"}))) == str(MergeRules(keep=frozenset({"b", "a"})))
