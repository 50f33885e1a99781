"""Stored people as a source, on both kinds of store."""

from __future__ import annotations

import polars as pl
import pytest
import sqlalchemy as sa

from data.contacts.lists import UnknownList
from data.readers.stored_contacts import open_stored_contacts
from data.segments import UnknownSegment, save_segment
from data.store.engine import open_store
from data.store.tables import attributes, contacts, metadata
from messaging.errors import SourceError
from messaging.segment_filter import parse_filter
from tests.data.stored_people import AT, say, store_people

KEY = b"p" * 32
ANN, BOB, ZOE = ({"msisdn": f"+4474001230{n:02}"} for n in (1, 2, 3))


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    """SQLite's is a file: it is written by one engine and read by another."""
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'store.db'}" if is_sqlite else request.getfixturevalue("postgres_url")
    store = open_store(url)
    metadata.create_all(store.write)
    yield store
    store.close()


def read(store, name="customers", kind="list", **more):
    """The contacts as one frame, and the source when it was read."""
    asked = {"now": AT, **more}
    with open_stored_contacts(store, kind, name, **asked) as source:
        return pl.concat([*source.contacts()]), source


def test_stored_people_are_contacts_with_their_fields_and_attributes_in_contact_order(store):
    store_people(
        store,
        KEY,
        [
            {
                **BOB,
                "first_name": "Bob",
                "external_id": "b",
                "language": "en",
                "attributes": {"city": "Köln"},
            },
            {
                **ANN,
                "last_name": "Ott",
                "time_zone": "Europe/London",
                "attributes": {"plan": "basic", "city": ""},
            },
        ],
        to="customers",
    )
    frame, source = read(store)
    assert frame.select("source_row", "msisdn", "region", "number_type", "consent", "external_id").rows() == [
        (1, BOB["msisdn"], "GB", "mobile", None, "b"),
        (2, ANN["msisdn"], "GB", "mobile", None, None),
    ]
    own = ["first_name", "last_name", "language", "time_zone", "city", "plan"]
    assert list(source.headers) == own
    assert source.headers["city"] == "City"
    assert frame.select(own).rows() == [
        ("Bob", None, "en", None, "Köln", None),
        (None, "Ott", None, "Europe/London", None, "basic"),
    ]
    assert (source.n_rows, source.read_as, source.notices, source.rejects.n_rows) == (2, "stored list", [], 0)


def test_a_list_holds_its_members_a_tag_who_bears_it(store):
    store_people(store, KEY, [ANN, BOB], to="customers")
    store_people(store, KEY, [ZOE], to="vip", kind="tag")
    assert read(store)[0]["msisdn"].to_list() == [ANN["msisdn"], BOB["msisdn"]]
    assert read(store, "vip", "tag")[0]["msisdn"].to_list() == [ZOE["msisdn"]]
    with pytest.raises(UnknownList, match="vip"):
        read(store, "vip")


def test_a_segment_holds_whoever_passes_its_filter(store):
    people = [{**ANN, "attributes": {"city": "Leeds"}}, {**BOB, "attributes": {"city": "York"}}, ZOE]
    store_people(store, KEY, people)
    save_segment(store, "north", parse_filter({"all": [{"field": "city", "is": "York"}]}), now=AT, by="Ann")
    frame, source = read(store, "north", "segment")
    assert frame["msisdn"].to_list() == [BOB["msisdn"]]
    assert source.read_as == "stored segment"
    with pytest.raises(UnknownSegment):
        read(store, "south", "segment")


def test_a_number_that_is_none_any_more_stays_with_its_person_and_says_so(store):
    people = [
        {"msisdn": "+447400123001"},
        {"msisdn": "+44740012300199"},
        {"msisdn": "+999123456789", "region": "XX"},
    ]
    store_people(store, KEY, people, to="customers")
    frame, _ = read(store)
    assert frame.select("msisdn", "region", "number_type").rows() == [
        ("+447400123001", "GB", "mobile"),
        ("+44740012300199", "GB", "unknown"),
        ("+999123456789", "XX", "unknown"),
    ]


def test_region_and_type_are_those_of_today(store):
    store_people(store, KEY, [{**ANN, "region": "FR", "number_type": "pager"}], to="customers")
    assert read(store)[0].select("region", "number_type").row(0) == ("GB", "mobile")


def test_the_same_people_are_the_same_source_however_they_are_cut_and_whoever_agrees(store):
    people = [
        {"msisdn": f"+44740012{n:04}", "attributes": {"city": f"Town {n % 3}"}} for n in range(3000, 3040)
    ]
    [*_, last] = store_people(store, KEY, people, to="customers")
    whole, source = read(store)
    cut, again = read(store, rows_per_chunk=7)
    assert cut.equals(whole)
    assert again.fingerprint == source.fingerprint
    say(store, KEY, people[0]["msisdn"], yes=False)
    assert read(store)[1].fingerprint == source.fingerprint
    with store.write.begin() as connection:
        connection.execute(sa.update(contacts).where(contacts.c.contact == last).values(first_name="Zoë"))
    assert read(store)[1].fingerprint != source.fingerprint


def test_two_sources_whose_cells_spell_the_same_on_end_are_two(store):
    store_people(store, KEY, [{**ANN, "first_name": "AB", "last_name": "C"}], to="one")
    store_people(store, KEY, [{**BOB, "first_name": "AB", "last_name": "C"}], to="two")
    with store.write.begin() as connection:
        connection.execute(
            sa.update(contacts)
            .where(contacts.c.msisdn == BOB["msisdn"])
            .values(first_name="A", last_name="BC")
        )
        one = read(store, "one")[1].fingerprint
        connection.execute(
            sa.update(contacts)
            .where(contacts.c.msisdn == ANN["msisdn"])
            .values(first_name="A", last_name="BC")
        )
    assert read(store, "one")[1].fingerprint != one


def test_an_empty_list_is_said_in_one_sentence(store):
    store_people(store, KEY, [], to="customers")
    with pytest.raises(SourceError, match="nobody is in the list 'customers'"):
        read(store)


def test_an_attribute_never_stands_in_the_place_of_a_column_of_ours(store):
    store_people(store, KEY, [{**ANN, "first_name": "Ann", "attributes": {"city": "Leeds"}}], to="customers")
    with store.write.begin() as connection:
        for name in ("msisdn", "first_name", "person_key", "no name", "consent_source"):
            connection.execute(sa.insert(attributes).values(attribute=name, header=name))
    frame, source = read(store)
    assert list(source.headers) == ["first_name", "last_name", "language", "time_zone", "city"]
    assert frame.select("first_name", "msisdn", "city").row(0) == ("Ann", ANN["msisdn"], "Leeds")


def test_broken_attributes_are_said_without_what_stands_in_them(store):
    store_people(store, KEY, [{**ANN, "attributes": {"city": "Leeds"}}], to="customers")
    with store.write.begin() as connection:
        connection.execute(sa.update(contacts).values(attributes='{"city": ["secret"]}'))
    with pytest.raises(SourceError, match="import them again") as raised:
        read(store)
    assert "secret" not in str(raised.value)
