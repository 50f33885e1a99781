from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.contacts.lists import UnknownList, delete_list
from data.segment_names import UnknownName
from data.segments import (
    BadSegmentName,
    BrokenSegment,
    SegmentExists,
    UnknownSegment,
    all_segments,
    compile_filter,
    contacts_in_segment,
    count_segment,
    delete_segment,
    has_only_simulated_runs,
    people_in_segment,
    read_segment,
    save_segment,
)
from data.store.engine import Store, open_store
from data.store.tables import attributes, behaviour, contacts, metadata, runs, segments
from messaging.segment_filter import as_written, parse_filter
from tests.data.segment_filters import RUNS, filters, people
from tests.data.segment_model import NOW, Person, Run, World


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all tests here: each fills it anew."""
    if request.param == "sqlite":
        store = open_store(f"sqlite:///{tmp_path_factory.mktemp('segments') / 'store.db'}")
    else:
        store = open_store(request.getfixturevalue("postgres").new_database())
    metadata.create_all(store.write)
    yield store
    store.close()


@pytest.fixture(autouse=True)
def _no_segments(store: Store) -> None:
    with store.write.begin() as connection:
        connection.execute(sa.delete(segments))


def belonging(store: Store, definition: dict[str, Any]) -> list[int]:
    segment = parse_filter(definition)
    found = [contact for chunk in contacts_in_segment(store, segment, NOW, per_chunk=3) for contact in chunk]
    assert count_segment(store, segment, NOW) == len(found)
    some = people_in_segment(store, segment, NOW, most=len(found) + 1)
    assert [person.contact for person in some] == found
    return found


def people_with(name: str, *texts: str | None) -> World:
    return World([Person({name: text}) for text in texts], [])


@pytest.mark.parametrize(
    ("how", "texts", "expected"),
    [
        ({"is": "north"}, ["north", "North", "", None, "north "], [1]),
        ({"is_not": "north"}, ["north", "North", "", None], [2, 3, 4]),
        ({"one_of": ["a", "b"]}, ["a", "b", "c", "", None], [1, 2]),
        ({"contains": "%"}, ["100 %", "100", None], [1]),
        ({"contains": "o_t"}, ["north", "no_th o_t"], [2]),
        ({"starts_with": "nö"}, ["nörd", "nord", "NÖRD", None], [1]),
        ({"is_empty": True}, ["", None, " "], [1, 2]),
        ({"is_empty": False}, ["", None, " "], [3]),
        ({"at_least": 18}, ["18", "18.0", "018", "+18", "17.99", "-18", "1e9", "18 ", "abc", "", None], [1, 2, 3, 4]),
        ({"at_least": 0}, ["", None, "0", "-0", "0.", ".0", "-", "+", "--1", "1.2.3", "1-2"], [3, 4]),
        ({"at_most": -1.5}, ["-1.5", "-2", "-1.49", "x", None], [1, 2]),
        ({"at_least": -12}, ["-12", "-012", "-12.0", "-13", "-0", "- 1", "1-", "-1.5"], [1, 2, 3, 5, 8]),
        ({"at_most": 999999999999999}, ["999999999999999", "1000000000000000", "-999999999999999", "-1000000000000000"], [1, 3]),
        ({"at_least": 0.1, "at_most": 0.3}, ["0.1", "0.30", "0.3000001", "0.2"], [1, 2, 4]),
        ({"at_least": 19.99, "at_most": 19.99}, ["19.99", "19.990", "19.9900001"], [1, 2]),
        ({"at_least": 1}, ["999999999999999", "1000000000000000", "１２", "12"], [1, 4]),
        ({"at_least": "2026-02-01"}, ["2026-02-01", "2026-02-01T08:00", "2026-01-31 23:59", "1.2.2026", None], [1, 2]),
        ({"at_most": "2026-02-01"}, ["2026-02-01 23:59", "2026-02-02", "0000-00-00", "2026-01-32", "2025", "2026-02-01x"], [1]),
        ({"at_most": "2026-02-01"}, ["2026-02-01T23:59", "2026-02-01U", "2026-02-01~", "2026-02-02T00:00", "+2026-01-01"], [1]),
        ({"at_least": "2026-02-01"}, ["2026-02-30", "2026-02-32", "2026-13-01", "now", "12:00", "2461073", "9999-12-31 x"], [1, 7]),
        ({"at_least": 2000}, ["2026-02-01", "2026"], [2]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["region", "external_id"])
def test_a_field_is_compared_as_the_page_says(store, name, how, texts, expected):
    people_with(name, *texts).fill(store)
    assert belonging(store, {"all": [{"field": name, **how}]}) == expected
    others = [i + 1 for i in range(len(texts)) if i + 1 not in expected]
    assert belonging(store, {"not": [{"field": name, **how}]}) == others


def test_the_issues_example(store):
    texted = {"texted": 20.0, "clicked": 19.0}
    north = {"region": "north"}
    World(
        [
            Person(north, lists=frozenset({0}), did={1: texted}),
            Person(north, did={1: texted}),
            Person({"region": "south"}, lists=frozenset({0}), did={1: texted}),
            Person(north, lists=frozenset({0}), did={1: {**texted, "texted": 13.0}}),
            Person(north, lists=frozenset({0}), did={1: {"texted": 20.0}}),
        ],
        [Run(1, "spring", 20.0)],
    ).fill(store)
    assert belonging(
        store,
        {
            "all": [
                {"list": "A"},
                {"field": "region", "is": "north"},
                {"texted": {"not_within": "14d"}},
                {"clicked": {"run": "last"}},
            ]
        },
    ) == [1]


def test_whatever_fills_clicked_at_is_found(store):
    World([Person(did={1: {"texted": 2.0}}), Person()], [Run(1, "spring", 2.0)]).fill(store)
    assert belonging(store, {"all": [{"clicked": "ever"}]}) == []
    with store.write.begin() as connection:
        connection.execute(sa.update(behaviour).values(clicked_at=NOW - 60))
    assert belonging(store, {"all": [{"clicked": {"within": "1h"}}]}) == [1]
    assert belonging(store, {"all": [{"clicked": "never"}]}) == [2]


def test_a_run_that_has_not_begun_is_not_the_last_one(store):
    World(
        [Person(did={1: {"texted": 2.0}}), Person()],
        [Run(1, "spring", 2.0), Run(2, "spring", None), Run(3, "rehearsal", 1.0, is_simulated=True)],
    ).fill(store)
    assert belonging(store, {"all": [{"texted": {"run": "last"}}]}) == [1]
    assert belonging(store, {"simulated": True, "all": [{"texted": {"run": "last"}}]}) == []
    assert not has_only_simulated_runs(store)


@pytest.mark.timeout(300)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(people=st.lists(people(), max_size=8), definitions=st.lists(filters(), min_size=1, max_size=6))
def test_the_sql_means_what_the_filter_says(store, people, definitions):
    world = World(people, RUNS)
    world.fill(store)
    for definition in definitions:
        assert belonging(store, definition) == world.belonging(definition), definition
        assert belonging(store, as_written(parse_filter(definition))) == world.belonging(definition)


OF_CONTACT = {"field": "o'clock", "at_least": 10}
OF_PERSON = {"replied": "ever"}
NO_CONSENT = {"consent": "unknown"}


@pytest.mark.parametrize(
    "definition",
    [
        {"all": [OF_CONTACT, OF_PERSON]},
        {"any": [OF_CONTACT, OF_PERSON]},
        {"not": [OF_CONTACT, OF_PERSON]},
        {"not": {"any": [OF_CONTACT, OF_PERSON]}},
        {"not": {"all": [OF_CONTACT, OF_PERSON]}},
        {"not": {"not": {"all": [OF_CONTACT, OF_PERSON]}}},
        {"any": [{"list": "A"}, OF_PERSON], "not": {"tag": "vip"}},
        {"any": [{"list": "A"}, OF_PERSON, {"all": [{"tag": "vip"}, NO_CONSENT]}]},
        {"all": [{"country": "GB"}], "any": [{"all": [OF_CONTACT, NO_CONSENT]}, {"not": [OF_CONTACT, OF_PERSON]}]},
        {"all": [{"any": [{"not": {"field": "a.b", "is": "no"}}, NO_CONSENT]}, {"any": [{"field": "größe", "is_empty": True}, OF_PERSON]}]},
    ],
)  # fmt: skip
@pytest.mark.timeout(120)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(people=st.lists(people(), min_size=1, max_size=12))
def test_what_is_asked_of_contacts_and_of_people_may_stand_in_one_another(store, definition, people):
    world = World(people, RUNS)
    world.fill(store)
    assert belonging(store, definition) == world.belonging(definition)


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ({"all": [OF_PERSON], "not": [OF_CONTACT]}, ["MATERIALIZE some", "SCAN contacts", "USE TEMP B-TREE FOR ORDER BY"]),
        ({"any": [OF_CONTACT, OF_PERSON]}, ["MATERIALIZE some", "SCAN contacts", "USE TEMP B-TREE FOR ORDER BY"]),
        ({"all": [OF_PERSON]}, ["SCAN contacts USING COVERING INDEX sqlite_autoindex_contacts_1"]),
        ({"any": [{"list": "A"}, OF_PERSON]}, ["SCAN contacts USING COVERING INDEX sqlite_autoindex_contacts_1"]),
        ({"not": [{"list": "A"}]}, ["SCAN contacts"]),
    ],
)  # fmt: skip
def test_people_are_looked_up_in_the_order_of_their_keys(tmp_path, definition, expected):
    """By another plan SQLite finds the same people, and takes five times as long."""
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    metadata.create_all(store.write)
    World([], []).fill(store)
    compiled = compile_filter(parse_filter(definition), store=store, now=NOW)
    with store.read.connect() as connection:
        asked = sa.text(f"explain query plan select count(*) from ({compiled.people})")
        plan = [row.detail for row in connection.execute(asked, compiled.parameters)]
    assert plan[: len(expected)] == expected
    assert sum("ORDER BY" in line for line in plan) == sum("ORDER BY" in line for line in expected)
    store.close()


HOSTILE = [
    "'; drop table contacts; --",
    "' or 1=1 --",
    '") or 1=1 --',
    ":x",
    "%(x)s",
    "{where}",
    "$.a",
    "?",
    "1) or (1=1",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_filter_says_is_never_sql(store, text):
    World([Person({"region": "north"}), Person({"region": text})], [Run(1, "spring", 1.0)]).fill(store)
    for how in ("is", "contains", "starts_with"):
        assert belonging(store, {"all": [{"field": "region", how: text}]}) == [2]
    assert belonging(store, {"all": [{"field": "region", "one_of": [text, "x"]}]}) == [2]
    assert belonging(store, {"all": [{"consent": "given", "purpose": text}]}) == []
    assert belonging(store, {"all": [{"texted": {"campaign": text, "run": "last"}}]}) == []
    compiled = compile_filter(parse_filter({"all": [{"field": "region", "is": text}]}), store=store, now=NOW)
    for query in (compiled.where, compiled.people):
        assert text not in query or text in ("?", ":x", "$.a")
    assert text in compiled.parameters.values()
    if '"' not in text:
        assert belonging(store, {"all": [{"field": text, "is": "x"}]}) == []


def test_a_list_that_is_gone_is_an_error_and_not_nobody(store):
    World([Person(lists=frozenset({0}))], []).fill(store)
    save_segment(store, "not A", parse_filter({"all": [{"not_in_list": "A"}]}), now=NOW, by="Ann")
    delete_list(store, "list", "A", at=NOW, by="Ann")
    with pytest.raises(UnknownList, match="there is no list 'A'"):
        count_segment(store, read_segment(store, "not A").filter, NOW)


def test_people_are_read_as_of_one_instant(store):
    World([Person() for _ in range(7)], []).fill(store)
    reading = contacts_in_segment(store, parse_filter({"all": [{"country": "GB"}]}), NOW, per_chunk=3)
    first = next(reading)
    with store.write.begin() as connection:
        connection.execute(sa.update(contacts).where(contacts.c.contact > 4).values(region="DE"))
    assert [*first, *(contact for chunk in reading for contact in chunk)] == [1, 2, 3, 4, 5, 6, 7]


def test_a_segment_is_kept_found_replaced_and_deleted(store):
    World([Person({"language": "de"}), Person()], []).fill(store)
    first = parse_filter({"description": "German", "all": [{"language": "de"}]})
    assert save_segment(store, " Déjà vu ", first, now=NOW, by="Ann")
    kept = read_segment(store, "De\u0301ja\u0300 vu")
    assert (kept.name, kept.filter, kept.created_at, kept.changed_by) == ("Déjà vu", first, NOW, "Ann")
    with pytest.raises(SegmentExists, match="--replace"):
        save_segment(store, "Déjà vu", first, now=NOW + 1, by="Ben")
    second = parse_filter({"any": [{"country": ["DE"]}]})
    assert not save_segment(store, "Déjà vu", second, now=NOW + 1, by="Ben", replace=True)
    [kept] = all_segments(store)
    assert (kept.filter, kept.created_at, kept.changed_at, kept.changed_by) == (second, NOW, NOW + 1, "Ben")
    delete_segment(store, "Déjà vu")
    with pytest.raises(UnknownSegment, match="known: none"):
        delete_segment(store, "Déjà vu")


def test_a_few_people_are_shown_with_their_numbers_masked(store):
    World([Person() for _ in range(4)], []).fill(store)
    some = people_in_segment(store, parse_filter({"all": [{"country": "GB"}]}), NOW, most=2)
    assert [(person.contact, person.msisdn) for person in some] == [(1, "+4477…000"), (2, "+4477…001")]


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ({"field": "regoin", "is": "x"}, "no contact has an attribute 'regoin'; did you mean region?"),
        ({"field": "Home region", "is": "x"}, "did you mean region?"),
        ({"field": "frist_name", "is": "x"}, "did you mean first_name?"),
        ({"field": "country", "is": "GB"}, 'the country of a number is { country = "GB" }'),
        (
            {"field": "zzz", "is": "x"},
            "known: first_name, last_name, language, time_zone, external_id, region.",
        ),
        ({"list": "a"}, "there is no list 'a'; known: A"),
        ({"tag": "VIP"}, "there is no tag 'VIP'; did you mean vip?"),
        ({"texted": {"run": 9}}, "there is no run 9"),
        ({"texted": {"campaign": "sprng"}}, "there is no campaign 'sprng'; did you mean spring?"),
    ],
)
def test_a_name_that_nobody_knows_is_refused_when_a_segment_is_added(store, condition, sentence):
    World([], [Run(1, "spring", 1.0)]).fill(store)
    with store.write.begin() as connection:
        connection.execute(sa.insert(attributes).values(attribute="region", header="Home region"))
    with pytest.raises((UnknownName, UnknownList)) as raised:
        save_segment(store, "one", parse_filter({"not": {"any": [condition]}}), now=NOW, by="Ann")
    assert sentence in str(raised.value)
    assert all_segments(store) == []


def test_a_campaign_that_has_not_run_yet_may_be_named_when_it_is_one(store):
    World([Person()], []).fill(store)
    segment = parse_filter({"all": [{"texted": {"campaign": "welcome", "never": True}}]})
    save_segment(store, "newcomers", segment, now=NOW, by="Ann", campaigns=["welcome"])
    assert count_segment(store, segment, NOW) == 1


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101])
def test_a_name_that_nobody_could_write_is_refused(store, name):
    with pytest.raises(BadSegmentName):
        save_segment(store, name, parse_filter({"all": [{"country": "GB"}]}), now=NOW, by="Ann")


@pytest.mark.parametrize("kept", ['{"all": [{"lst": "A"}]}', "no JSON"])
def test_a_filter_that_this_version_cannot_read_is_one_sentence(store, kept):
    with store.write.begin() as connection:
        connection.execute(
            sa.insert(segments).values(
                segment="old", filter=kept, created_at=0, changed_at=0, changed_by="Ann"
            )
        )
    with pytest.raises(BrokenSegment, match="segment 'old' cannot be read"):
        read_segment(store, "old")


def test_only_simulated_runs_are_told_from_others(store):
    World([], [Run(1, "a", None), Run(2, "a", 1.0, is_simulated=True)]).fill(store)
    assert has_only_simulated_runs(store)
    with store.write.begin() as connection:
        connection.execute(sa.update(runs).values(is_simulated=False))
    assert not has_only_simulated_runs(store)
