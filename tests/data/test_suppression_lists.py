"""The list of suppressions as people see it, on both kinds of store."""

from __future__ import annotations

import io

import pytest

from data import suppressions
from data.store.engine import open_store
from data.store.tables import metadata
from data.suppression_files import export_suppressions, import_suppressions
from data.suppressions import (
    NotSuppressed,
    Suppression,
    all_suppressions,
    count_suppressions,
    latest_suppressions,
    lift_suppression,
    suppress,
    suppressions_of,
)

KEY = b"k" * 32
A, B = "a" * 32, "b" * 32


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    is_sqlite = request.param == "sqlite"
    store = open_store(
        f"sqlite:///{tmp_path / 'store.db'}" if is_sqlite else request.getfixturevalue("postgres_url")
    )
    metadata.create_all(store.write)
    people = [(A, "", "STOP", 3.0), (A, "SHOP", "by hand", 1.0), (B, "", "STOP", 2.0)]
    entries = [
        Suppression(person_key=person, msisdn=None, reason=reason, source="x", scope=scope, at=at)
        for person, scope, reason, at in people
    ]
    suppress(store, entries, 9.0)
    yield store
    store.close()


def places(found):
    return [(one.person_key, one.scope) for one in found]


def test_the_newest_come_first(store):
    assert places(latest_suppressions(store, scope=None, most=2)) == [(A, ""), (B, "")]
    assert places(latest_suppressions(store, scope="SHOP", most=2)) == [(A, "SHOP")]


def test_they_are_counted_by_scope_and_reason(store):
    assert count_suppressions(store, scope=None) == {("", "STOP"): 2, ("SHOP", "by hand"): 1}
    assert count_suppressions(store, scope="SHOP") == {("SHOP", "by hand"): 1}


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_pages_hold_everybody_once(store, monkeypatch, size):
    monkeypatch.setattr(suppressions, "KEYS_PER_STATEMENT", size)
    pages = list(all_suppressions(store))
    assert max(map(len, pages)) <= size
    assert places(one for page in pages for one in page) == [(A, ""), (A, "SHOP"), (B, "")]


def test_one_is_lifted_and_the_others_of_the_person_stay(store):
    assert lift_suppression(store, A, "", by="Eve", why="she asked", now=10.0).reason == "STOP"
    with store.read.connect() as connection:
        assert places(suppressions_of(connection, A)) == [(A, "SHOP")]
    with pytest.raises(NotSuppressed, match=r"everywhere; it is for the sender ID or account SHOP"):
        lift_suppression(store, A, "", by="Eve", why="again", now=11.0)
    with pytest.raises(NotSuppressed, match=r"^this number is not suppressed\.$"):
        lift_suppression(store, "c", "", by="Eve", why="again", now=11.0)


def test_an_export_of_keys_imports_as_it_was(store, tmp_path):
    written = io.BytesIO()
    assert export_suppressions(store, written) == 3
    file = tmp_path / "list.csv"
    file.write_bytes(written.getvalue())
    before = latest_suppressions(store, scope=None, most=9)
    lift_suppression(store, B, "", by="Eve", why="x", now=10.0)
    imported = import_suppressions(store, file, key=KEY, region=None, now=12.0)
    assert (imported.n_new, imported.n_known, imported.rejects.height) == (1, 2, 0)
    assert latest_suppressions(store, scope=None, most=9) == before
