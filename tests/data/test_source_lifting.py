"""The undo of a misread list, on both kinds of store."""

from __future__ import annotations

import orjson
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data import source_lifting
from data.consents import ConsentEntry, record_consents
from data.forgotten import forget_within
from data.gateway_opt_outs import OPTED_OUT_AT_GATEWAY
from data.source_lifting import NotAList, UnknownSource, count_source, lift_source
from data.store.engine import open_store
from data.store.tables import metadata
from data.suppression_files import export_suppressions, import_suppressions
from data.suppression_sources import KEPT_REASONS, is_list, joined, list_source, lists_of
from data.suppressions import (
    FORGOTTEN,
    WITHDRAWN,
    Suppression,
    latest_suppressions,
    lift_suppression,
    suppress,
)
from engine.hard_failures import HARD_FAILURE

STOP = "import people, column stop"
FILE = "opt-outs.csv"
DNC = "import people, column dnc"
AWKWARD = [
    "a + x.csv",
    "+ x.csv",
    "x.csv + x.csv",
    "x; y.csv",
    "import p, column x.csv +",
    "import p, column + ++ z",
]
EVENTS = "select payload from events where kind = 'suppression' order by event"


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    is_sqlite = request.param == "sqlite"
    store = open_store(
        f"sqlite:///{tmp_path / 'store.db'}" if is_sqlite else request.getfixturevalue("postgres_url")
    )
    metadata.create_all(store.write)
    yield store
    store.close()


def entry(person, source=STOP, *, scope="", reason="do not contact"):
    return Suppression(
        person_key=person, msisdn="+447400123456", reason=reason, source=source, scope=scope, at=1.0
    )


def lift(store, source=STOP, *, scope=None, pause=lambda _s: None):
    return lift_source(
        store, source, scope=scope, by="Eve", why="it is a bus stop", now=lambda: 7.0, pause=pause
    )


def left(store):
    return {(one.person_key, one.scope) for one in latest_suppressions(store, scope=None, most=99)}


def sources(store):
    return {one.source for one in latest_suppressions(store, scope=None, most=99)}


def rows(store, text):
    with store.read.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(text))]


def logged(store):
    found = rows(store, "select who, what, details from audit_log order by entry")
    return [(who, what, orjson.loads(details)) for who, what, details in found]


@pytest.mark.parametrize("size", [1, 2, 9])
def test_exactly_those_of_the_source_are_lifted_with_events_and_log(store, monkeypatch, size):
    monkeypatch.setattr(source_lifting, "_SLICE", size)
    people = ["a", "b", "c"]
    suppress(store, [entry(person) for person in people], 2.0)
    suppress(store, [entry("d", "import people, column dnc"), entry("a", FILE, scope="SHOP")], 2.0)
    assert count_source(store, STOP, scope=None).to_lift == {("", "do not contact"): 3}
    assert lift(store) == 3
    assert left(store) == {("d", ""), ("a", "SHOP")}
    events = rows(store, "select payload, at from events where kind = 'lift' order by event")
    assert sorted((orjson.loads(payload)["person_key"], at) for payload, at in events) == [
        (person, 7.0) for person in people
    ]
    assert orjson.loads(events[0][0]).keys() == {"person_key", "scope", "reason", "by", "why"}
    told = logged(store)
    assert {(who, what, details["source"], details["why"]) for who, what, details in told} == {
        ("Eve", "lift suppressions", STOP, "it is a bus stop")
    }
    assert sum(details["n"] for _, _, details in told) == 3


def test_of_a_file_one_scope_is_lifted_where_it_is_told(store):
    suppress(store, [entry("a", FILE, scope=scope, reason="opted out") for scope in ("", "SHOP")], 2.0)
    assert lift(store, FILE, scope="SHOP") == 1
    assert left(store) == {("a", "")}
    assert lift(store, FILE) == 1


@pytest.mark.parametrize("reason", [*KEPT_REASONS, "Complaint", "STOP"])
def test_what_is_more_than_the_word_of_a_list_stays(store, reason):
    suppress(store, [entry("a", FILE, reason=reason)], 2.0)
    found = count_source(store, FILE, scope=None)
    assert (found.n_to_lift, found.n_kept) == (0, 1)
    assert lift(store, FILE) == 0
    assert left(store) == {("a", "")}
    assert logged(store) == []


