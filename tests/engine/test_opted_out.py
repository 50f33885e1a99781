"""Whoever has told the gateway to stop is texted no more, by a real client and a real gateway."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from data.accounts import save_account
from data.analytics import query
from data.runs import read_run
from messaging.runs import RunState
from tests.engine.lived_in import ANN, LivedIn

BOB = "+447400123002"
REASON = "opted out at the gateway"


@pytest.fixture
def lived_in(tmp_path, simulator):
    return LivedIn(tmp_path, simulator, f"sqlite:///{tmp_path / 'var' / 'store.db'}")


@pytest.fixture
def instance(lived_in):
    with lived_in.opened() as instance:
        save_account(instance.store, lived_in.account(), sealing_key=instance.keys.sealing)
        yield instance


def suppressed(instance):
    with instance.store.read.connect() as connection:
        rows = connection.execute(sa.text("select msisdn, scope, reason, source from suppressions"))
        return {tuple(row) for row in rows}


def to_real_people(instance):
    with instance.store.write.begin() as connection:
        connection.execute(sa.text("update runs set is_simulated = false"))


def test_a_refusal_suppresses_at_once_and_the_next_run_leaves_them_out(lived_in, instance):
    lived_in.simulator.set(reject_numbers={ANN: "opted_out", BOB: "blocked"})
    first = lived_in.plan_run(instance, "one").run
    lived_in.send(instance, first)
    assert suppressed(instance) == {(ANN, "sim", REASON, "run 1 through sim")}
    assert read_run(instance.store, first).state is RunState.FINISHED
    second = lived_in.plan_run(instance, "two").run
    lived_in.send(instance, second)
    lived_in.load(instance)
    asked = f"select reason from excluded where run = {second} and source_row = 2"  # the header is row 1
    assert query(instance.analytics, asked)[1] == [("suppressed",)]
    assert lived_in.simulator.ledger()["rejected"] == {"opted_out": 1, "blocked": 2}
    assert lived_in.balanced(instance, first)
    assert lived_in.balanced(instance, second)


def test_the_word_of_a_real_gateway_holds_everywhere(lived_in, instance):
    lived_in.simulator.set(reject_numbers={ANN: "opted_out"})
    run = lived_in.plan_run(instance, "one").run
    to_real_people(instance)
    lived_in.send(instance, run)
    assert suppressed(instance) == {(ANN, "", REASON, "run 1 through sim")}
