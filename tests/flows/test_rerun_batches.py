"""Batches run again on a person's word, as Prefect runs them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from data.ledger.audit import audit_run
from data.runs import find_run
from messaging.runs import RunState
from tests.flows.conftest import task_names

pytestmark = pytest.mark.prefect


@pytest.fixture
def send(settings):
    from flows.parameters import SendCampaign
    from flows.send_campaign import send_campaign

    def start(path, **parameters):
        return send_campaign(SendCampaign(campaign=str(path), **parameters), return_state=True)

    return start


@pytest.fixture
def rerun(settings):
    """Run batches of run 1 again; the state its flow ends in."""
    from flows.parameters import RerunBatches
    from flows.rerun_batches import rerun_batches

    def start(**asked):
        return rerun_batches(RerunBatches(run=1, decided_by="ann", **asked), return_state=True)

    return start


def terms_of(instance):
    with instance.store.read.connect() as connection:
        audit = audit_run(connection, 1, now=1_800_000_000.0)
    assert audit.balanced
    return audit.terms


@pytest.fixture
def gateway_down(simulator):
    """A gateway that asks to be left alone for longer than a batch waits; called, it is back."""
    simulator.set(faults={"unavailable": {"share": 1.0}}, retry_after_s=2_000)

    def come_back(instance):
        simulator.set(faults={})
        with instance.store.write.begin() as connection:
            connection.execute(sa.text("update accounts set blocked_until = 0"))

    return come_back


def test_failed_batches_are_sent_once_the_gateway_takes_them(
    send, rerun, campaign, instance, simulator, gateway_down
):
    send(campaign(n_people=20, batch_size=10), run_key="refused")
    gateway_down(instance)
    state = rerun()
    assert (state.is_completed(), state.message) == (
        True,
        "2 batches run again; run 1 finished: 20 messages",
    )
    assert find_run(instance.store, "refused").state is RunState.FINISHED
    assert (simulator.ledger()["messages"], simulator.ledger()["duplicates_by_reference"]) == (20, 0)


def test_chosen_batches_leave_the_others_where_they_are_and_one_that_is_not_there_is_named(
    send, rerun, campaign, instance, simulator, gateway_down
):
    send(campaign(n_people=30, batch_size=10), run_key="chosen")
    refused = rerun(which="chosen", batches="7")
    assert (refused.is_failed(), refused.message) == (
        True,
        "“7” is no batch of this run: its batches are 0 to 2.",
    )
    gateway_down(instance)
    state = rerun(which="chosen", batches="batch-0, 2")
    assert task_names(state) == ["batch-0", "batch-2"]
    assert simulator.ledger()["messages"] == 20
    assert terms_of(instance)["accepted"] == 20
    assert find_run(instance.store, "chosen").state is not RunState.FINISHED


def test_all_batches_of_a_finished_run_really_run_and_send_nothing(
    send, rerun, campaign, instance, simulator
):
    send(campaign(n_people=30, batch_size=10), run_key="done")
    state = rerun(which="all")
    assert task_names(state) == ["batch-0", "batch-1", "batch-2"]
    assert state.message == "3 batches run again; run 1 finished: 30 messages"
    assert simulator.ledger()["messages"] == 30


def test_what_is_in_doubt_is_sent_again_when_a_person_says_so(
    send, rerun, campaign, instance, simulator, settings
):
    simulator.set(faults={"error_500_taken": {"share": 1.0}}, waiting_share=1.0)
    send(campaign(n_people=5), run_key="doubt")
    assert terms_of(instance)["unconfirmed"] == 5
    simulator.set(faults={})
    assert rerun().message == "0 batches run again; run 1 finished with unconfirmed: 5 messages"
    with_decision = rerun(unconfirmed="send again", why="the carrier says that it took none")
    if not with_decision.is_completed():  # their claim's time to send is not over yet
        assert "ask again after" in with_decision.message
        with instance.store.write.begin() as connection:
            connection.exec_driver_sql("update claims set send_before = 0")
        with_decision = rerun(unconfirmed="send again", why="the carrier says that it took none")
    assert with_decision.message == "1 batches run again; run 1 finished: 5 messages"
    assert simulator.ledger()["duplicates_by_reference"] == 5


def test_a_start_by_the_key_of_a_run_sends_what_is_left_of_it(
    send, campaign, instance, simulator, gateway_down
):
    path = campaign(n_people=20, batch_size=10)
    send(path, run_key="by its key")
    gateway_down(instance)
    with instance.store.write.begin() as connection:
        connection.execute(sa.text("update runs set state = 'finished_with_unsent'"))
    assert send(path, run_key="by its key").message == "run 1 finished: 20 messages"
    assert simulator.ledger()["messages"] == 20