def test_the_reasons_that_stay_are_those_that_are_written():
    assert {FORGOTTEN, WITHDRAWN, OPTED_OUT_AT_GATEWAY, HARD_FAILURE, "opted_out"} <= set(KEPT_REASONS)


def test_who_was_forgotten_stays_in_every_scope(store):
    suppress(store, [entry("a", "forget", reason=FORGOTTEN), entry("a", FILE, scope="SHOP")], 2.0)
    assert count_source(store, FILE, scope=None).n_to_lift == 0
    assert lift(store, FILE) == 0
    assert left(store) == {("a", ""), ("a", "SHOP")}


def test_a_purpose_whose_newest_word_is_a_no_stays(store):
    scope = "purpose:marketing"
    suppress(store, [entry(person, FILE, scope=scope) for person in ("a", "b")], 2.0)
    with store.write.begin() as connection:
        no = ConsentEntry("a", None, "marketing", False, 3.0, "a call", None, "Eve")
        record_consents(connection, [no], now=4.0)
    assert count_source(store, FILE, scope=None).n_kept == 1
    assert lift(store, FILE) == 1
    assert left(store) == {("a", scope)}


@pytest.mark.parametrize(
    ("reason", "source"),
    [
        ("opted_out", "reply to sim"),
        ("complaint", "by hand: Eve"),
        (OPTED_OUT_AT_GATEWAY, "run 1 through sim"),
        (HARD_FAILURE, "run 1"),
        ("by hand", "by hand: Eve"),
        ("complaint", FILE),
    ],
)
def test_who_says_it_themselves_after_a_list_did_is_not_lifted_with_the_list(store, reason, source):
    suppress(store, [entry("a")], 2.0)
    suppress(store, [entry("a", source, reason=reason)], 3.0)
    suppress(store, [entry("b")], 3.0)
    assert lift(store) == 1
    assert left(store) == {("a", "")}
    [stored] = latest_suppressions(store, scope=None, most=9)
    assert (stored.reason, stored.source) == (reason, source)


def test_of_two_lists_both_are_named_and_reason_and_time_are_those_of_the_first(store):
    suppress(store, [entry("a")], 2.0)
    assert suppress(store, [entry("a", FILE, reason="opted out"), entry("a", DNC)], 3.0) == 0
    [stored] = latest_suppressions(store, scope=None, most=9)
    assert (stored.reason, stored.source, stored.at) == (
        "do not contact",
        f"{STOP} + {FILE} + {DNC}",
        1.0,
    )
    told = [orjson.loads(payload)["source"] for (payload,) in rows(store, EVENTS)]
    assert told == [STOP, f"{STOP} + {FILE} + {DNC}"]


def test_whom_another_list_names_as_well_stays_and_is_counted_and_logged(store):
    suppress(store, [entry(person) for person in ("a", "b", "c")], 2.0)
    suppress(store, [entry(person, FILE, reason="opted out") for person in ("b", "c", "d")], 3.0)
    found = count_source(store, STOP, scope=None)
    assert found.to_lift == {("", "do not contact"): 1}
    assert found.shared == {("", "do not contact"): 2}
    assert (found.kept, found.besides) == ({}, {})
    assert lift(store) == 1
    assert left(store) == {(person, "") for person in "bcd"}
    assert sources(store) == {FILE}
    [(_, _, details)] = logged(store)
    assert (details["n"], details["n_by_other_lists"]) == (1, 2)
    assert len(rows(store, "select 1 from events where kind = 'lift'")) == 1
    again = count_source(store, STOP, scope=None)
    assert (again.n_to_lift, again.n_shared) == (0, 0)
    assert lift(store, FILE) == 3
    assert left(store) == set()


@pytest.mark.parametrize("one", range(5))
def test_a_list_is_taken_out_wherever_it_stands_among_others(store, one):
    lists = [f"{name}.csv" for name in "vwxyz"]
    suppress(store, [entry("a", name) for name in lists], 2.0)
    assert lift(store, lists[one]) == 0
    assert sources(store) == {" + ".join(name for name in lists if name != lists[one])}


