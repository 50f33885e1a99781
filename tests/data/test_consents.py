from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.consents import ConsentEntry, current_consents, record_consents
from data.store.tables import consents, events, suppressions
from data.suppressions import Suppression, record_suppressions


@pytest.fixture
def store(empty_store):
    return empty_store()


def said(person="ann", is_given=True, at=None, *, purpose="marketing", source="a form", **more):
    what = {"msisdn": "+447400123456", "evidence": None, "by": "ann of sales", **more}
    return ConsentEntry(person_key=person, purpose=purpose, is_given=is_given, at=at, source=source, **what)


def record(store, *entries, now=1000.0):
    with store.write.begin() as connection:
        return record_consents(connection, entries, now=now)


def rows(store, *columns):
    with store.write.begin() as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(*columns))]


def history(store):
    table = consents.c
    found = rows(store, table.person_key, table.purpose, table.at, table.is_given, table.is_current)
    return [(*row[:3], bool(row[3]), bool(row[4])) for row in found]


def suppressed(store):
    return rows(store, suppressions.c.person_key, suppressions.c.scope, suppressions.c.reason)


def current(store, *people, purpose="marketing"):
    with store.write.begin() as connection:
        found = current_consents(connection, purpose, people)
    return {person: (consent.is_given, consent.at) for person, consent in found.items()}


WITHDRAWN = ("ann", "purpose:marketing", "consent withdrawn")


def test_a_yes_is_kept_with_its_source_time_and_evidence(store):
    assert record(store, said(at=500.0, evidence="form 12")) == 1
    with store.write.begin() as connection:
        found = current_consents(connection, "marketing", ["ann", "bob"])
    consent = found.pop("ann")
    assert (consent.is_given, consent.at, consent.source, consent.evidence, consent.by) == (
        True, 500.0, "a form", "form 12", "ann of sales",
    )  # fmt: skip
    assert found == {}
    assert suppressed(store) == []


def test_a_no_suppresses_for_its_purpose_only(store):
    record(store, said(is_given=False, at=500.0), said(purpose="service", at=500.0))
    assert suppressed(store) == [WITHDRAWN]
    assert current(store, "ann", purpose="service") == {"ann": (True, 500.0)}


def test_a_newer_yes_takes_back_exactly_what_the_no_had_written(store):
    with store.write.begin() as connection:
        stop = Suppression(person_key="ann", msisdn=None, reason="STOP", source="a reply")
        record_suppressions(connection, [stop], now=100.0)
    record(store, said(is_given=False, at=500.0))
    record(store, said(at=600.0))
    assert suppressed(store) == [("ann", "", "STOP")]


def test_a_complaint_in_the_scope_of_a_purpose_outlives_every_yes(store):
    record(store, said(is_given=False, at=500.0))
    with store.write.begin() as connection:
        complaint = Suppression(
            person_key="ann", msisdn=None, reason="complaint", source="by hand", scope="purpose:marketing"
        )
        assert record_suppressions(connection, [complaint], now=510.0) == 0
    record(store, said(at=600.0))
    assert suppressed(store) == [("ann", "purpose:marketing", "complaint")]


def test_who_withdraws_after_a_complaint_still_has_complained(store):
    with store.write.begin() as connection:
        complaint = Suppression(
            person_key="ann", msisdn=None, reason="complaint", source="by hand", scope="purpose:marketing"
        )
        record_suppressions(connection, [complaint], now=400.0)
    record(store, said(is_given=False, at=500.0))
    record(store, said(at=600.0))
    assert suppressed(store) == [("ann", "purpose:marketing", "complaint")]


@pytest.mark.parametrize("at", [None, 400.0, 500.0, 2000.0, float("nan"), float("inf"), -1.0])
def test_a_yes_that_is_undated_older_or_of_the_future_never_outweighs_a_no(store, at):
    record(store, said(is_given=False, at=500.0))
    assert record(store, said(at=at)) == 1
    assert current(store, "ann") == {"ann": (False, 500.0)}
    assert suppressed(store) == [WITHDRAWN]
    assert record(store, said(at=at), now=3000.0 if at != 2000.0 else 1500.0) == 0


