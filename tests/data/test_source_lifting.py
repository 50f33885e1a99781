"""The undo of a misread list, on both kinds of store."""

from __future__ import annotations

import orjson
import pytest
import sqlalchemy as sa

from data import source_lifting
from data.consents import ConsentEntry, record_consents
from data.gateway_opt_outs import OPTED_OUT_AT_GATEWAY
from data.source_lifting import NotAList, UnknownSource, count_source, lift_source
from data.store.engine import open_store
from data.store.tables import metadata
from data.suppression_sources import KEPT_REASONS, is_list
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


def test_of_two_lists_the_first_one_stays(store):
    suppress(store, [entry("a")], 2.0)
    suppress(store, [entry("a", FILE, reason="opted out")], 3.0)
    [stored] = latest_suppressions(store, scope=None, most=9)
    assert (stored.reason, stored.source) == ("do not contact", STOP)


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
