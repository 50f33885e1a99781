"""Another name for a list, a tag or a segment: what speaks of it follows, and the old name is remembered."""

from __future__ import annotations

import pytest

from data import renames
from data.contacts.lists import BadListName, UnknownList, delete_list, list_id, make_list
from data.former_names import CLOCKS_S, identities, identity_of, read_renames
from data.renames import NameTaken, StillNamed, rename
from data.segments import BadSegmentName, UnknownSegment, count_segment, read_segment, save_segment
from messaging.segment_filter import as_written, parse_filter

NOW = 1_790_000_000.0


@pytest.fixture(autouse=True)
def no_files(tmp_path, monkeypatch):
    """Campaign and import files of this house alone."""
    monkeypatch.setattr(renames, "list_campaigns", lambda: sorted((tmp_path / "campaigns").glob("*.toml")))
    monkeypatch.setattr(renames, "list_imports", lambda: sorted((tmp_path / "imports").glob("*.toml")))
    for folder in ("campaigns", "imports"):
        (tmp_path / folder).mkdir()


def renamed(house, kind, old, new, **more):
    return rename(house.store, kind, old, new, by="eve", now=NOW, **more)


def made(house, name, kind="list"):
    return house.commit(make_list, kind, name, 1.0)


def kept(house, name, definition):
    save_segment(house.store, name, parse_filter(definition), now=1.0, by="bob")


def filter_of(house, name):
    return as_written(read_segment(house.store, name).filter)


@pytest.mark.parametrize("kind", ["list", "tag"])
def test_a_list_keeps_its_number_and_is_found_by_its_new_name(house, kind):
    number = made(house, "spring", kind)
    assert renamed(house, kind, " spring", "summer ").new == "summer"
    assert house.commit(list_id, kind, "summer") == number
    with pytest.raises(UnknownList) as raised:
        house.commit(list_id, kind, "spring")
    assert str(raised.value) == (
        f"there is no {kind} 'spring'; it has been called 'summer' since 2026-09-21, when eve renamed it."
    )
    [told] = house.rows("select who, what, details from audit_log")
    assert told == ("eve", "rename", f'{{"kind":"{kind}","from":"spring","to":"summer"}}')


def test_a_name_that_was_given_up_is_free_for_whoever_means_a_new_list(house):
    """Whoever goes on filling the list by its old name does not: half of its people would be in each."""
    spring = made(house, "spring")
    renamed(house, "list", "spring", "summer")
    with pytest.raises(UnknownList, match=r"called 'summer' since .*`tidings list add` makes a new one"):
        made(house, "spring")
    assert house.commit(make_list, "list", "spring", 2.0, anew=True) != spring
    assert made(house, "spring") != spring  # it is there now
    delete_list(house.store, "list", "spring", at=3.0, by="eve")
    delete_list(house.store, "list", "summer", at=3.0, by="eve")
    assert made(house, "spring") != spring  # nobody fills the other one any more


def test_segments_ask_for_it_by_the_new_name_wherever_they_name_it(house):
    for name in ("spring", "other"):
        made(house, name)
        made(house, name, "tag")
    kept(
        house,
        "north",
        {
            "all": [{"any": [{"list": "spring"}, {"not_in_list": "spring"}, {"list": "other"}]}],
            "not": [{"tag": "spring"}, {"field": "first_name", "is": "spring"}],
        },
    )
    kept(house, "south", {"all": [{"list": "other"}]})
    assert renamed(house, "list", "spring", "summer").segments == ["north"]
    assert filter_of(house, "north") == {
        "all": [{"any": [{"list": "summer"}, {"not_in_list": "summer"}, {"list": "other"}]}],
        "not": [{"tag": "spring"}, {"field": "first_name", "is": "spring"}],
    }
    assert renamed(house, "tag", "spring", "sunny").segments == ["north"]
    assert filter_of(house, "north")["not"][0] == {"tag": "sunny"}
    north, south = read_segment(house.store, "north"), read_segment(house.store, "south")
    assert (north.changed_at, north.changed_by, south.changed_by) == (NOW, "eve", "bob")
    assert count_segment(house.store, north.filter, NOW) == 0


def test_a_segment_keeps_its_filter_under_its_new_name(house):
    made(house, "spring")
    kept(house, "north", {"all": [{"list": "spring"}]})
    assert renamed(house, "segment", "north", "up there").old == "north"
    assert filter_of(house, "up there") == {"all": [{"list": "spring"}]}
    with pytest.raises(
        UnknownSegment, match=r"^there is no segment 'north'; it has been called 'up there' since"
    ):
        read_segment(house.store, "north")


