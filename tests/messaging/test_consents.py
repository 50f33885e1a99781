import polars as pl
import pytest

from messaging.consents import _NO, _YES, says_no, says_yes


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
