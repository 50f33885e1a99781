"""Whoever's texts met a number that nobody has, so many times in a row, is texted no more."""

from __future__ import annotations

import time

import sqlalchemy as sa

from data.analytics import query
from engine.loading import load_lake
from tests.engine.lived_in import ANN

BOB = "+447400123002"


def text_everybody(lived_in, instance, text, *, in_a_row):
    """One run, to its last receipt, loaded. Returns the run."""
    run = lived_in.plan_run(instance, text).run
    lived_in.send(instance, run)
    time.sleep(0.1)
    lived_in.collect(instance)
    load(instance, in_a_row)
    return run


def load(instance, in_a_row):
    load_lake(
        instance.store,
        instance.lake,
        instance.analytics,
        now=time.time(),
        fold_all=True,
        hard_failures=in_a_row,
    )


def suppressed(instance):
    with instance.store.read.connect() as connection:
        rows = connection.execute(sa.text("select msisdn, scope, reason, source from suppressions"))
        return {tuple(row) for row in rows}


def test_twice_in_a_row_suppresses_and_the_next_run_leaves_them_out(lived_in, instance):
    lived_in.simulator.set(undelivered_suffixes={"3001": "001", "3003": "027"})
    text_everybody(lived_in, instance, "one", in_a_row=2)
    assert suppressed(instance) == set()
    text_everybody(lived_in, instance, "two", in_a_row=2)
    assert suppressed(instance) == {(ANN, "sim", "hard failure", "run 2")}
    text_everybody(lived_in, instance, "three", in_a_row=2)
    reasons = query(instance.analytics, "select reason from excluded where run = 3 and source_row = 2")[1]
    assert reasons == [("suppressed",)]
    told = query(instance.analytics, "select scope, reason from suppressions")[1]
    assert told == [("sim", "hard failure")]


def test_a_text_that_came_through_between_two_begins_the_count_anew(lived_in, instance):
    for text, suffixes in (("one", {"3001": "001"}), ("two", {}), ("three", {"3001": "001"})):
        lived_in.simulator.set(undelivered_suffixes=suffixes)
        text_everybody(lived_in, instance, text, in_a_row=2)
    assert suppressed(instance) == set()


def test_a_number_that_the_gateway_refuses_as_invalid_counts_too(lived_in, instance):
    lived_in.simulator.set(reject_numbers={BOB: "invalid_number", ANN: "blocked"})
    text_everybody(lived_in, instance, "one", in_a_row=1)
    assert suppressed(instance) == {(BOB, "sim", "hard failure", "run 1")}


def test_who_was_taken_off_the_list_is_not_put_on_it_again_by_the_same_failure(lived_in, instance):
    lived_in.simulator.set(undelivered_suffixes={"3001": "001"})
    text_everybody(lived_in, instance, "one", in_a_row=1)
    assert len(suppressed(instance)) == 1
    with instance.store.write.begin() as connection:
        connection.execute(sa.text("delete from suppressions"))
    with instance.store.write.begin() as connection:  # any news of the run, so that it is folded again
        connection.execute(sa.text("update events set export = null where kind = 'receipts'"))
    load(instance, 1)
    assert suppressed(instance) == set()


def test_none_in_a_row_suppresses_nobody(lived_in, instance):
    lived_in.simulator.set(undelivered_suffixes={"3001": "001"})
    text_everybody(lived_in, instance, "one", in_a_row=0)
    assert suppressed(instance) == set()


def test_for_real_people_it_holds_everywhere(lived_in, instance):
    lived_in.simulator.set(undelivered_suffixes={"3001": "001"})
    run = lived_in.plan_run(instance, "one").run
    with instance.store.write.begin() as connection:
        connection.execute(sa.text("update runs set is_simulated = false"))
    lived_in.send(instance, run)
    time.sleep(0.1)
    lived_in.collect(instance)
    load(instance, 1)
    assert suppressed(instance) == {(ANN, "", "hard failure", "run 1")}