def test_an_undated_no_is_of_this_moment(store):
    record(store, said(at=500.0))
    assert record(store, said(is_given=False), now=1000.0) == 1
    assert record(store, said(is_given=False), now=1100.0) == 0
    assert current(store, "ann") == {"ann": (False, 1000.0)}
    record(store, said(at=999.0), now=1200.0)
    assert suppressed(store) == [WITHDRAWN]
    record(store, said(at=1150.0), now=1200.0)
    assert suppressed(store) == []


def test_a_clock_that_was_set_back_loses_no_no(store):
    record(store, said(at=900.0), now=1000.0)
    record(store, said(is_given=False), now=100.0)
    assert suppressed(store) == [WITHDRAWN]


def test_an_older_no_is_history_and_suppresses_nobody(store):
    record(store, said(at=500.0))
    assert record(store, said(is_given=False, at=400.0)) == 1
    assert history(store) == [
        ("ann", "marketing", 400.0, False, False),
        ("ann", "marketing", 500.0, True, True),
    ]
    assert suppressed(store) == []


def test_a_withdrawal_that_came_as_a_list_is_taken_back_by_a_newer_yes_too(store):
    with store.write.begin() as connection:
        listed = Suppression(
            person_key="ann", msisdn=None, reason="consent withdrawn", source="old.csv",
            scope="purpose:marketing", at=500.0,
        )  # fmt: skip
        record_suppressions(connection, [listed], now=900.0)
    record(store, said())
    record(store, said(at=500.0))
    assert suppressed(store) == [WITHDRAWN]
    record(store, said(at=501.0))
    assert suppressed(store) == []


def test_analysts_are_told_of_both(store):
    record(store, said(is_given=False, at=500.0))
    record(store, said(at=600.0))
    assert [kind for _, kind in rows(store, events.c.event, events.c.kind)] == ["suppression", "lift"]


def test_nobody_is_nothing(store):
    assert record(store) == 0
    assert current(store) == {}


@dataclass
class Model:
    """What the store should hold, said the plain way: one statement after the other."""

    said: set[tuple[str, str, bool, float]] = field(default_factory=set)
    current: dict[tuple[str, str], tuple[float, bool]] = field(default_factory=dict)  # (at, is no)

    def record(self, entry: ConsentEntry, now: float) -> int:
        place = (entry.person_key, entry.purpose)
        stands = self.current.get(place)
        is_no = not entry.is_given
        if entry.at is not None and entry.at <= now:
            at = max(entry.at, 0.0)
        elif not is_no:
            at = 0.0
        elif stands is not None and stands[1]:
            return 0
        else:
            at = max(now, stands[0] if stands else 0.0)
        if (*place, entry.is_given, at) in self.said:
            return 0
        self.said.add((*place, entry.is_given, at))
        if stands is None or (at, is_no) > stands:
            self.current[place] = (at, is_no)
        return 1


STATEMENTS = st.builds(
    said,
    person=st.sampled_from(["ann", "bob"]),
    is_given=st.booleans(),
    at=st.none() | st.sampled_from([-5.0, 1.0, 2.0, 3.0, 4.0, 50.0]),
    purpose=st.sampled_from(["marketing", "service"]),
)
CALLS = st.lists(st.tuples(st.lists(STATEMENTS, max_size=6), st.integers(1, 9).map(float)), max_size=6)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS)
def test_statements_in_any_order_and_grouping_stand_as_one_by_one(empty_store, calls):
    store, model = empty_store(), Model()
    for entries, now in calls:
        told = sum(model.record(entry, now) for entry in entries)
        assert record(store, *entries, now=now) == told
        if store.is_sqlite:
            assert record(store, *entries, now=now) == sum(model.record(entry, now) for entry in entries)
    assert history(store) == sorted(
        (person, purpose, at, is_given, model.current[person, purpose] == (at, not is_given))
        for person, purpose, is_given, at in model.said
    )
    refused = [(*place, "consent withdrawn") for place, (_, is_no) in model.current.items() if is_no]
    assert suppressed(store) == sorted(
        (person, f"purpose:{purpose}", why) for person, purpose, why in refused
    )
