"""Campaigns that a worker runs for a deployment: what Retry, Cancel and a schedule make of them."""

from __future__ import annotations

import os
import signal
import sys

import httpx
import pytest

from cli.supervisor import _children_of
from config.settings import prefect_environment
from tests.cli.conftest import N_PEOPLE, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.prefect,
    pytest.mark.timeout(420),
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc"),
]


@pytest.fixture
def up(instance, simulator):
    """A running `tidings up` that sends to a simulator with empty books."""
    instance.ready()
    return instance


def set_state(up, flow_run, **state):
    """What the UI posts for Retry and Cancel."""
    answer = httpx.post(
        f"{up.server.api_url}/flow_runs/{flow_run}/set_state",
        json={"state": state},
        timeout=30,
        trust_env=False,
    )
    assert answer.json()["status"] == "ACCEPT"


def test_retry_of_a_campaign_run_sends_what_its_failed_part_left(up, simulator, tmp_path):
    simulator.set(faults={"unavailable": {"share": 1.0}}, retry_after_s=2_000)  # longer than a batch waits
    flow_run = up.send(tmp_path, "retried", n_people=40)
    failed = up.end_of(flow_run)
    assert failed.type == "FAILED"
    assert "1 of 1 batches failed: batch-0" in failed.message

    simulator.set(faults={})
    up.tell("update accounts set blocked_until = 0;")
    up.retry(flow_run)
    assert up.end_of(flow_run).type == "COMPLETED"
    assert up.run_of("retried", "state") == "finished"
    assert (simulator.ledger()["messages"], simulator.ledger()["duplicates_by_reference"]) == (40, 0)


def test_cancel_in_prefect_stops_every_part_within_seconds(up, simulator, tmp_path):
    simulator.set(latency_ms=300)
    flow_run = up.send(tmp_path, "cancelled", n_people=N_PEOPLE)
    assert wait_for(lambda: simulator.ledger()["messages"] > 50, within_s=120)
    set_state(up, flow_run, type="CANCELLING", name="Cancelling")
    assert wait_for(lambda: up.run_of("cancelled", "state") == "cancelled", within_s=30)
    assert wait_for(lambda: up.ask("select count(*) from claims where state = 'open'") == 0, within_s=10)
    assert simulator.ledger()["messages"] < N_PEOPLE
    assert up.ask("select count(*) from outcomes where status = 4") == 0
    assert up.end_of(flow_run).type == "CANCELLED"


@pytest.mark.skipif(not os.environ.get("LONG_TESTS"), reason="takes three minutes: LONG_TESTS=1 runs it")
def test_an_interval_fires_by_itself_and_a_missed_occurrence_is_skipped(up, tmp_path, monkeypatch):
    path = up.write_campaign(tmp_path, "often", n_people=2, schedule='interval = "30s"\nmax_lateness = "20s"')
    for name, value in prefect_environment(up.settings, up.server.api_url).items():
        monkeypatch.setenv(name, value)
    deploy(path)
    assert wait_for(lambda: up.ask("select count(*) from runs where origin = 'schedule'") >= 2, within_s=120)
    assert up.ask("select count(distinct run_key) from runs where run_key like 'often@%'") >= 2

    (worker,) = (pid for pid in _children_of(up.running[-1].pid) if up.is_worker(pid))
    os.kill(worker, signal.SIGSTOP)
    try:
        wait_for(lambda: False, within_s=55)  # an occurrence, and its lateness over
    finally:
        os.kill(worker, signal.SIGCONT)
    assert wait_for(lambda: bool(skipped(up)), within_s=60)
    assert all("seconds late; max_lateness is 20 seconds" in message for message in skipped(up))


def deploy(path):
    from prefect.context import refresh_global_settings_context

    from data.definitions import load_campaign
    from flows.deploying import deploy_campaign

    refresh_global_settings_context()
    assert deploy_campaign(load_campaign(path), work_pool="tidings").is_new


def skipped(up):
    """What the skipped flow runs say."""
    only = {"flow_runs": {"state": {"name": {"any_": ["Skipped"]}}}}
    answer = httpx.post(f"{up.server.api_url}/flow_runs/filter", json=only, timeout=30, trust_env=False)
    return [run["state"]["message"] for run in answer.json()]
