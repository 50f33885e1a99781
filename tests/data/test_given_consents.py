"""Who has agreed, row by row, looked up or read whole, on both kinds of store."""

from __future__ import annotations

import polars as pl
import pytest

from data import given_consents
from data.given_consents import GivenConsents
from data.store.engine import open_store
from data.store.tables import metadata
from messaging.sealed import person_key
from tests.data.stored_people import say

KEY = b"p" * 32
ANN, BOB, ZOE, EVE = (f"+4474001230{n:02}" for n in range(4))


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    """SQLite's is a file: it is written by one engine and read by another."""
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'store.db'}" if is_sqlite else request.getfixturevalue("postgres_url")
    store = open_store(url)
    metadata.create_all(store.write)
    yield store
    store.close()


def keys(*people):
    return pl.Series(
        [None if person is None else person_key(KEY, person) for person in people], dtype=pl.String
    )


@pytest.mark.parametrize("is_whole", [False, True])
def test_the_latest_word_counts_if_it_is_a_yes_to_this_purpose(store, monkeypatch, is_whole):
    if is_whole:
        monkeypatch.setattr(given_consents, "KEYS_PER_STATEMENT", 0)
        monkeypatch.setattr(given_consents, "_ROWS_AT_ONCE", 1)
    say(store, KEY, ANN, yes=True, at=1_700_000_000.0)
    say(store, KEY, BOB, yes=True)  # nobody says when
    say(store, KEY, BOB, yes=True, at=5.0, purpose="news")
    say(store, KEY, ZOE, yes=True, at=1.0)
    say(store, KEY, ZOE, yes=False, at=2.0)
    given = GivenConsents(store, "marketing")
    assert given.of(keys(EVE, BOB, ANN, None, ZOE, BOB)).rows() == [
        (None, None, None),
        ("web shop", None, "form 12"),
        ("web shop", 1_700_000_000.0, "form 12"),
        (None, None, None),
        (None, None, None),
        ("web shop", None, "form 12"),
    ]
    assert given.of(keys(EVE)).rows() == [(None, None, None)]
    assert given.of(keys()).rows() == []
    assert GivenConsents(store, "news").of(keys(ANN, BOB))["consent_at"].to_list() == [None, 5.0]
    assert GivenConsents(store, "nothing").of(keys(ANN)).rows() == [(None, None, None)]


def test_without_a_store_nobody_has_agreed():
    assert GivenConsents(None, "marketing").of(keys(ANN)).rows() == [(None, None, None)]


def test_many_people_are_found_as_few_are(store, monkeypatch):
    people = [f"+44740012{n:04}" for n in range(3000, 3100)]
    for msisdn in people[::3]:
        say(store, KEY, msisdn, yes=True, at=float(msisdn[-4:]))
    few = GivenConsents(store, "marketing").of(keys(*people))
    monkeypatch.setattr(given_consents, "KEYS_PER_STATEMENT", 0)
    many = GivenConsents(store, "marketing").of(keys(*people))
    assert many.equals(few)
    assert many["consent_at"].drop_nulls().to_list() == [float(msisdn[-4:]) for msisdn in people[::3]]
