"""Contacts by hand: who they are is their number, every change is told with who made it, and deleting forgets nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from data.contacts.editing import (
    Agreement,
    AlreadyContact,
    NewContact,
    NoContact,
    WasForgotten,
    add_contact,
    delete_contact,
    edit_contact,
    list_people,
)
from data.contacts.history import Change, read_history
from data.contacts.lists import UnknownList, all_lists, make_list
from data.contacts.records import Wanted, find_contacts, read_contact
from data.contacts.standing import read_standings
from data.store.tables import contacts
from data.suppressions import Suppression, lift_suppression, suppress
from messaging.contact_fields import BadField
from messaging.one_number import parse_number
from messaging.sealed import person_key

KEY = b"k" * 32
ANN, BOB = "+447400123456", "+447400123457"


def add(house, msisdn=ANN, *, by="ann", now=10.0, **more):
    new = NewContact(number=parse_number(msisdn), **more)
    return add_contact(house.store, new, key=KEY, by=by, now=now)


def edit(house, msisdn=ANN, *, by="bob", now=20.0, **more):
    return edit_contact(house.store, msisdn, key=KEY, by=by, now=now, **more)


def delete(house, msisdn=ANN, *, by="cid", now=30.0):
    return delete_contact(house.store, msisdn, key=KEY, by=by, now=now)


def put_into(house, name, *msisdns, kind="list", by="bob", now=20.0, out=False):
    return list_people(house.store, kind, name, msisdns, key=KEY, by=by, now=now, out=out)


def stored(house, msisdn=ANN):
    with house.store.read.connect() as connection:
        return read_contact(connection, person_key(KEY, msisdn))


def history(house, msisdn=ANN):
    with house.store.read.connect() as connection:
        person = person_key(KEY, msisdn)
        found = read_history(connection, person, read_contact(connection, person))
    return [(change.at, change.by, change.kind, dict(change.fields)) for change in found]


def standing(house, msisdn=ANN):
    with house.store.read.connect() as connection:
        person = person_key(KEY, msisdn)
        return read_standings(connection, [person])[person]


def imported(house, msisdn=ANN, **fields):
    """A contact as an import leaves it."""
    row = {
        "person_key": person_key(KEY, msisdn), "msisdn": msisdn, "region": "GB", "number_type": "mobile",
        "attributes": "{}", "source_hash": 77, "created_at": 5.0, "changed_at": 5.0, "changed_by": "import 1", **fields,
    }  # fmt: skip
    with house.store.write.begin() as connection:
        connection.execute(sa.insert(contacts), row)


def test_a_contact_is_added_with_its_fields_under_the_names_that_a_file_would_give_them(house):
    written = add(
        house, fields={"Vorname": "Ann", "tz": "europe/london", "Kundennummer": "K1", "Shoe Size": "38"}
    )
    contact = stored(house)
    assert written.contact == contact
    assert (contact.msisdn, contact.region, contact.number_type) == (ANN, "GB", "mobile")
    assert contact.fields == {
        "external_id": "K1", "first_name": "Ann", "time_zone": "Europe/London", "shoe_size": "38",
    }  # fmt: skip
    assert (contact.created_at, contact.changed_by, contact.source_hash) == (10.0, "ann", None)
    assert written.new_attributes == ["shoe_size"]
    assert house.rows("select attribute, header from attributes") == [("shoe_size", "Shoe Size")]
    assert history(house) == [
        (10.0, "ann", "added", {name: (None, value) for name, value in contact.fields.items()})
    ]


def test_a_change_is_written_with_no_number(house):
    house.commit(make_list, "list", "Spring", 1.0)
    add(house, fields={"city": "Leeds"}, lists=["Spring"])
    edit(house, put={"city": "York"})
    delete(house)
    assert "7400" not in str(house.changes())


def test_a_second_time_is_refused_and_changes_nothing(house):
    add(house, fields={"city": "Leeds"})
    with pytest.raises(AlreadyContact) as raised:
        add(house, fields={"shoe": "38"}, tags=["vip"], now=11.0)
    assert str(raised.value).startswith("+4474…456 is a contact already, so nothing was changed")
    assert stored(house).fields == {"city": "Leeds"}
    assert (len(history(house)), house.rows("select * from lists")) == (1, [])
    assert house.rows("select attribute from attributes") == [("city",)]


def test_lists_must_be_there_and_tags_are_made_by_their_first_use(house):
    house.commit(make_list, "list", "Spring", 1.0)
    with pytest.raises(UnknownList, match="no list 'Sprnig'; did you mean Spring"):
        add(house, lists=["Sprnig"], tags=["vip"])
    assert (stored(house), house.rows("select kind, name from lists")) == (None, [("list", "Spring")])
    add(house, lists=["Spring", "Spring"], tags=["vip"])
    with house.store.read.connect() as connection:
        found = [
            (one.kind, one.name, one.n_members)
            for kind in ("list", "tag")
            for one in all_lists(connection, kind)
        ]
    assert found == [("list", "Spring", 1), ("tag", "vip", 1)]
    assert [(kind, fields) for _, _, kind, fields in history(house)] == [
        ("added", {}), ("listed", {"list": (None, "Spring")}), ("listed", {"tag": (None, "vip")}),
    ]  # fmt: skip


def test_what_the_person_said_is_recorded_with_them(house):
    add(house, agreement=Agreement(purpose="marketing", is_given=True, evidence="card of 3 May"))
    [consent] = standing(house).consents
    assert (consent.purpose, consent.is_given, consent.at, consent.source, consent.evidence, consent.by) == (
        "marketing", True, 10.0, "by hand", "card of 3 May", "ann",
    )  # fmt: skip
    assert standing(house).has_said_yes("marketing")
    assert not standing(house).has_said_yes("reminders")


def test_a_no_suppresses_at_once(house):
    written = add(house, agreement=Agreement(purpose="marketing", is_given=False))
    assert standing(house).why_not(written.contact, "marketing") == "said no to marketing"
    assert standing(house).why_not(written.contact, "reminders") is None


def test_a_suppressed_person_may_be_a_contact_and_stays_suppressed(house):
    person = person_key(KEY, ANN)
    entry = Suppression(person_key=person, msisdn=ANN, reason="opted out", source="reply")
    suppress(house.store, [entry], 5.0)
    written = add(house, agreement=Agreement(purpose="marketing", is_given=True))
    assert standing(house).why_not(written.contact, "marketing") == "suppressed (opted out)"


def test_a_landline_is_a_contact_that_gets_no_text(house):
    written = add(house, "+442079460018")
    assert standing(house, "+442079460018").why_not(written.contact, "marketing") == (
        "no mobile number (fixed line)"
    )


def test_whoever_was_forgotten_is_not_stored_again(house):
    entry = Suppression(person_key=person_key(KEY, ANN), msisdn=None, reason="forgotten", source="forget")
    suppress(house.store, [entry], 5.0)
    with pytest.raises(WasForgotten, match=r"^\+4474…456 asked to be forgotten"):
        add(house, fields={"city": "Leeds"})
    assert (stored(house), history(house)) == (None, [])
    lift_suppression(house.store, entry.person_key, "", by="eve", why="came back", now=6.0)
    assert add(house).contact.msisdn == ANN


def test_an_edit_sets_some_fields_takes_others_and_tells_both(house):
    add(house, fields={"first_name": "Ann", "city": "Leeds", "plan": "gold"})
    written = edit(house, put={"First Name": "Anna", "city": "Leeds", "pet": "cat"}, take=["plan"])
    assert written.contact == stored(house)
    assert written.contact.fields == {"first_name": "Anna", "city": "Leeds", "pet": "cat"}
    assert written.changed == {"first_name": ("Ann", "Anna"), "pet": (None, "cat"), "plan": ("gold", None)}
    assert written.new_attributes == ["pet"]
    assert history(house)[1] == (20.0, "bob", "edited", written.changed)
    assert (written.contact.created_at, written.contact.changed_at, written.contact.changed_by) == (
        10.0, 20.0, "bob",
    )  # fmt: skip


def test_an_edit_that_changes_nothing_leaves_no_trace(house):
    imported(house, first_name="Ann")
    assert edit(house, put={"first_name": "Ann"}, take=["last_name"]).changed == {}
    assert (stored(house).source_hash, stored(house).changed_by) == (77, "import 1")
    assert house.changes() == []


def test_an_edit_by_hand_parts_the_contact_from_the_row_it_came_from(house):
    imported(house, first_name="Ann")
    assert history(house) == [(5.0, "import 1", "imported", {})]
    edit(house, put={"first_name": "Anna"})
    assert stored(house).source_hash is None
    assert history(house) == [
        (5.0, "import 1", "imported", {}),
        (20.0, "bob", "edited", {"first_name": ("Ann", "Anna")}),
    ]


@pytest.mark.parametrize("header", ["phone", "Mobile", "msisdn", "Handynummer"])
def test_a_number_is_never_edited(house, header):
    add(house)
    with pytest.raises(BadField, match=r"add the new number .* delete the old one"):
        edit(house, put={header: BOB})
    with pytest.raises(BadField):
        edit(house, take=[header])
    assert (stored(house).msisdn, len(history(house))) == (ANN, 1)


@pytest.mark.parametrize(
    ("put", "take", "said"),
    [
        ({"consent": "yes"}, [], "consent: what a person agreed to"),
        ({"opted out": "yes"}, [], "opted out: what a person agreed to"),
        ({"dnc": "yes"}, [], "dnc: it is no field; `tidings suppress add NUMBER`"),
        ({"!": "x"}, [], "cannot be the name of a field"),
        ({"city": ""}, [], "city: an empty value"),
        ({"tz": "Berlin"}, [], "time_zone: write it by its IANA name"),
        ({"Vorname": "A", "first name": "B"}, [], "first_name: it is set twice"),
        ({"city": "York"}, ["city"], "city: it cannot be set and taken away at once"),
        ({}, ["town"], "town: the contact has no such field, so nothing was changed (it has: first_name, city)"),
    ],
)  # fmt: skip
def test_what_cannot_be_set_is_refused_in_one_sentence_and_nothing_is_changed(house, put, take, said):
    add(house, fields={"first_name": "Ann", "city": "Leeds"})
    before = stored(house)
    with pytest.raises(BadField) as raised:
        edit(house, put=put, take=take)
    assert said in str(raised.value)
    assert stored(house) == before


def test_an_attribute_that_an_import_named_like_a_number_can_still_be_changed(house):
    imported(house, attributes='{"mobile": "+49 30 1"}')
    assert edit(house, take=["mobile"]).contact.fields == {}


def test_whoever_is_no_contact_cannot_be_edited_or_deleted(house):
    for change in (edit, delete):
        with pytest.raises(NoContact, match=r"^\+4474…456 is no contact, so nothing was changed"):
            change(house)


def test_a_deleted_contact_leaves_its_lists_and_keeps_its_history(house):
    house.commit(make_list, "list", "Spring", 1.0)
    imported(house, first_name="Ann", attributes='{"city": "Leeds"}')
    put_into(house, "Spring", ANN)
    put_into(house, "vip", ANN, kind="tag")
    contact, n_lists = delete(house)
    assert (contact.fields, n_lists, stored(house)) == ({"first_name": "Ann", "city": "Leeds"}, 2, None)
    assert house.rows("select * from list_members") == []
    assert history(house) == [
        (5.0, "import 1", "imported", {}),
        (20.0, "bob", "listed", {"list": (None, "Spring")}),
        (20.0, "bob", "listed", {"tag": (None, "vip")}),
        (30.0, "cid", "unlisted", {"list": ("Spring", None)}),
        (30.0, "cid", "unlisted", {"tag": ("vip", None)}),
        (30.0, "cid", "deleted", {"first_name": ("Ann", None), "city": ("Leeds", None)}),
    ]


def test_deleting_forgets_neither_suppressions_nor_consents(house):
    written = add(house, agreement=Agreement(purpose="marketing", is_given=False))
    before = standing(house)
    delete(house)
    assert standing(house) == before
    again = add(house, now=40.0).contact
    assert standing(house).why_not(again, "marketing") == "said no to marketing"
    assert [kind for _, _, kind, _ in history(house)] == ["added", "deleted", "added"]
    assert again.person_key == written.contact.person_key


def test_people_are_put_into_a_list_all_or_nobody(house):
    house.commit(make_list, "list", "Spring", 1.0)
    add(house)
    with pytest.raises(NoContact, match=r"^\+4474…457 is no contact, so nothing was changed"):
        put_into(house, "Spring", ANN, BOB)
    with pytest.raises(NoContact, match=r"^\+4474…457 and 1 more are no contacts"):
        put_into(house, "Spring", ANN, BOB, "+447400123458")
    assert house.rows("select * from list_members") == []
    add(house, BOB)
    assert put_into(house, "Spring", ANN, BOB, ANN) == 2
    assert put_into(house, "Spring", ANN) == 0
    assert put_into(house, "Spring", ANN, out=True) == 1
    assert put_into(house, "Spring", ANN, out=True) == 0


def test_nobody_is_taken_out_of_a_tag_that_is_not_there(house):
    add(house)
    with pytest.raises(UnknownList, match="no tag 'vip'"):
        put_into(house, "vip", ANN, kind="tag", out=True)
    assert house.rows("select * from lists") == []


def found(house, **wanted):
    with house.store.read.connect() as connection:
        return [one.msisdn for one in find_contacts(connection, Wanted(**wanted), most=50)]


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("müller", True), ("MÜLLER", True), ("Özgür", True), ("özgür", True), ("özgür müller", True), ("lle", True),
        ("K-1", True), ("k-1", True), ("07400 123", True), ("+44 7400-123456", True), ("123", True), (" Müller ", True),
        ("Muller", False), ("%", False), ("_", False), ("!", False), ("12", False), ("7400 999", False),
    ],
)  # fmt: skip
def test_a_contact_is_found_by_part_of_its_name_number_or_id(house, text, is_found):
    add(house, fields={"first_name": "Özgür", "last_name": "Müller", "external_id": "K-1"})
    add(house, "+4915112345670")
    assert (ANN in found(house, text=text)) is is_found


def test_contacts_are_found_by_list_and_tag_and_text_together(house):
    spring = house.commit(make_list, "list", "Spring", 1.0)
    vip = house.commit(make_list, "tag", "vip", 1.0)
    for n in range(8):
        lists, tags = ["Spring"] * (n & 1), ["vip"] * (n >> 1 & 1)
        add(house, f"+44740012345{n}", fields={"first_name": f"name{n >> 2}"}, lists=lists, tags=tags)
    assert len(found(house)) == 8
    assert found(house, list_no=spring) == [f"+44740012345{n}" for n in (1, 3, 5, 7)]
    assert found(house, tag_no=vip) == [f"+44740012345{n}" for n in (2, 3, 6, 7)]
    assert found(house, list_no=spring, tag_no=vip, text="NAME1") == ["+447400123457"]


def test_a_change_that_fails_half_way_leaves_nothing(house, monkeypatch):
    house.commit(make_list, "list", "Spring", 1.0)

    def fail(*_args, **_more):
        raise RuntimeError

    monkeypatch.setattr("data.contacts.editing.record_consents", fail)
    with pytest.raises(RuntimeError):
        add(house, lists=["Spring"], tags=["vip"], agreement=Agreement(purpose="marketing", is_given=True))
    assert (stored(house), house.changes()) == (None, [])
    assert house.rows("select contact from list_members") == []


def test_a_written_change_reads_back_as_it_was(house):
    add(house, fields={"note": 'a "quoted"\nline, naïve 🙂'})
    with house.store.read.connect() as connection:
        [change] = read_history(connection, person_key(KEY, ANN), None)
    assert change == Change(
        at=10.0, by="ann", kind="added", fields={"note": (None, 'a "quoted"\nline, naïve 🙂')}
    )


def test_edits_at_the_same_time_lose_none_of_each_other(house):
    add(house)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: edit(house, put={f"field_{n}": str(n)}, now=20.0 + n), range(24)))
    assert stored(house).fields == {f"field_{n}": str(n) for n in range(24)}
    told = {name: after for *_, fields in history(house)[1:] for name, (_, after) in fields.items()}
    assert told == stored(house).fields


def test_of_two_who_add_the_same_person_at_once_one_is_told(house):
    def try_to_add(n):
        try:
            return add(house, by=f"person {n}", tags=["a", "b"] if n % 2 else ["b", "a"]).contact.changed_by
        except AlreadyContact:
            return None

    with ThreadPoolExecutor(6) as pool:
        added = [by for by in pool.map(try_to_add, range(12)) if by is not None]
    assert added == [stored(house).changed_by]
    assert [kind for _, _, kind, _ in history(house)] == ["added", "listed", "listed"]
