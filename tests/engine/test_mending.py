"""rejects.csv, mended in a spreadsheet, is a source like any other."""

import csv

import pytest

from engine.freeze import freeze
from tests.engine.planning import KEYS, NOW

PEOPLE = """Mobile;First Name;Column;Price
07400 123001;Ann;a;1
07400 12300O;=Bob;b;+2 EUR
;Cy;c;'-3
07400 123004;too;much;in;it
n/a;"Dee; Dr.";d;4
"""


@pytest.fixture
def rejects(desk):
    desk.source(PEOPLE)
    plan = desk.plan("Hi {{ first_name }} {{ column }} {{ price }}")
    run = freeze(plan, desk.run(), store=desk.store, keys=KEYS, var_dir=desk.var_dir, now=NOW)
    return desk.var_dir / str(run.folder) / "rejects.csv"


def table(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_rejects_carry_the_sources_own_columns_and_run_nothing(rejects):
    header, *rows = table(rejects)
    assert header == [
        "source_row", "column", "raw_value", "rule", "sentence", "Mobile", "First Name", "Column", "Price"
    ]  # fmt: skip
    assert [(row[0], row[1], row[2], row[3], *row[5:]) for row in rows] == [
        ("3", "Mobile", "07400 12300O", "letters_in_number", "07400 12300O", "'=Bob", "b", "'+2 EUR"),
        ("4", "Mobile", "", "no_number", "", "Cy", "c", "''-3"),
        ("5", "", "07400 123004;too;much;in;it", "ragged_row", "", "", "", ""),
        ("6", "Mobile", "n/a", "not_a_number", "n/a", "Dee; Dr.", "d", "4"),
    ]
    assert all(row[4] for row in rows)


def test_a_mended_file_is_planned_as_if_its_rows_had_been_right(desk, rejects):
    header, *rows = table(rejects)
    rows[0][5], rows[1][5] = "07400 123002", "07400 123003"
    with (desk.base / "people.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    plan = desk.plan("Hi {{ first_name }} {{ column }} {{ price }}")
    assert plan.messages.frame.select("msisdn", "text").rows() == [
        ("+447400123002", "Hi =Bob b +2 EUR"),
        ("+447400123003", "Hi Cy c '-3"),
    ]
    # What nobody mended is a reject again, and nobody's cell has moved into another's.
    assert plan.rejects.frame.select("source_row", "rule").rows() == [(4, "no_number"), (5, "not_a_number")]
    assert "people.csv is a file of rejects: its first 5 columns were left out." in plan.summary.notices
    assert plan.summary.source_rows == 4