def test_of_one_scope_the_lists_of_another_are_not_touched(store):
    for name in (FILE, "b.csv"):
        suppress(store, [entry("a", name, scope=scope) for scope in ("", "SHOP")], 2.0)
    assert lift(store, FILE, scope="SHOP") == 0
    found = {(one.scope, one.source) for one in latest_suppressions(store, scope=None, most=9)}
    assert found == {("", f"{FILE} + b.csv"), ("SHOP", "b.csv")}
    assert count_source(store, "b.csv", scope="SHOP").besides == {("", "do not contact"): 1}


def test_beyond_five_lists_nobody_is_lifted_by_a_source(store):
    lists = [f"list-{number}.csv" for number in range(7)]
    for name in lists:
        suppress(store, [entry("a", name)], 2.0)
    assert sources(store) == {" + ".join([*lists[:5], "and more"])}
    written = len(rows(store, EVENTS))
    suppress(store, [entry("a", name) for name in reversed(lists)], 3.0)
    assert len(rows(store, EVENTS)) == written
    for name in lists[:5]:
        assert lift(store, name) == 0
    assert sources(store) == {"and more"}
    with pytest.raises(NotAList):
        count_source(store, "and more", scope=None)
    suppress(store, [entry("a", "z.csv")], 4.0)
    assert lift(store, "z.csv") == 0
    suppress(store, [entry("a", "reply to sim", reason="opted_out")], 5.0)
    assert sources(store) == {"reply to sim"}


def test_what_people_say_themselves_takes_the_place_of_all_lists(store):
    suppress(store, [entry("a"), entry("a", FILE)], 2.0)
    suppress(store, [entry("a", "reply to sim", reason="opted_out")], 3.0)
    suppress(store, [entry("a", DNC)], 4.0)
    assert sources(store) == {"reply to sim"}
    assert (lift(store), lift(store, FILE), left(store)) == (0, 0, {("a", "")})


def test_a_lift_among_others_that_was_cut_off_goes_on(store, monkeypatch):
    monkeypatch.setattr(source_lifting, "_SLICE", 2)
    for source in (STOP, FILE):
        suppress(store, [entry(f"p{k}", source) for k in range(5)], 2.0)

    def killed(_s):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lift(store, pause=killed)
    assert count_source(store, STOP, scope=None).n_shared == 3
    assert lift(store) == 0
    assert (sources(store), len(left(store))) == ({FILE}, 5)
    assert count_source(store, STOP, scope=None).n_shared == 0  # lifted before: not unknown


def test_a_list_that_comes_while_another_is_lifted_keeps_its_people(store, monkeypatch):
    monkeypatch.setattr(source_lifting, "_SLICE", 1)
    suppress(store, [entry("a"), entry("b")], 2.0)

    def b_is_named(_s):
        suppress(store, [entry("b", FILE)], 5.0)

    assert lift(store, pause=b_is_named) == 1
    assert (left(store), sources(store)) == ({("b", "")}, {FILE})


def test_the_same_list_again_writes_nothing(store):
    for source in (STOP, FILE):
        suppress(store, [entry("a", source)], 2.0)
    before = rows(store, "select * from suppressions"), rows(store, EVENTS)
    for source in (STOP, FILE, f"{FILE} + {STOP}"):
        suppress(store, [entry("a", source)], 3.0)
    assert (rows(store, "select * from suppressions"), rows(store, EVENTS)) == before


@pytest.mark.parametrize("name", AWKWARD)
def test_names_that_hold_the_separator_are_told_apart(store, name):
    source = list_source(name)
    for one in (FILE, source, "x.csv"):
        suppress(store, [entry("a", one)], 2.0)
    suppress(store, [entry("b", "x.csv")], 2.0)
    assert count_source(store, source, scope=None).n_shared == 1
    assert lift(store, FILE) == 0
    assert lift(store, "x.csv") == 1
    assert (left(store), sources(store)) == ({("a", "")}, {source})
    assert lift(store, source) == 1
    assert left(store) == set()


def test_a_lone_plus_of_a_name_may_be_given_as_the_file_has_it(store):
    suppress(store, [entry("a", list_source("a + b.csv")), entry("b", "b.csv")], 2.0)
    assert sources(store) == {"a ++ b.csv", "b.csv"}
    assert lift(store, "a + b.csv") == 1
    assert left(store) == {("b", "")}


