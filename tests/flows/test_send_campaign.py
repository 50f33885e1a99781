"""A campaign as Prefect runs it, on real parts: files, store, ledger, and a simulated gateway over HTTP."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from data.ledger.audit import audit_run
from data.runs import find_run, list_runs
from data.segments import save_segment
from messaging.runs import RunState
from messaging.segment_filter import parse_filter
from tests.data.stored_people import store_people
from tests.flows.conftest import name_of, number_of

pytestmark = pytest.mark.prefect


@pytest.fixture
def send(settings):
    """Start a campaign by hand; the state its flow ends in."""
    from flows.parameters import SendCampaign
    from flows.send_campaign import send_campaign

    def start(path, **parameters):
        return send_campaign(SendCampaign(campaign=str(path), **parameters), return_state=True)

    return start


def in_prefect(state):
    """The flow run behind a state, as Prefect's server knows it."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return client.read_flow_run(state.state_details.flow_run_id)


def tables_of(state):
    """The tables of a flow run and of its parts, as text by key."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterParentFlowRunId
    from prefect.client.schemas.sorting import ArtifactSort

    run = state.state_details.flow_run_id
    with get_client(sync_client=True) as client:
        parts = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run]))
        )
        only = FlowRunFilter(id=FlowRunFilterId(any_=[run, *(part.id for part in parts)]))
        newest_last = reversed(client.read_artifacts(flow_run_filter=only, sort=ArtifactSort.CREATED_DESC))
        return {artifact.key: artifact.data for artifact in newest_last}


def terms_of(instance, run):
    with instance.store.read.connect() as connection:
        audit = audit_run(connection, run, now=1_800_000_000.0)
    assert audit.balanced
    return audit.terms


def test_a_campaign_goes_from_its_source_to_its_account(send, campaign, instance, simulator):
    state = send(campaign(n_people=25, batch_size=10), run_key="spring")
    run = find_run(instance.store, "spring")
    assert (state.is_completed(), state.message) == (True, f"run {run.run} finished: 25 messages")
    assert run.state is RunState.FINISHED
    assert terms_of(instance, run.run)["delivered"] == 25
    assert simulator.ledger()["messages"] == 25
    assert in_prefect(state).name == f"welcome · run {run.run}"


def test_a_segment_knows_who_was_texted_before_anything_is_planned_for_it(send, campaign, instance, tmp_path):
    people = [{"msisdn": number_of(n), "first_name": name_of(n)} for n in range(3)]
    store_people(instance.store, instance.keys.person, people, to="customers")
    asked = {"simulated": True, "all": [{"list": "customers"}, {"texted": {"not_within": "14d"}}]}
    save_segment(instance.store, "rested", parse_filter(asked), by="Ann", now=1.0)
    send(campaign(n_people=2), run_key="first")
    with instance.store.write.begin() as connection:  # as if nobody had loaded since
        connection.execute(sa.text("delete from behaviour"))
        connection.execute(sa.text("delete from exports where kind = 'behaviour'"))
    path = campaign("second", text="Hello again")
    path.write_text(
        path.read_text().replace('file = "second.csv"', 'segment = "rested"').replace('region = "GB"', "")
    )
    send(path, run_key="second")
    assert find_run(instance.store, "second").n_messages == 1


def test_a_run_shows_its_plan_and_its_progress_as_tables(send, campaign, instance):
    tables = tables_of(send(campaign(n_people=3), run_key="tables"))
    assert '{"step": "messages", "count": 3}' in tables["plan-run-1"]
    assert '{"messages": "delivered", "count": 3}' in tables["progress-run-1"]


def test_a_known_run_key_sends_nothing_more(send, campaign, instance, simulator):
    path = campaign(n_people=5)
    send(path, run_key="once")
    again = send(path, run_key="once")
    assert (again.name, again.message) == ("Already sent", "run 1 is finished; this start sends nothing")
    assert simulator.ledger()["messages"] == 5
    assert len(list_runs(instance.store)) == 1


def test_run_clicked_twice_sends_once(send, campaign, instance, simulator):
    path = campaign(n_people=5)
    first, second = send(path), send(path)
    assert (first.name, second.name) == ("Completed", "Already sent")
    assert simulator.ledger()["messages"] == 5


def test_a_template_that_names_an_unknown_field_ends_the_run_in_planning(send, campaign, instance, simulator):
    state = send(campaign(text="Hi {{ nickname }}"), run_key="typo")
    run = find_run(instance.store, "typo")
    assert run.state is RunState.FAILED_IN_PLANNING
    assert state.is_failed()
    assert state.message == run.state_reason
    assert "nickname" in state.message
    assert simulator.ledger()["messages"] == 0


def test_a_campaign_to_real_people_without_consent_ends_the_run_in_planning(send, campaign, instance):
    from data.accounts import Account, save_account

    account = Account(account="real", kind="real")
    save_account(instance.store, account, sealing_key=instance.keys.sealing)
    path = campaign()
    path.write_text(path.read_text() + '[gateway]\naccount = "real"\n')
    state = send(path, run_key="unasked")
    assert state.is_failed()
    assert "consent" in state.message
    assert find_run(instance.store, "unasked").state is RunState.FAILED_IN_PLANNING


def test_what_the_gateway_did_not_take_fails_its_batch_and_its_part_by_name(
    send, campaign, instance, simulator
):
    simulator.set(api_key="another one")  # refused at once: no other attempt would change it
    state = send(campaign(n_people=20, batch_size=10), run_key="locked out")
    run = find_run(instance.store, "locked out")
    assert state.is_failed()
    assert "2 of 2 batches failed: batch-0, batch-1" in state.message
    assert terms_of(instance, run.run)["accepted"] == 0
    assert '"batch": "batch-1"' in tables_of(state)["failed-batches-run-1-part-0"]


def test_nothing_personal_reaches_prefect_however_a_run_fails(
    send, campaign, instance, simulator, prefect_server, monkeypatch, capfd
):
    people = range(30)
    simulator.set(
        reject_numbers={number_of(3): "blocked", number_of(4): "opted_out"},
        faults={"drop_after_accepting": {"every": 3}, "unavailable": {"every": 4}},
        retry_after_s=0.1,
        throttle_per_s=40,
    )
    send(campaign("mixed", n_people=30, batch_size=5), run_key="mixed")
    send(campaign("unreadable", text="Hi {{ first_name + 1 }}"), run_key="unreadable")
    _break_planning(monkeypatch)
    send(campaign("broken"), run_key="broken")

    assert find_run(instance.store, "mixed").is_frozen
    assert find_run(instance.store, "broken").state is RunState.FAILED_IN_PLANNING
    _tell_the_server()
    printed = "".join(capfd.readouterr())
    personal = [name_of(n) for n in people] + [number_of(n).removeprefix("+44") for n in people]
    assert prefect_server.holds(*personal) == []
    assert [word for word in personal if word in printed] == []
    assert prefect_server.holds("mixed · run 1") == [
        "mixed · run 1"
    ]  # it is the right database that was read


def _break_planning(monkeypatch):
    """A mistake of ours that quotes a row, as errors of libraries do."""

    def make_plan(*_args, **_kwargs):
        raise ValueError(f"cannot convert {number_of(7)} of {name_of(7)}")

    monkeypatch.setattr("tasks.plan_campaign.make_plan", make_plan)


def _tell_the_server():
    from flows.this_run import tell_the_rest

    tell_the_rest()
