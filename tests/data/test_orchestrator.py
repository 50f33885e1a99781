"""Prefect's REST API as the command line uses it, against a server that answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from data import orchestrator
from data.orchestrator import FlowRun, FlowRunState, Orchestrator, OrchestratorError


class Answers:
    """A server that gives the listed answers in order, and remembers what it was asked."""

    def __init__(self):
        self.planned = []
        self.asked = []

    def give(self, status, content=None):
        self.planned.append((status, content))


@pytest.fixture
def answers():
    return Answers()


@pytest.fixture
def server(answers):
    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            answers.asked.append((self.command, self.path, json.loads(body) if body else None))
            status, content = answers.planned.pop(0)
            if content == "late":
                time.sleep(0.5)
            self.send_response(status)
            self.end_headers()
            if status != 204:
                self.wfile.write(json.dumps(content).encode())

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - the library's names

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        yield Orchestrator(f"http://127.0.0.1:{listening.server_port}/api")
        listening.shutdown()


@pytest.fixture
def nobody():
    return Orchestrator("http://127.0.0.1:9/api")


def test_a_flow_run_is_started_with_its_parameters_and_its_time(server, answers):
    answers.give(200, {"id": "d1"})
    answers.give(201, {"id": "r1"})
    started = server.create_flow_run(
        "send-campaign/house", {"params": {"campaign": "welcome"}}, scheduled_at="2026-12-01T09:00:00+01:00"
    )
    method, path, body = answers.asked[-1]
    assert (started, method, path) == ("r1", "POST", "/api/deployments/d1/create_flow_run")
    assert body["parameters"] == {"params": {"campaign": "welcome"}}
    assert body["state"]["state_details"] == {"scheduled_time": "2026-12-01T09:00:00+01:00"}


def test_a_busy_server_is_asked_again(server, answers, monkeypatch):
    monkeypatch.setattr(orchestrator, "BUSY_PAUSE_S", 0.0)
    answers.give(503)
    answers.give(503)
    answers.give(200, {"state": {"type": "COMPLETED", "name": "Completed", "message": "run 1 finished"}})
    assert server.state_of("r1") == FlowRunState("COMPLETED", "Completed", "run 1 finished")
    assert len(answers.asked) == 3


def test_a_server_that_stays_busy_is_given_up(server, answers, monkeypatch):
    monkeypatch.setattr(orchestrator, "BUSY_PATIENCE_S", 0.0)
    answers.give(503)
    with pytest.raises(OrchestratorError, match="refused /flow_runs/r1 with 503"):
        server.state_of("r1")


def test_a_question_that_is_answered_late_is_asked_again_and_a_wish_is_not(server, answers, monkeypatch):
    monkeypatch.setattr(orchestrator, "TIMEOUT_S", 0.2)
    completed = {"state": {"type": "COMPLETED", "name": "Completed", "message": ""}}
    answers.give(200, "late")
    answers.give(200, completed)
    assert server.state_of("r1").type == "COMPLETED"
    answers.give(201, "late")
    with pytest.raises(OrchestratorError, match="ReadTimeout"):
        server.retry("r1", "why")


def test_a_server_that_is_not_there_is_one_sentence(nobody):
    with pytest.raises(
        OrchestratorError, match=r"at http://127\.0\.0\.1:9/api does not answer .*`tidings up`\.$"
    ):
        nobody.state_of("r1")
    assert not nobody.is_up()


def test_an_unknown_deployment_is_one_sentence(server, answers):
    answers.give(404, {"detail": "Not Found"})
    with pytest.raises(OrchestratorError, match="does not know /deployments/name/send-campaign/moon"):
        server.find_deployment("send-campaign/moon")


def test_the_version_of_a_deployment_that_is_not_there_is_none(server, answers):
    answers.give(404, {"detail": "Not Found"})
    answers.give(200, {"id": "d1", "version": "abc"})
    assert [server.version_of("send-campaign/house"), server.version_of("send-campaign/house")] == [
        None,
        "abc",
    ]


def test_a_work_pool_that_is_there_already_is_fine(server, answers):
    answers.give(409, {"detail": "A work pool with this name already exists."})
    server.ensure_work_pool("tidings")
    assert answers.asked == [("POST", "/api/work_pools/", {"name": "tidings", "type": "process"})]


@pytest.mark.parametrize(
    ("type_", "is_final"), [("RUNNING", False), ("CANCELLING", False), ("CANCELLED", True), ("CRASHED", True)]
)
def test_a_flow_run_is_over_in_its_final_states_only(type_, is_final):
    assert FlowRunState(type_, "", "").is_final is is_final


def test_a_flow_run_is_found_with_all_that_decides_on_a_retry(server, answers):
    crashed = {"type": "CRASHED", "name": "Crashed", "message": "no heartbeat"}
    at = {"timestamp": "1970-01-01T00:01:40.500000Z"}
    answers.give(200, {"id": "r1", "state": crashed | at, "deployment_id": "d1", "run_count": 2})
    answers.give(200, {"id": "r2", "state": None, "deployment_id": None})
    answers.give(404, {"detail": "Not Found"})
    assert server.find_flow_run("r1") == FlowRun("r1", FlowRunState(*crashed.values()), 100.5, True, 2)
    assert server.find_flow_run("r2") == FlowRun("r2", FlowRunState("PENDING", "", ""), 0.0, False, 0)
    assert server.find_flow_run("r3") is None


def test_slots_that_nobody_can_hold_any_more_are_free(server, answers):
    answers.give(200, {"id": "d1", "global_concurrency_limit": {"id": "l1", "active_slots": 1}})
    answers.give(204)
    server.free_slots("keep-house/house")
    assert answers.asked[1] == ("PATCH", "/api/v2/concurrency_limits/l1", {"active_slots": 0})
    answers.give(200, {"id": "d2", "global_concurrency_limit": None})
    server.free_slots("send-part/house")


@pytest.mark.parametrize(("status", "is_taken"), [("ACCEPT", True), ("ABORT", False)])
def test_a_retry_is_what_the_ui_asks_for(server, answers, status, is_taken):
    answers.give(201, {"status": status})
    assert server.retry("r1", "nobody worked on run 1") is is_taken
    state = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "nobody worked on run 1"}
    assert answers.asked == [("POST", "/api/flow_runs/r1/set_state", {"state": state, "force": False})]


AUTOMATION = {
    "name": "zombies",
    "trigger": {"expect": ["a", "b"], "within": 90},
    "actions": [{"state": "CRASHED"}],
}


def kept(**changes):
    """As the server keeps it: in an order of its own, with fields and defaults of its own."""
    trigger = {"expect": ["b", "a"], "within": 90.0, "id": "t1"}
    actions = [{"state": "CRASHED", "force": False}]
    return {"id": "a1", "name": "zombies", "trigger": trigger, "actions": actions, "tags": [], **changes}


def test_an_automation_is_made_once(server, answers):
    answers.give(200, [])
    answers.give(201, kept())
    answers.give(200, [kept()])
    assert [server.ensure_automation(AUTOMATION), server.ensure_automation(AUTOMATION)] == [True, False]
    assert [path for _, path, _ in answers.asked] == [
        "/api/automations/filter",
        "/api/automations/",
        "/api/automations/filter",
    ]


@pytest.mark.parametrize(
    "changes", [{"actions": []}, {"trigger": {"expect": ["a", "c"], "within": 90}}, {"trigger": None}]
)
def test_an_automation_that_reads_otherwise_is_made_anew(server, answers, changes):
    answers.give(200, [kept(**changes)])
    answers.give(204, None)
    answers.give(201, kept())
    assert server.ensure_automation(AUTOMATION)
    assert [(method, path) for method, path, _ in answers.asked][1:] == [
        ("DELETE", "/api/automations/a1"),
        ("POST", "/api/automations/"),
    ]