def test_a_name_that_an_earlier_version_wrote_is_joined_and_lifted(store):
    old = "a + b.csv"
    suppress(store, [entry("a", old), entry("b", old)], 2.0)
    suppress(store, [entry("b", "c.csv"), entry("a", list_source(old))], 3.0)
    assert sources(store) == {old, "a ++ b.csv + c.csv"}
    assert lift(store, list_source(old)) == 1
    assert (left(store), sources(store)) == ({("b", "")}, {"c.csv"})


def test_by_hand_is_no_list_whatever_its_name_holds(store):
    by_hand = "by hand: Eve + opt-outs.csv + Bob"
    suppress(store, [entry("a", by_hand), entry("b", FILE)], 2.0)
    suppress(store, [entry("a", FILE)], 3.0)
    found = count_source(store, FILE, scope=None)
    assert (found.n_to_lift, found.n_shared) == (1, 0)
    assert lift(store, FILE) == 1
    assert sources(store) == {by_hand}


def test_several_lists_are_lifted_one_after_the_other(store):
    suppress(store, [entry("a"), entry("a", FILE)], 2.0)
    with pytest.raises(NotAList, match=r"'import people, column stop' or 'opt-outs\.csv'\.$"):
        count_source(store, f"{STOP} + {FILE}", scope=None)
    with pytest.raises(UnknownSource, match=r"did you mean 'opt-outs\.csv'"):
        count_source(store, "optouts.csv", scope=None)


def test_who_was_forgotten_is_of_no_list(store):
    suppress(store, [entry("a"), entry("a", FILE)], 2.0)
    with store.write.begin() as connection:
        forget_within(connection, ["a"], now=3.0)
    suppress(store, [entry("a", DNC)], 4.0)
    assert {one.source for one in latest_suppressions(store, scope=None, most=9)} == {"forget"}


def test_an_export_of_joined_sources_imports_as_it_was(store, tmp_path):
    for name in (STOP, FILE, *AWKWARD, "z.csv"):
        suppress(store, [entry("a" * 32, list_source(name))], 2.0)
    suppress(store, [entry("b" * 32, list_source(AWKWARD[0])), entry("b" * 32, FILE)], 2.0)
    with store.write.begin() as connection:
        connection.execute(sa.text("update suppressions set msisdn = null"))
    before = latest_suppressions(store, scope=None, most=9)
    file = tmp_path / "export.csv"
    export_suppressions(store, file)
    with store.write.begin() as connection:
        connection.execute(sa.text("delete from suppressions"))
    for _ in range(2):
        import_suppressions(store, file, key=b"k" * 32, region=None, now=9.0)
        assert latest_suppressions(store, scope=None, most=9) == before
    assert lift(store, FILE) == 0


def test_a_file_is_named_beside_the_list_that_came_first(store, tmp_path):
    file = tmp_path / "ours + theirs.csv"
    file.write_text("phone\n+447400123456\n", encoding="utf-8")
    other = tmp_path / "b.csv"
    other.write_bytes(file.read_bytes())
    for one in (other, file, other, file):
        import_suppressions(store, one, key=b"k" * 32, region=None, now=2.0)
    assert sources(store) == {"b.csv + ours ++ theirs.csv"}


NAMES = st.sampled_from(["a.csv", "b.csv", "import people, column + + stop", "import x, column y + z.csv"])
PEOPLE = st.sets(st.sampled_from("pqr"), min_size=1)
STEPS = st.lists(st.tuples(st.booleans(), NAMES, PEOPLE, st.sampled_from(["", "SHOP"])), max_size=12)


