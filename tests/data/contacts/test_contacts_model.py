"""Whatever is done to contacts by hand and by imports: who is in which list, and what the history tells, is as a plain
model says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from data.contacts.editing import (
    AlreadyContact,
    NewContact,
    NoContact,
    add_contact,
    delete_contact,
    edit_contact,
    list_people,
)
from data.contacts.history import read_history
from data.contacts.lists import UnknownList, all_lists, delete_list, list_id, make_list
from data.contacts.merging import Import, MergeRules, Merging
from data.contacts.records import Wanted, find_contacts, read_contact
from data.renames import NameTaken, rename
from data.store.engine import Store, open_store
from data.store.tables import metadata
from messaging.contact_fields import BadField
from messaging.incoming import INCOMING
from messaging.one_number import Number
from messaging.sealed import person_key

KEY = b"k" * 32
PEOPLE = [f"+44740012345{n}" for n in range(4)]
NAMES = ["first_name", "city", "plan"]
LISTS = [("list", "Spring"), ("list", "Autumn"), ("list", "Summer"), ("tag", "vip"), ("tag", "Spring")]

people = st.sampled_from(PEOPLE)
fields = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["a", "b", "ü"]), max_size=3)
lists = st.sampled_from(LISTS)


class Contacts(RuleBasedStateMachine):
    """The model: fields of each contact, members of each list, and the lines of each person's history."""

    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.fields: dict[str, dict[str, str]] = {}
        self.members: dict[tuple[str, str], set[str]] = {("list", "Spring"): set()}
        self.told: dict[str, list[tuple[str, dict[str, Any]]]] = {person: [] for person in PEOPLE}
        self.renames: list[tuple[str, str, str]] = []
        with self.store.write.begin() as connection:
            make_list(connection, "list", "Spring", self.now)

    def later(self) -> float:
        self.now += 1.0
        return self.now

    def tell(self, person: str, kind: str, **changed: Any) -> None:
        self.told[person].append((kind, changed))

    @rule(person=people, put=fields, places=st.sets(lists))
    def add(self, person, put, places):
        new = NewContact(
            number=Number(person, "GB", "mobile"),
            fields=put,
            lists=[name for kind, name in sorted(places) if kind == "list"],
            tags=[name for kind, name in sorted(places) if kind == "tag"],
        )
        missing = {place for place in places if place[0] == "list"} - self.members.keys()
        given_up = {place for place in places if self.is_given_up(place)}
        if person in self.fields or missing or given_up:
            with pytest.raises((AlreadyContact, UnknownList)):
                add_contact(self.store, new, key=KEY, by="ann", now=self.later())
            return
        add_contact(self.store, new, key=KEY, by="ann", now=self.later())
        self.fields[person] = dict(put)
        self.tell(person, "added", **{name: (None, value) for name, value in put.items()})
        for place in places:
            self.join(place, person)

    def join(self, place, person):
        members = self.members.setdefault(place, set())
        if person not in members:
            members.add(person)
            self.tell(person, "listed", **{place[0]: (None, place[1])})

    def leave(self, place, person):
        self.members[place].remove(person)
        self.tell(person, "unlisted", **{place[0]: (place[1], None)})

    @rule(person=people, put=fields, take=st.sets(st.sampled_from(NAMES)))
    def edit(self, person, put, take):
        before = self.fields.get(person)
        is_strange = before is not None and any(name not in before for name in take - {"first_name"})
        if before is None or is_strange or put.keys() & take:
            with pytest.raises((NoContact, BadField)):
                edit_contact(
                    self.store, person, key=KEY, put=put, take=list(take), by="bob", now=self.later()
                )
            return
        edit_contact(self.store, person, key=KEY, put=put, take=list(take), by="bob", now=self.later())
        self.change(person, "edited", {**dict.fromkeys(take), **put})

    def change(self, person, kind, wanted):
        before = self.fields[person]
        changed = {
            name: (before.get(name), value) for name, value in wanted.items() if before.get(name) != value
        }
        if changed:
            after = {**before, **wanted}
            self.fields[person] = {name: value for name, value in after.items() if value is not None}
            self.tell(person, kind, **changed)

    @rule(person=people)
    def delete(self, person):
        if person not in self.fields:
            with pytest.raises(NoContact):
                delete_contact(self.store, person, key=KEY, by="cid", now=self.later())
            return
        delete_contact(self.store, person, key=KEY, by="cid", now=self.later())
        for place, members in self.members.items():
            if person in members:
                self.leave(place, person)
        gone = self.fields.pop(person)
        self.tell(person, "deleted", **{name: (value, None) for name, value in gone.items()})

    @rule(some=st.lists(people, min_size=1, max_size=3), place=lists, out=st.booleans())
    def put_into(self, some, place, out):
        kind, name = place
        is_made = kind == "tag" and not out and not self.is_given_up(place)
        is_there = place in self.members or is_made
        if not is_there or any(person not in self.fields for person in some):
            with pytest.raises((NoContact, UnknownList)):
                list_people(self.store, kind, name, some, key=KEY, by="dan", now=self.later(), out=out)
            return
        n = list_people(self.store, kind, name, some, key=KEY, by="dan", now=self.later(), out=out)
        members = self.members.setdefault(place, set())
        changed = {person for person in some if (person in members) is out}
        assert n == len(changed)
        for person in changed:
            (self.leave if out else self.join)(place, person)

    @rule(place=lists)
    def drop_list(self, place):
        if place not in self.members:
            with pytest.raises(UnknownList):
                delete_list(self.store, *place, at=self.later(), by="eve")
            return
        n = delete_list(self.store, *place, at=self.later(), by="eve")
        assert n == len(self.members[place])
        for person in list(self.members[place]):
            self.leave(place, person)
        del self.members[place]

    def is_given_up(self, place):
        """Whether nothing has this name, and what had it is there under another one."""
        kind, now_called = place
        for old, new in [(old, new) for of, old, new in self.renames if of == kind]:
            now_called = new if old in {place[1], now_called} else now_called
        return place not in self.members and (kind, now_called) in self.members

    @rule(place=lists, new=st.sampled_from(["Spring", "Autumn", "Summer", "vip"]))
    def give_another_name(self, place, new):
        kind, old = place
        if place not in self.members or (kind, new) in self.members:
            with pytest.raises((UnknownList, NameTaken)):
                rename(self.store, kind, old, new, by="fay", now=self.later(), anyway=True)
            return
        rename(self.store, kind, old, new, by="fay", now=self.later(), anyway=True)
        self.renames.append((kind, old, new))
        self.members[kind, new] = self.members.pop(place)
        for person in self.members[kind, new]:
            said = ("listed", {kind: (None, old)})
            last = max(n for n, one in enumerate(self.told[person]) if one == said)
            self.told[person][last] = ("listed", {kind: (None, new)})

    @rule(rows=st.dictionaries(people, fields, min_size=1), place=lists)
    def run_import(self, rows, place):
        now = self.later()
        if self.is_given_up(place):
            with pytest.raises(UnknownList), self.store.write.begin() as connection:
                make_list(connection, *place, now)
            return
        with self.store.write.begin() as connection:
            list_no = make_list(connection, *place, now)
        frame = pl.DataFrame(
            [
                {
                    "source_row": n, "person_key": person_key(KEY, person), "msisdn": person, "region": "GB",
                    "number_type": "mobile", "first_name": put.get("first_name"), "attributes": as_json(put),
                }
                for n, (person, put) in enumerate(rows.items(), start=2)
            ],
            schema=INCOMING,
        )  # fmt: skip
        what = Import(
            by=f"import {now}", rules=MergeRules(), lists=[list_no], purpose="marketing", source="x"
        )
        done = list(Merging(self.store, what, now=lambda: now, pause=lambda _: None).merge(frame))
        assert sum(one.n_people for one in done) == len(rows)
        self.members.setdefault(place, set())
        for person, put in rows.items():
            if person in self.fields:
                self.change(person, "imported", put)
            else:
                self.fields[person] = dict(put)
                self.tell(person, "imported")
            self.join(place, person)

    @invariant()
    def contacts_are_as_the_model_says(self):
        with self.store.read.connect() as connection:
            found = {one.msisdn: one.fields for one in find_contacts(connection, Wanted(), most=50)}
        assert found == self.fields

    @invariant()
    def members_are_as_the_model_says(self):
        with self.store.read.connect() as connection:
            for place, members in self.members.items():
                number = list_id(connection, *place)
                wanted = Wanted(list_no=number) if place[0] == "list" else Wanted(tag_no=number)
                assert {one.msisdn for one in find_contacts(connection, wanted, most=50)} == members
            counted = {
                (one.kind, one.name): one.n_members
                for kind in ("list", "tag")
                for one in all_lists(connection, kind)
            }
        assert counted == {place: len(members) for place, members in self.members.items()}

    @invariant()
    def histories_are_as_the_model_says(self):
        with self.store.read.connect() as connection:
            for person in PEOPLE:
                key = person_key(KEY, person)
                changes = read_history(connection, key, read_contact(connection, key))
                assert [change.at for change in changes] == sorted(change.at for change in changes)
                assert in_any_order([(one.kind, dict(one.fields)) for one in changes]) == in_any_order(
                    self.told[person]
                )
                assert [one.kind for one in changes if one.kind in {"added", "deleted"}] == [
                    kind for kind, _ in self.told[person] if kind in {"added", "deleted"}
                ]
                if changes:
                    assert changes[0].kind in {"added", "imported"}
                    assert changes[-1].kind == "deleted" or person in self.fields


