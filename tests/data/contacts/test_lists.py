"""Lists and tags: made once, filled in bulk, and nobody is in one that is gone."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from data.contacts.editing import delete_contact
from data.contacts.history import read_history
from data.contacts.lists import (
    BadListName,
    UnknownList,
    add_members,
    all_lists,
    delete_list,
    find_list,
    list_id,
    lists_of,
    make_list,
    remove_members,
)
from data.contacts.records import read_contact
from messaging.sealed import person_key


def made(house, name="Spring", kind="list"):
    return house.commit(make_list, kind, name, 1.0)


def members(house, list_no):
    return [
        one for (one,) in house.rows(f"select contact from list_members where list = {list_no} order by 1")
    ]


def names(house, kind="list"):
    """(name, how many are in it) of all."""
    with house.store.read.connect() as connection:
        return [(one.name, one.n_members) for one in all_lists(connection, kind)]


def test_a_list_is_made_once_and_found_by_its_name(house):
    first = made(house)
    assert made(house, " Spring ") == first
    assert house.commit(list_id, "list", "Spring") == first
    assert names(house) == [("Spring", 0)]


def test_a_tag_may_bear_the_name_of_a_list(house):
    assert made(house, "vip", "tag") != made(house, "vip", "list")
    assert (names(house, "tag"), names(house, "list")) == ([("vip", 0)], [("vip", 0)])


def test_an_accent_is_the_same_whether_typed_as_one_character_or_two(house):
    assert made(house, "cafe\u0301") == made(house, "caf\u00e9")


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x00b", "\ud800", "a\u202eb", "x" * 101])
def test_a_name_that_nobody_could_write_again_is_refused(house, name):
    with pytest.raises(BadListName, match="1 to 100 characters"):
        made(house, name)
    assert names(house) == []


def test_a_list_that_is_not_there_is_named_with_those_that_are(house):
    made(house, "Autumn")
    made(house, "Spring")
    with pytest.raises(UnknownList) as raised:
        house.commit(list_id, "list", "Winter")
    assert str(raised.value) == (
        "there is no list 'Winter'; known: Autumn, Spring. `tidings list add NAME` makes one."
    )
    with pytest.raises(UnknownList, match=r"^there is no list 'Sprnig'; did you mean Spring\?$"):
        house.commit(list_id, "list", "Sprnig")
    assert house.commit(find_list, "list", "Sprnig") is None


def test_of_many_lists_a_dozen_are_named(house):
    for n in range(20):
        made(house, f"list {n:02}")
    with pytest.raises(UnknownList, match="list 11 and 8 more"):
        house.commit(list_id, "list", "other")


def test_who_is_in_a_list_already_stays_as_they_were(house):
    ids, spring = house.people(3), made(house)
    assert house.commit(add_members, spring, ids[:2], at=5.0, by="ann") == 2
    assert house.commit(add_members, spring, ids, at=6.0, by="import 2") == 1
    assert house.rows("select contact, added_at, added_by from list_members order by contact") == [
        (1, 5.0, "ann"), (2, 5.0, "ann"), (3, 6.0, "import 2"),
    ]  # fmt: skip
    assert names(house) == [("Spring", 3)]


def test_one_named_twice_is_added_once(house):
    [one], spring = house.people(1), made(house)
    assert house.commit(add_members, spring, [one, one], at=5.0, by="ann") == 1


def test_who_is_no_contact_is_in_no_list(house):
    ids, spring = house.people(2), made(house)
    assert house.commit(add_members, spring, [*ids, 77], at=5.0, by="ann") == 2
    assert members(house, spring) == ids


def test_nobody_is_added_by_no_statement(house):
    assert house.commit(add_members, made(house), [], at=5.0, by="ann") == 0


@pytest.mark.slow
def test_an_import_adds_more_than_a_statement_holds_in_one_call(house):
    ids, spring = house.people(25_000), made(house)
    assert house.commit(add_members, spring, ids, at=5.0, by="import 1") == 25_000
    assert house.commit(add_members, spring, ids, at=6.0, by="import 2") == 0
    assert house.commit(remove_members, spring, ids, at=7.0, by="ann") == 25_000
    assert len(house.changes()) == 50_000


def test_whoever_leaves_takes_along_when_they_came(house):
    ids, spring = house.people(3), made(house)
    house.commit(add_members, spring, ids[:2], at=5.0, by="import 1")
    assert house.changes() == [], "the membership says it"
    assert house.commit(remove_members, spring, ids, at=6.0, by="ann") == 2
    assert members(house, spring) == []
    came, left = {"list": [None, "Spring"]}, {"list": ["Spring", None]}
    assert sorted(house.changes(), key=lambda change: change[:2]) == [
        ("person 1", 5.0, "import 1", "listed", came), ("person 1", 6.0, "ann", "unlisted", left),
        ("person 2", 5.0, "import 1", "listed", came), ("person 2", 6.0, "ann", "unlisted", left),
    ]  # fmt: skip


def history(house, contact):
    """(at, by, kind, fields) of all that is told of one contact."""
    with house.store.read.connect() as connection:
        key = f"person {contact}"
        told = read_history(connection, key, read_contact(connection, key))
    return [(one.at, one.by, one.kind, dict(one.fields)) for one in told]


def in_it(house, contact):
    with house.store.read.connect() as connection:
        return lists_of(connection, contact)


CAME, LEFT = {"list": (None, "Spring")}, {"list": ("Spring", None)}


def test_a_deleted_list_lets_all_of_its_people_go_and_their_history_tells_it(house):
    ids, spring, vip = house.people(5), made(house), made(house, "vip", "tag")
    for one in (spring, vip):
        house.commit(add_members, one, ids, at=5.0, by="import 1")
    house.commit(remove_members, spring, ids[4:], at=5.5, by="bob")
    assert delete_list(house.store, "list", "Spring", at=6.0, by="ann") == 4
    assert (names(house), names(house, "tag")) == ([], [("vip", 5)])
    assert house.commit(find_list, "list", "Spring") is None
    for contact in ids:
        assert in_it(house, contact) == [("tag", "vip")]
        assert history(house, contact)[1:] == [
            (5.0, "import 1", "listed", CAME),
            (5.0, "import 1", "listed", {"tag": (None, "vip")}),
            (5.5, "bob", "unlisted", LEFT) if contact == 5 else (6.0, "ann", "unlisted", LEFT),
        ]


def test_one_name_may_be_deleted_again_and_again_and_each_time_is_told(house):
    [ann], at = house.people(1), iter(range(5, 100))
    for _ in range(3):
        house.commit(add_members, made(house), [ann], at=float(next(at)), by="bob")
        assert delete_list(house.store, "list", "Spring", at=float(next(at)), by="eve") == 1
        with pytest.raises(UnknownList, match="there is no list 'Spring'; known: none"):
            delete_list(house.store, "list", "Spring", at=99.0, by="eve")
    came, left = ("bob", "listed", CAME), ("eve", "unlisted", LEFT)
    assert history(house, ann)[1:] == [
        (5.0, *came), (6.0, *left), (7.0, *came), (8.0, *left), (9.0, *came), (10.0, *left),
    ]  # fmt: skip
    assert in_it(house, ann) == []


def test_whoever_is_deleted_keeps_the_history_of_lists_that_were_deleted_before(house):
    ids = house.people(2)
    house.commit(add_members, made(house), ids, at=5.0, by="bob")
    delete_list(house.store, "list", "Spring", at=6.0, by="eve")
    key = b"k" * 32
    with house.store.write.begin() as connection:
        known = {"old": "person 1", "new": person_key(key, "+447400100001")}
        connection.execute(sa.text("update contacts set person_key = :new where person_key = :old"), known)
    _, n_left = delete_contact(house.store, "+447400100001", key=key, by="cid", now=7.0)
    assert n_left == 0
    with house.store.read.connect() as connection:
        told = [(one.at, one.by, one.kind) for one in read_history(connection, known["new"], None)]
    assert told == [
        (1.0, "import 1", "imported"), (5.0, "bob", "listed"), (6.0, "eve", "unlisted"), (7.0, "cid", "deleted"),
    ]  # fmt: skip
    assert house.rows("select contact from list_members") == [(2,)]


def test_a_deletion_holds_the_store_for_one_row_however_many_are_in_the_list(house):
    house.commit(add_members, made(house), house.people(300), at=5.0, by="import 1")
    written: list[int] = []
    sa.event.listen(
        house.store.write, "after_cursor_execute", lambda _, cursor, *__: written.append(cursor.rowcount)
    )
    assert delete_list(house.store, "list", "Spring", at=6.0, by="ann") == 300
    assert max(written) == 1


def test_an_import_that_still_adds_to_a_deleted_list_fails_and_never_fills_the_next_one(house):
    ids, spring = house.people(2), made(house)
    delete_list(house.store, "list", "Spring", at=6.0, by="ann")
    autumn = made(house, "Autumn")
    assert autumn != spring
    with pytest.raises(UnknownList, match="was deleted meanwhile"):
        house.commit(add_members, spring, ids, at=7.0, by="import 1")
    with pytest.raises(UnknownList, match="was deleted meanwhile"):
        house.commit(remove_members, spring, ids, at=7.0, by="import 1")
    assert (members(house, spring), members(house, autumn)) == ([], [])


@pytest.mark.slow
def test_who_is_added_while_a_list_is_deleted_is_in_none_afterwards(postgres_url):
    """On PostgreSQL two transactions write at once: the deletion waits for the one that adds."""
    from data.store.engine import open_store
    from data.store.tables import metadata
    from tests.data.contacts.conftest import House

    store = open_store(postgres_url)
    metadata.create_all(store.write)
    house = House(store)
    ids, spring = house.people(3), made(house)
    deleted: list[int] = []
    deleter = threading.Thread(
        target=lambda: deleted.append(delete_list(store, "list", "Spring", at=6.0, by="ann"))
    )
    with store.write.begin() as connection:
        add_members(connection, spring, ids, at=5.0, by="import 1")
        deleter.start()
        deleter.join(0.5)
        assert deleter.is_alive()
    deleter.join()
    assert deleted == [3]
    assert names(house) == []
    for contact in ids:
        assert in_it(house, contact) == []
        assert [one[2] for one in history(house, contact)] == ["imported", "listed", "unlisted"]
    store.close()
