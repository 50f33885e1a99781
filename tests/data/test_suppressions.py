import orjson
import polars as pl
import pytest
import sqlalchemy as sa

from data import suppressions
from data.store.migrate import prepare_store
from data.store.tables import events
from data.store.tables import suppressions as table
from data.suppression_files import import_suppressions
from data.suppressions import SuppressedPeople, Suppression, suppress
from messaging.errors import SourceError
from messaging.sealed import person_key

KEY = b"k" * 32


@pytest.fixture
def store(tmp_path):
    store = prepare_store(f"sqlite:///{tmp_path / 'store.db'}", now=1.0)
    yield store
    store.close()


def entry(person, *, scope="", reason="opted out", msisdn="+447400123456"):
    return Suppression(person_key=person, msisdn=msisdn, reason=reason, source="a test", scope=scope)


def stored(store):
    """(person_key, scope, reason, at) of all."""
    with store.read.connect() as connection:
        columns = (table.c.person_key, table.c.scope, table.c.reason, table.c.at)
        return connection.execute(sa.select(*columns).order_by(*columns)).all()


def told(store):
    """The payloads of the suppressions' events."""
    with store.read.connect() as connection:
        payloads = connection.execute(
            sa.select(events.c.payload).where(events.c.kind == "suppression")
        ).scalars()
        return [orjson.loads(payload) for payload in payloads]


def test_a_suppression_stands_with_its_event(store):
    assert suppress(store, [entry("ann")], 5.0) == 1
    assert stored(store) == [("ann", "", "opted out", 5.0)]
    assert told(store) == [{"person_key": "ann", "scope": "", "reason": "opted out", "source": "a test"}]


def test_an_event_holds_no_number(store):
    suppress(store, [entry("ann", msisdn="+447400123456")], 5.0)
    assert "7400" not in str(told(store))


def test_a_repeated_suppression_changes_nothing_and_is_not_told_again(store):
    suppress(store, [entry("ann", reason="complaint")], 5.0)
    assert suppress(store, [entry("ann"), entry("bob"), entry("bob", reason="later")], 6.0) == 1
    assert stored(store) == [("ann", "", "complaint", 5.0), ("bob", "", "opted out", 6.0)]
    assert len(told(store)) == 2


def test_each_scope_is_a_suppression_of_its_own(store):
    assert suppress(store, [entry("ann", scope="SHOP"), entry("ann")], 5.0) == 2
    assert [scope for _, scope, *_ in stored(store)] == ["", "SHOP"]


def test_nobody_is_no_transaction_that_writes(store):
    assert suppress(store, [], 5.0) == 0
    assert told(store) == []


def test_a_failure_leaves_neither_suppression_nor_event(store, monkeypatch):
    monkeypatch.setattr(suppressions, "_event", lambda entry, now: {"kind": None})
    with pytest.raises(sa.exc.StatementError):
        suppress(store, [entry("ann")], 5.0)
    assert stored(store) == []


def found(store, people, **more):
    """Those of these people who are suppressed."""
    return set(SuppressedPeople(store, **more).among(people)) & set(people.drop_nulls())


def test_people_are_found_in_the_scopes_that_hold_for_a_message(store):
    suppress(store, [entry("ann"), entry("bob", scope="SHOP"), entry("cid", scope="OTHER")], 5.0)
    people = pl.Series(["ann", "bob", "cid", "dan", None, "ann"])
    assert found(store, people) == {"ann"}
    assert found(store, people, scopes=("", "SHOP")) == {"ann", "bob"}
    assert found(store, pl.Series([], dtype=pl.String)) == set()
    assert found(None, people) == set()


@pytest.mark.parametrize("n_suppressed", [3, 40])
@pytest.mark.parametrize("most_kept", [10, 1000])
def test_many_people_are_found_however_long_the_list_is(store, monkeypatch, n_suppressed, most_kept):
    monkeypatch.setattr(suppressions, "KEYS_PER_STATEMENT", 4)
    monkeypatch.setattr(suppressions, "MOST_PEOPLE_KEPT", most_kept)
    suppress(store, [entry(f"p{k}", scope="" if k % 2 else "SHOP") for k in range(n_suppressed)], 5.0)
    people = pl.Series([f"p{k}" for k in range(20)])
    assert found(store, people) == {f"p{k}" for k in range(1, min(n_suppressed, 20), 2)}


def test_a_list_that_was_read_whole_stays_as_it_was_for_the_whole_plan(store, monkeypatch):
    monkeypatch.setattr(suppressions, "KEYS_PER_STATEMENT", 1)
    suppress(store, [entry("ann")], 5.0)
    asked, people = SuppressedPeople(store), pl.Series(["ann", "bob"])
    assert asked.among(people) == {"ann"}
    suppress(store, [entry("bob")], 6.0)
    assert asked.among(people) == {"ann"}


def test_a_file_of_numbers_is_suppressed_with_its_rejects_told(store, tmp_path):
    path = tmp_path / "opt_outs.csv"
    path.write_text(
        "Phone,Since\n07400 123456,2026-01-01\n+44 7400 123456,x\n020 7946 0018,x\nn/a,x\n1,2,3\n"
    )
    done = import_suppressions(store, path, key=KEY, region="GB", reason="old list", now=5.0)
    assert (done.n_rows, done.n_new, done.n_known) == (5, 2, 0)
    assert done.rejects.select("source_row", "rule").rows() == [(5, "not_a_number"), (6, "ragged_row")]
    people = [person_key(KEY, msisdn) for msisdn in ("+447400123456", "+442079460018")]
    assert sorted(stored(store)) == sorted((person, "", "old list", 5.0) for person in people)
    assert {payload["source"] for payload in told(store)} == {"opt_outs.csv"}


def test_a_file_that_is_imported_again_suppresses_nobody_new(store, tmp_path):
    path = tmp_path / "opt_outs.csv"
    path.write_text("phone\n+447400123456\n")
    import_suppressions(store, path, key=KEY, region=None, reason="list", now=5.0)
    again = import_suppressions(store, path, key=KEY, region=None, reason="list", now=9.0)
    assert (again.n_new, again.n_known) == (0, 1)
    assert len(told(store)) == 1


def test_a_file_without_numbers_suppresses_nobody(store, tmp_path):
    path = tmp_path / "opt_outs.csv"
    path.write_text("name,mail\nAnn,a@example.com\n")
    with pytest.raises(SourceError, match=r"^opt_outs.csv: no column looks like a phone number"):
        import_suppressions(store, path, key=KEY, region=None, reason="list", now=5.0)
    assert stored(store) == []