def in_any_order(told):
    return sorted(repr((kind, sorted(changed.items()))) for kind, changed in told)


def as_json(put):
    return orjson.dumps({name: put[name] for name in sorted(put) if name != "first_name"}).decode()


@contextmanager
def on_sqlite() -> Iterator[Store]:
    with TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'store.db'}")
        metadata.create_all(store.write)
        yield store
        store.close()


def hold(open_one: Callable[[], Any], *, n_examples: int) -> None:
    class OnAStore(Contacts):
        def __init__(self) -> None:
            self.opened = open_one()
            self.store = self.opened.__enter__()
            super().__init__()

        def teardown(self) -> None:
            self.opened.__exit__(None, None, None)

    # A failure is told as it was found: making it smaller runs it a thousand times on a real store.
    phases = (Phase.explicit, Phase.reuse, Phase.generate)
    how = settings(max_examples=n_examples, stateful_step_count=20, deadline=None, phases=phases)
    run_state_machine_as_test(OnAStore, settings=how)


@pytest.mark.slow
def test_contacts_lists_and_histories_are_as_a_plain_model_says():
    hold(on_sqlite, n_examples=40)


@pytest.mark.slow
def test_so_they_are_on_postgresql(request):
    store = request.getfixturevalue("_ledger_on_postgres")

    @contextmanager
    def emptied() -> Iterator[Store]:
        names = ", ".join(table.name for table in metadata.sorted_tables)
        with store.write.begin() as connection:
            connection.exec_driver_sql(f"truncate {names} restart identity")
        yield store

    hold(emptied, n_examples=10)
