"""Who is asked to go on with a run that nobody works on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.orchestrator import FlowRun, FlowRunState
from data.runs import RunRecord, bind_run
from data.store.migrate import prepare_store
from engine.waking import SILENT_S, Way, pause_s, wake_run

NOW = 1_800_000_000.0


class Server:
    """A Prefect server that knows one flow run, or none, and remembers what it was asked for."""

    def __init__(
        self,
        type_="FAILED",
        *,
        is_deployed=True,
        n_started=1,
        knows_it=True,
        takes_retries=True,
        age_s=0.0,
        beating=(),
        children=(),
    ):
        def flow_run(name, type_):
            state = FlowRunState(type_, type_.capitalize(), "")
            return FlowRun(name, state, NOW - age_s, is_deployed, n_started)

        self.flow_run = flow_run("f1", type_) if knows_it else None
        self.children = [flow_run(name, type_) for name, type_ in children]
        self.beating = beating
        self.crashed = []
        self.takes_retries = takes_retries
        self.retried = []
        self.started = []

    def find_flow_run(self, flow_run_id):
        assert flow_run_id == "f1"
        return self.flow_run

    def find_children(self, flow_run_id):
        assert flow_run_id == "f1"
        return self.children

    def has_heartbeat_since(self, flow_run_id, since):
        assert since == NOW - SILENT_S
        return flow_run_id in self.beating

    def crash(self, flow_run_id, why):
        assert why == "no heartbeat for 180 s: its process or its machine is gone"
        self.crashed.append(flow_run_id)

    def retry(self, flow_run_id, why):
        self.retried.append((flow_run_id, why))
        return self.takes_retries

    def create_flow_run(self, deployment, parameters, *, idempotency_key):
        self.started.append((deployment, parameters, idempotency_key))
        return "f2"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunRecord]:
    store = prepare_store(f"sqlite:///{tmp_path}/store.db", now=NOW)
    yield bind_run(
        store,
        flow_run_id="f1",
        run_key="k",
        campaign="c",
        account="sim",
        origin="hand",
        is_simulated=True,
        now=NOW,
    )
    store.close()


def wake(server, run, *, idle_s=121.0, is_asked_for=False):
    woken = wake_run(server, run, by="ann", since=NOW - idle_s, now=NOW, is_asked_for=is_asked_for)
    return woken.way, woken.flow_run_id


@pytest.mark.parametrize("type_", ["FAILED", "CRASHED", "COMPLETED"])
def test_a_deployed_campaign_run_that_is_over_is_retried(run, type_):
    server = Server(type_)
    assert wake(server, run) == (Way.RETRIED, "f1")
    assert server.retried == [("f1", "nobody worked on run 1")]
    assert server.started == []


@pytest.mark.parametrize("type_", ["RUNNING", "SCHEDULED", "PENDING", "CANCELLING"])
def test_a_campaign_run_that_is_not_over_is_left_alone(run, type_):
    server = Server(type_)
    assert wake(server, run) == (Way.UNDER_WAY, "f1")
    assert (server.retried, server.started) == ([], [])


@pytest.mark.parametrize("type_", ["RUNNING", "PENDING"])
def test_one_that_only_seems_to_run_is_crashed_with_its_parts_and_retried(run, type_):
    parts = (("p1", "RUNNING"), ("p2", "COMPLETED"), ("p3", "SCHEDULED"))
    server = Server(type_, age_s=SILENT_S + 1, children=parts)
    assert wake(server, run) == (Way.RETRIED, "f1")
    assert server.crashed == ["f1", "p1"]


def test_a_part_that_only_seems_to_run_is_crashed_before_its_campaign_run_is_retried(run):
    parts = (("p1", "RUNNING"), ("p2", "RUNNING"))
    server = Server("CRASHED", age_s=SILENT_S + 1, children=parts, beating=("p2",))
    assert wake(server, run) == (Way.RETRIED, "f1")
    assert server.crashed == ["p1"]


def test_a_campaign_run_whose_heart_beats_is_left_alone(run):
    assert wake(Server("RUNNING", age_s=1000, beating=("f1",)), run) == (Way.UNDER_WAY, "f1")


def test_what_was_cancelled_in_prefect_is_not_retried_unless_a_person_asks(run):
    server = Server("CANCELLED")
    assert wake(server, run) == (Way.CANCELLED, "f1")
    assert (server.retried, server.started) == ([], [])
    assert wake(server, run, is_asked_for=True) == (Way.RETRIED, "f1")


def test_a_retry_that_prefect_refuses_means_that_somebody_was_faster(run):
    assert wake(Server(takes_retries=False), run) == (Way.UNDER_WAY, "f1")


def test_where_prefect_knows_no_such_flow_run_a_new_one_is_started_once(run):
    server = Server(knows_it=False)
    assert wake(server, run) == wake(server, run) == (Way.STARTED, "f2")
    (deployment, parameters, key), again = server.started
    assert deployment == "rerun-batches/house"
    assert parameters["params"] == {
        "run": 1,
        "which": "failed",
        "decided_by": "ann",
        "why": "nobody worked on it",
    }
    assert again[2] == key


def test_idle_once_more_is_another_start(run):
    server = Server(knows_it=False)
    wake(server, run, idle_s=121)
    wake(server, run, idle_s=300)
    assert len({key for _, _, key in server.started}) == 2


def test_a_run_that_no_flow_run_is_bound_to_is_started_anew(run):
    assert wake(Server(), dataclasses.replace(run, flow_run_id=None)) == (Way.STARTED, "f2")


@pytest.mark.parametrize("type_", ["FAILED", "RUNNING"])
def test_a_run_without_a_deployment_is_started_only_when_a_person_asks(run, type_):
    server = Server(type_, is_deployed=False)
    assert wake(server, run) == (Way.NOT_DEPLOYED, None)
    assert (server.retried, server.started) == ([], [])
    assert wake(server, run, is_asked_for=True) == (Way.STARTED, "f2")


def test_a_run_that_was_tried_often_is_tried_more_seldom_unless_a_person_asks(run):
    server = Server(n_started=6)
    assert wake(server, run, idle_s=121) == (Way.WAITS, "f1")
    assert server.retried == []
    assert wake(server, run, idle_s=pause_s(6)) == (Way.RETRIED, "f1")
    assert wake(server, run, idle_s=0, is_asked_for=True) == (Way.RETRIED, "f1")


def test_the_pause_between_two_tries_grows_up_to_half_an_hour():
    assert [pause_s(n) for n in (1, 3, 4, 6, 20)] == [120, 120, 240, 960, 1800]
