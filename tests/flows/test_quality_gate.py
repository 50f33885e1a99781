"""The quality gate in a run: what fails it stops the run before anything is sent, and says why."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from data.files import run_folder
from data.runs import find_run
from messaging.runs import RunState
from tests.flows.conftest import name_of, number_of

pytestmark = pytest.mark.prefect

WHY = (
    "welcome: the quality gate let nothing through. Contacts whose first_name is one of Ann, Bob: wanted at least "
    "90 %, observed 0 % (0 of 25). Nothing was sent; correct the source, or [quality] in the campaign. "
    "The whole report is runs/000001/quality.html in the var folder."
)


def expecting(path, name, severity="error", **arguments):
    lines = [
        "[[quality.expectations]]",
        f'name = "{name}"',
        f'severity = "{severity}"',
        *(f"{argument} = {json.dumps(value)}" for argument, value in arguments.items()),
    ]
    path.write_text(path.read_text() + "\n".join(lines) + "\n")
    return path


def known_names(path, severity="error"):
    name = "expect_column_values_to_be_in_set"
    return expecting(path, name, severity, column="first_name", value_set=["Ann", "Bob"], mostly=0.9)


@pytest.fixture
def send(settings):
    """Start a campaign; the state its flow ends in."""
    from flows.parameters import SendCampaign
    from flows.send_campaign import send_campaign

    def start(path, **parameters):
        return send_campaign(SendCampaign(campaign=str(path), **parameters), return_state=True)

    return start


def table_of(run):
    """What Prefect shows of the gate, as text."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
    from prefect.client.schemas.sorting import ArtifactSort

    only = ArtifactFilter(key=ArtifactFilterKey(any_=[f"quality-run-{run}"]))
    with get_client(sync_client=True) as client:
        return client.read_artifacts(artifact_filter=only, sort=ArtifactSort.CREATED_DESC)[0].data


@pytest.fixture
def as_scheduled(monkeypatch):
    """Let the flow believe that Prefect's scheduler made it."""
    monkeypatch.setattr("flows.send_campaign.occurrence", lambda: datetime.now(UTC))


def test_a_failed_expectation_stops_a_scheduled_run_with_a_readable_reason(
    send,
    campaign,
    instance,
    simulator,
    as_scheduled,
):
    state = send(known_names(campaign()))
    run = find_run(instance.store)
    assert (run.origin, run.state, run.is_frozen) == ("schedule", RunState.FAILED_IN_PLANNING, False)
    assert state.is_failed()
    assert state.message == run.state_reason == WHY
    assert simulator.ledger()["messages"] == 0


def test_what_the_gate_found_is_kept_and_shown_whether_it_passes_or_not(
    send,
    campaign,
    instance,
):
    stopped = send(known_names(campaign("stopped")), run_key="stopped")
    passed = send(known_names(campaign("passed"), severity="warn"), run_key="passed")
    assert (stopped.is_failed(), passed.is_completed()) == (True, True)
    for key, has_passed in (("stopped", False), ("passed", True)):
        run = find_run(instance.store, key).run
        folder = run_folder(instance.var_dir, run)
        report = json.loads(folder.quality_json.read_text())
        assert report["passed"] == has_passed
        assert "0 % (0 of 25)" in folder.quality_html.read_text()
        assert '"observed": "0 % (0 of 25)"' in table_of(run)
        with instance.store.read.connect() as connection:
            kept = connection.exec_driver_sql(f"select quality from runs where run = {run}").scalar()
        assert json.loads(kept) == report
    frozen = json.loads(
        run_folder(instance.var_dir, find_run(instance.store, "passed").run).plan_json.read_text()
    )
    assert frozen["quality"] == report


def test_a_retry_after_the_campaign_was_corrected_goes_on(send, campaign, instance, simulator):
    path = campaign()
    right = path.read_text()
    send(known_names(path), run_key="spring")
    path.write_text(right)
    state = send(path, run_key="spring")
    assert state.is_completed()
    run = find_run(instance.store, "spring")
    assert (run.run, run.state) == (1, RunState.FINISHED)
    assert json.loads(run_folder(instance.var_dir, 1).quality_json.read_text())["passed"]
    assert simulator.ledger()["messages"] == 25


def test_an_expectation_that_cannot_be_judged_stops_the_run(send, campaign, instance, simulator):
    path = expecting(
        campaign(), "expect_column_values_to_match_regex", column="postcode", regex="^[A-Z]", mostly=0.0
    )
    state = send(path)
    assert state.is_failed()
    assert (
        "Contacts whose postcode matches ^[A-Z]: wanted at least 0 %, observed the source has no such column"
        in state.message
    )
    assert simulator.ledger()["messages"] == 0


def test_nothing_personal_of_a_stopped_run_reaches_prefect(
    send,
    campaign,
    instance,
    prefect_server,
    capfd,
):
    path = known_names(campaign("private"))
    expecting(path, "expect_column_values_to_match_regex", column="msisdn", regex="^.49")
    state = send(path, run_key="private")
    assert state.is_failed()

    from flows.this_run import tell_the_rest

    tell_the_rest()
    personal = [name_of(7), *(number_of(n).removeprefix("+44") for n in range(25))]
    assert prefect_server.holds(*personal) == []
    folder = run_folder(instance.var_dir, find_run(instance.store, "private").run)
    for shown in (folder.quality_json.read_text(), folder.quality_html.read_text(), *capfd.readouterr()):
        assert [word for word in personal if word in shown] == []
