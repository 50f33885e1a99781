import polars as pl
import pytest

from messaging.consents import _NO, _STOPS, _YES, says_no, says_stop, says_stop_for_good, says_yes


def heard(cell):
    consent = pl.Series("consent", [cell], dtype=pl.String)
    return says_yes(consent)[0], says_no(consent)[0]


@pytest.mark.parametrize(
    "cell",
    [
        "yes",
        " Yes ",
        "Y",
        "TRUE",
        "1",
        "1.0",
        "1,0",
        "Opt-In",
        "ja",
        "Oui",
        "SÍ",
        "s\u0069\u0301",
        "да",
        "はい",
    ],
)
def test_a_clear_yes(cell):
    assert heard(cell) == (True, False)


@pytest.mark.parametrize(
    "cell",
    [
        "no",
        "N",
        "false",
        "0",
        "0.0",
        "opt-out",
        "Opted Out",
        "STOP",
        "Nein",
        "non",
        "não",
        "NEJ",
        "нет",
        "いいえ",
        "f",  # PostgreSQL
        "FALSCH",  # as spreadsheets write it in their own language
        "FAUX",
        "FALSO",
        "ЛОЖЬ",
    ],
)
def test_a_clear_no(cell):
    assert heard(cell) == (False, True)


@pytest.mark.parametrize(
    "cell", [None, "", " ", "unknown", "n/a", "?", "2024-05-01", "maybe", "10", "yes but no"]
)
def test_neither(cell):
    assert heard(cell) == (False, False)


def test_no_word_means_both():
    assert not set(_YES.split()) & set(_NO.split())


def stopped(cell):
    cells = pl.Series("dnc", [cell], dtype=pl.String)
    return says_stop(cells)[0], says_stop_for_good(cells)[0]


@pytest.mark.parametrize(
    "cell",
    ["yes", "1", "x", "✓", "2026-03-01", "asked us on the phone", '["sms"]', "DNC", "Do not contact", "blocked", "STOP", "Unsubscribed"],
)  # fmt: skip
def test_a_column_of_opt_outs_says_so_by_whatever_is_no_denial(cell):
    assert stopped(cell) == (True, True)


@pytest.mark.parametrize(
    "cell",
    [None, "", "  ", "[]", "{ }", "no", "N", "FALSE", "0", "0.0", "nein", "нет", "Opted in", "subscribed", "f", "FALSCH"],
)  # fmt: skip
def test_an_empty_cell_and_a_denial_stop_nobody(cell):
    assert stopped(cell) == (False, False)


@pytest.mark.parametrize(
    "cell", ["n/a", "NULL", "unknown", "-", "—", "?", "...", "#NV", "k.A.", "0000-00-00 00:00:00"]
)
def test_what_stands_for_an_empty_cell_stops_nothing_for_good(cell):
    assert stopped(cell) == (True, False)


def test_every_word_for_a_stop_is_a_no_of_a_consent():
    assert set(_STOPS.split()) <= set(_NO.split())
