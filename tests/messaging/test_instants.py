from datetime import UTC, datetime

import polars as pl
import pytest

from messaging.instants import are_days, read_instants

DAY = datetime(2026, 4, 3, tzinfo=UTC).timestamp()


def read(*cells):
    return read_instants(pl.Series(cells, dtype=pl.String)).to_list()


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-04-03", DAY),
        (" 2026-04-03 ", DAY),
        ("20260403", DAY),
        ("2026-04-03 14:05", DAY + 14 * 3600 + 300),
        ("2026-04-03T14:05:07Z", DAY + 14 * 3600 + 307),
        ("2026-04-03T14:05:00+02:00", DAY + 12 * 3600 + 300),
        ("2026-04-03T14:05:00.250Z", DAY + 14 * 3600 + 300.25),
        ("3.4.2026", DAY),
        ("03.04.2026 9:05", DAY + 9 * 3600 + 300),
        ("03.04.2026, 14:05:07", DAY + 14 * 3600 + 307),
        ("1775174400", DAY),
        ("1775174400000", DAY),
    ],
)
def test_what_means_one_instant_is_read(written, instant):
    assert read(written) == [instant]


@pytest.mark.parametrize(
    "written",
    [
        "",
        "03/04/2026",
        "3-4-2026",
        "yes",
        "2026",
        "2026-13-01",
        "31.02.2026",
        "26-04-03",
        "177517440",
        "٢٠٢٦-٠٤-٠٣x",
    ],
)
def test_what_does_not_is_nothing(written):
    assert read(written) == [None]


def test_a_column_keeps_its_order_and_its_gaps():
    assert read("2026-04-03", None, "x", "3.4.2026") == [DAY, None, None, DAY]
    assert read() == []


def test_a_day_is_told_from_a_time():
    days = ["2026-04-03", " 3.4.2026 ", "20260403"]
    times = ["2026-04-03 14:05", "2026-04-03T14", "3.4.2026 14:05", "1775225100", "1775225100000"]
    assert are_days(pl.Series([*days, *times])).to_list() == [True] * 3 + [False] * 5
