"""Lists and tags: made once, filled in bulk, and nobody is in one that is gone."""

from __future__ import annotations

import threading

import pytest

from data.contacts import lists
from data.contacts.lists import (
    BadListName,
    UnknownList,
    add_members,
    all_lists,
    delete_list,
    find_list,
    list_id,
    make_list,
    remove_members,
)


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


def test_a_deleted_list_lets_its_people_go_in_slices(house, monkeypatch):
    monkeypatch.setattr(lists, "FIRST_SLICE", 2)
    monkeypatch.setattr(lists, "SLICE_S", 0.0)
    ids, spring, vip = house.people(5), made(house), made(house, "vip", "tag")
    for one in (spring, vip):
        house.commit(add_members, one, ids, at=5.0, by="import 1")
    pauses: list[float] = []
    assert delete_list(house.store, "list", "Spring", at=6.0, by="ann", pause=pauses.append) == 5
    assert len(pauses) == 3
    assert (names(house), names(house, "tag")) == ([], [("vip", 5)])
    assert [change[0] for change in house.changes() if change[3] == "unlisted"] == [
        f"person {n}" for n in ids
    ]


def test_a_deletion_that_was_cut_off_is_finished_by_asking_again(house, monkeypatch):
    monkeypatch.setattr(lists, "FIRST_SLICE", 2)
    monkeypatch.setattr(lists, "SLICE_S", 0.0)
    ids, spring = house.people(5), made(house)
    house.commit(add_members, spring, ids, at=5.0, by="import 1")

    def cut_off(_seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        delete_list(house.store, "list", "Spring", at=6.0, by="ann", pause=cut_off)
    assert names(house) == [("Spring", 3)]
    assert delete_list(house.store, "list", "Spring", at=7.0, by="ann") == 3
    assert (names(house), members(house, spring)) == ([], [])


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
    assert house.rows("select * from list_members") == house.rows("select * from lists") == []
    store.close()