@pytest.mark.parametrize(
    ("kind", "old", "new", "error", "said"),
    [
        ("list", "sprng", "x", UnknownList, r"there is no list 'sprng'; did you mean spring\?"),
        ("list", "spring", "other", NameTaken, "there is a list 'other' already; nothing was renamed"),
        ("list", "spring", " spring", NameTaken, "this list is called 'spring' already"),
        ("list", "spring", "", BadListName, "1 to 100 characters"),
        ("tag", "spring", "x", UnknownList, "there is no tag 'spring'"),
        ("segment", "nord", "x", UnknownSegment, r"there is no segment 'nord'; did you mean north\?"),
        ("segment", "north", "south", NameTaken, "there is a segment 'south' already; nothing was renamed"),
        ("segment", "north", "north", NameTaken, "this segment is called 'north' already"),
        ("segment", "north", "a\nb", BadSegmentName, "stands on one line"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_changes_nothing(house, kind, old, new, error, said):
    for name in ("spring", "other"):
        made(house, name)
    for name in ("north", "south"):
        kept(house, name, {"all": [{"list": "spring"}]})
    with pytest.raises(error, match=said):
        renamed(house, kind, old, new)
    assert house.rows("select count(*) from audit_log") == [(0,)]
    assert house.rows("select name from lists order by name") == [("other",), ("spring",)]
    assert house.rows("select segment from segments order by 1") == [("north",), ("south",)]


FILES = {
    "campaigns/one.toml": '[audience]\nlist = "spring"\n',
    "campaigns/two.toml": '[audience]\nsegment = "spring"\n',
    "campaigns/broken.toml": '[audience\nlist = "spring"\n',
    "imports/three.toml": 'list = " spring"\ntags = ["spring"]\n[source]\nfile = "x.csv"\n',
    "imports/four.toml": 'list = "springs"\n[source]\nfile = "spring"\n',
}


@pytest.mark.parametrize(
    ("kind", "named"),
    [("list", ["one.toml", "three.toml"]), ("tag", ["three.toml"]), ("segment", ["two.toml"])],
)
def test_while_files_have_the_old_name_it_is_renamed_only_anyway(house, tmp_path, kind, named):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    made(house, "spring")
    made(house, "spring", "tag")
    kept(house, "spring", {"all": [{"list": "spring"}]})
    with pytest.raises(
        StillNamed, match=f"nothing was renamed: in data/, .*{named[-1]} names? the {kind} 'spring'"
    ):
        renamed(house, kind, "spring", "summer")
    assert house.rows("select count(*) from audit_log") == [(0,)]
    with pytest.raises((UnknownList, UnknownSegment)):  # before any word on files
        renamed(house, kind, "summer", "spring")
    assert [path.name for path in renamed(house, kind, "spring", "summer", anyway=True).files] == named
    assert {name: (tmp_path / name).read_text() for name in FILES} == FILES


def test_two_who_rename_to_one_name_at_once_leave_one_of_that_name(house, monkeypatch):
    made(house, "spring")
    made(house, "autumn")
    monkeypatch.setattr(renames, "find_list", lambda *_: None)  # as if the other's were not there yet
    renamed(house, "list", "spring", "summer")
    with pytest.raises(NameTaken, match="there is a list 'summer' already"):
        renamed(house, "list", "autumn", "summer")
    assert house.rows("select name from lists order by 1") == [("autumn",), ("summer",)]


def test_a_run_to_the_old_name_is_one_to_the_new_name_however_often_it_changes(house):
    made(house, "a")
    for at, (old, new) in enumerate([("a", "b"), ("b", "c"), ("c", "a")], start=1):
        rename(house.store, "list", old, new, by="eve", now=NOW + at * 1_000)
    with house.store.read.connect() as connection:
        told = read_renames(connection)

    def since(name, after):
        names = identities(told, identity_of("list", name), NOW + after)
        return {one for one in "abcd" if identity_of("list", one) in names}

    assert since("a", 0) == {"a", "b", "c"}
    assert since("b", 1_500) == {"a", "b", "c"}
    assert since("a", 1_000 + CLOCKS_S + 1) == {"a"}  # another list took the name that was free
    assert since("c", 3_500) == {"c"}
    assert since("d", 0) == {"d"}
    assert identities(told, identity_of("tag", "a"), NOW) == {identity_of("tag", "a")}
    assert identities(told, "of a file", NOW) == {"of a file"}


def test_names_follow_each_other_as_they_were_given_although_the_clock_was_set_back_between(house):
    made(house, "a")
    for at, (old, new) in ((30.0, ("a", "b")), (29.0, ("b", "c"))):
        rename(house.store, "list", old, new, by="eve", now=NOW + at)
    with house.store.read.connect() as connection:
        told = read_renames(connection)
    assert identity_of("list", "c") in identities(told, identity_of("list", "a"), NOW)
    with pytest.raises(UnknownList, match="it has been called 'c' since"):
        house.commit(list_id, "list", "a")