@given(steps=STEPS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_exactly_those_are_suppressed_whom_a_list_names_that_was_not_lifted_since(store, steps):
    with store.write.begin() as connection:
        connection.execute(sa.text("delete from suppressions"))
    named: set[tuple[str, str, str]] = set()
    for is_lift, name, people, scope in steps:
        if is_lift:
            lift(store, list_source(name), scope=scope)
            named = {one for one in named if one[1:] != (scope, name)}
        else:
            suppress(store, [entry(person, list_source(name), scope=scope) for person in people], 2.0)
            named |= {(person, scope, name) for person in people}
        assert left(store) == {(person, place) for person, place, _ in named}


@given(
    names=st.lists(
        st.text("+ ab;\n", min_size=1, max_size=6).map(lambda name: f"{name}.csv"), min_size=1, max_size=5
    )
)
def test_joined_names_are_read_as_they_were_written(names):
    lists = list(dict.fromkeys(map(list_source, names)))
    text = ""
    for one in lists:
        text = joined(text, one)
    assert list(lists_of(text)) == lists
    assert len(set(map(list_source, names))) == len(set(names))


def test_who_says_stop_while_a_list_is_lifted_stays(store, monkeypatch):
    monkeypatch.setattr(source_lifting, "_SLICE", 1)
    suppress(store, [entry("a"), entry("b")], 2.0)

    def b_says_stop(_s):
        suppress(store, [entry("b", "reply to sim", reason="opted_out")], 5.0)

    assert lift(store, pause=b_says_stop) == 1
    assert left(store) == {("b", "")}


def test_a_lift_that_was_cut_off_goes_on(store, monkeypatch):
    monkeypatch.setattr(source_lifting, "_SLICE", 2)
    suppress(store, [entry(f"p{k}") for k in range(5)], 2.0)

    def killed(_s):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lift(store, pause=killed)
    assert count_source(store, STOP, scope=None).n_to_lift == 3
    assert lift(store) == 3
    assert [details["n"] for _, _, details in logged(store)] == [2, 2, 1]
    assert len(rows(store, "select 1 from events where kind = 'lift'")) == 5
    assert count_source(store, STOP, scope=None).n_to_lift == 0  # lifted before: not unknown


def test_an_unknown_source_names_the_nearest(store):
    with pytest.raises(UnknownSource, match="no list suppresses anybody"):
        count_source(store, STOP, scope=None)
    suppress(store, [entry("a"), entry("b", FILE), entry("c", "by hand: Eve")], 2.0)
    with pytest.raises(UnknownSource, match="did you mean 'import people, column stop'"):
        count_source(store, "import people, column Stop", scope=None)
    with pytest.raises(
        UnknownSource, match=r"lists that suppress somebody: 'import people.*', 'opt-outs.csv'\.$"
    ):
        count_source(store, "x", scope=None)
    with pytest.raises(UnknownSource, match=r"for the sender ID or account SHOP by 'opt-outs\.csv'"):
        count_source(store, FILE, scope="SHOP")


@pytest.mark.parametrize("source", ["by hand: Eve", "reply to sim", "run 1", "run 1 through sim", "forget"])
def test_what_is_no_list_is_lifted_one_by_one(store, source):
    suppress(store, [entry("a", source)], 2.0)
    with pytest.raises(NotAList):
        count_source(store, source, scope=None)
    with pytest.raises(NotAList):
        lift(store, source)
    assert left(store) == {("a", "")}


@pytest.mark.parametrize(
    ("source", "is_one"),
    [
        (STOP, True),
        ("import people, column DNC, Blacklisted", True),
        (FILE, True),
        ("list (2).csv.gz", True),
        ("by hand: eve.csv", False),
        ("by hand: import people, column stop", False),
        ("reply to sim.eu", False),
        ("run 3 through sim.eu", False),
        ("import people", False),
        ("web form", False),
    ],
)
def test_columns_and_files_are_lists(source, is_one):
    assert is_list(source) is is_one


def test_one_who_was_lifted_by_hand_is_not_in_the_count(store):
    suppress(store, [entry("a"), entry("b")], 2.0)
    lift_suppression(store, "a", "", by="Eve", why="x", now=3.0)
    assert count_source(store, STOP, scope=None).n_to_lift == 1


def test_what_else_keeps_the_same_people_is_counted(store):
    suppress(store, [entry("a", FILE), entry("a", FILE, scope="SHOP", reason="opted out")], 2.0)
    suppress(store, [entry("a", "by hand: Eve", scope="OTHER", reason="by hand")], 2.0)
    suppress(store, [entry("b", "by hand: Eve", scope="OTHER", reason="by hand")], 2.0)
    by_hand = {("OTHER", "by hand"): 1}
    assert count_source(store, FILE, scope=None).besides == by_hand
    assert count_source(store, FILE, scope="SHOP").besides == by_hand | {("", "do not contact"): 1}
