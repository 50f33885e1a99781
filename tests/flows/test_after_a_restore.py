"""What a flow that was due before a restore, or starts after one, does on a real Prefect server."""

from __future__ import annotations

import time

import pytest

from data.restores import record_restore
from data.runs import find_run, list_runs
from engine.run_control import resume_run
from messaging.runs import RunState

pytestmark = pytest.mark.prefect


@pytest.fixture
def send(settings):
    from flows.parameters import SendCampaign
    from flows.send_campaign import send_campaign

    def start(path, **parameters):
        return send_campaign(SendCampaign(campaign=str(path), **parameters), return_state=True)

    return start


@pytest.fixture
def restored(instance):
    """As if the store had been restored at this instant."""

    def at(restored_at):
        with instance.store.write.begin() as connection:
            connection.exec_driver_sql("delete from instance")
            record_restore(
                connection,
                backup_at=restored_at - 3600,
                backup_instance_id="lost",
                instance_id=instance.instance_id,
                keys_check=instance.keys.check,
                salt="as it was",
                now=restored_at,
            )

    return at


def test_a_start_that_was_due_before_the_restore_is_skipped(send, campaign, instance, simulator, restored):
    restored(time.time() + 3600)  # so that this very start was due before it
    state = send(campaign(), run_key="spring")
    assert (state.name, state.is_completed()) == ("Skipped", True)
    assert state.message.startswith("due before this instance was restored")
    assert list_runs(instance.store) == []
    assert simulator.ledger()["messages"] == 0


def test_a_start_after_the_restore_is_planned_and_waits_for_a_person(
    send, campaign, instance, simulator, restored
):
    restored(time.time() - 1)
    path = campaign(n_people=5)
    state = send(path, run_key="spring")
    assert state.name == "Paused"
    assert "opt-outs between" in state.message
    assert simulator.ledger()["messages"] == 0
    run = find_run(instance.store, "spring")
    resume_run(instance.store, run.run, by="ann", now=time.time(), opt_outs_checked=True)
    send(path, run_key="spring")
    assert find_run(instance.store, "spring").state is RunState.FINISHED
    assert simulator.ledger()["messages"] == 5
