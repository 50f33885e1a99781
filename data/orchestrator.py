"""Prefect's REST API: the door to what rests on its server. For the command line and the console, which import no Prefect."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx

from messaging.errors import TidingsError

TIMEOUT_S = 15.0
BUSY_PATIENCE_S = 60.0
BUSY_PAUSE_S = 0.3
_FINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


class OrchestratorError(TidingsError):
    """Prefect's server does not answer, or does not know what it was asked for."""


@dataclass(frozen=True, slots=True)
class FlowRunState:
    """type is Prefect's own (COMPLETED, FAILED, …); name and message are what a person reads."""

    type: str
    name: str
    message: str

    @property
    def is_final(self) -> bool:
        return self.type in _FINAL


@dataclass(frozen=True, slots=True)
class FlowRun:
    """state_at: since when it stands in its state, in seconds since 1970. n_started: retries are counted too."""

    id: str
    state: FlowRunState
    state_at: float
    is_deployed: bool
    n_started: int


class Orchestrator:
    """One Prefect server. A question that is answered with 503, or late, is asked again: it is busy now and then."""

    def __init__(self, api_url: str) -> None:
        self.api_url = api_url.rstrip("/")

    def is_up(self) -> bool:
        """Whether a Prefect server answers there."""
        try:
            answer = httpx.get(f"{self.api_url}/health", timeout=2.0, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.is_success and answer.text.strip() == "true"

    def find_deployment(self, name: str) -> str:
        """The id of a deployment, named flow/deployment. Raises OrchestratorError."""
        answer = self._ask("GET", f"/deployments/name/{quote(name)}")
        return str(answer["id"])

    def create_flow_run(
        self,
        deployment: str,
        parameters: Mapping[str, Any],
        *,
        scheduled_at: str | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Start a deployment's flow, now or at an instant (ISO 8601 with an offset); the id of the flow run.

        The same idempotency_key gives the same flow run.
        """
        state: dict[str, Any] = {"type": "SCHEDULED"}
        if scheduled_at is not None:
            state["state_details"] = {"scheduled_time": scheduled_at}
        body = {"parameters": parameters, "state": state, "idempotency_key": idempotency_key}
        answer = self._ask("POST", f"/deployments/{self.find_deployment(deployment)}/create_flow_run", body)
        return str(answer["id"])

    def ensure_work_pool(self, name: str) -> None:
        """A pool for process workers of this name exists; its worker fills in the template."""
        self._ask("POST", "/work_pools/", {"name": name, "type": "process"}, fine=409)

    def version_of(self, deployment: str) -> str | None:
        """The version a deployment bears; None when there is no such deployment."""
        version: str | None = self._ask("GET", f"/deployments/name/{quote(deployment)}", fine=404).get(
            "version"
        )
        return version

    def state_of(self, flow_run_id: str) -> FlowRunState:
        return _state(self._ask("GET", f"/flow_runs/{flow_run_id}"))

    def find_flow_run(self, flow_run_id: str) -> FlowRun | None:
        """None: this server knows no such flow run, or no longer."""
        answer = self._ask("GET", f"/flow_runs/{flow_run_id}", fine=404)
        return _flow_run(answer) if answer else None

    def find_children(self, flow_run_id: str) -> list[FlowRun]:
        """The flow runs that a flow run started as its own, such as the parts of a campaign run."""
        mine = {"flow_runs": {"parent_flow_run_id": {"any_": [flow_run_id]}}}
        return [_flow_run(one) for one in self._ask_for_list("/flow_runs/filter", mine)]

    def has_heartbeat_since(self, flow_run_id: str, since: float) -> bool:
        """Whether the process of a flow run has told the server since then that it lives."""
        wanted = {
            "occurred": {"since": datetime.fromtimestamp(since, UTC).isoformat()},
            "event": {"name": ["prefect.flow-run.heartbeat"]},
            "resource": {"id": [f"prefect.flow-run.{flow_run_id}"]},
        }
        return bool(self._ask("POST", "/events/filter", {"filter": wanted, "limit": 1})["events"])

    def crash(self, flow_run_id: str, why: str) -> None:
        """Say of a flow run that its process is gone."""
        state = {"type": "CRASHED", "name": "Crashed", "message": why}
        self._ask("POST", f"/flow_runs/{flow_run_id}/set_state", {"state": state, "force": True})

    def retry(self, flow_run_id: str, why: str) -> bool:
        """What Retry in the UI does. False: Prefect refused, since it runs again already."""
        state = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": why}
        answer = self._ask("POST", f"/flow_runs/{flow_run_id}/set_state", {"state": state, "force": False})
        return answer.get("status") == "ACCEPT"

    def free_slots(self, deployment: str) -> None:
        """Forget which flow runs hold the slots of a deployment's concurrency limit: for a time when none can.

        A machine that was lost gives none back, and a deployment without a free slot never runs again.
        """
        limit = self._ask("GET", f"/deployments/name/{quote(deployment)}").get("global_concurrency_limit")
        if limit is not None:
            self._ask("PATCH", f"/v2/concurrency_limits/{limit['id']}", {"active_slots": 0})

    def ensure_automation(self, automation: Mapping[str, Any]) -> bool:
        """One automation of this name exists, as described. False: it did already."""
        named = {"automations": {"name": {"any_": [automation["name"]]}}}
        found = self._ask_for_list("/automations/filter", named)
        if any(_is_described(one, automation) for one in found):
            return False
        for outdated in found:
            self._ask("DELETE", f"/automations/{outdated['id']}")
        self._ask("POST", "/automations/", automation)
        return True

    def _ask_for_list(self, path: str, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._answer("POST", path, body)
        return found

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, fine: int | None = None
    ) -> dict[str, Any]:
        """fine: a refusal that answers the question, and is returned as an empty answer."""
        found: dict[str, Any] = self._answer(method, path, body, fine=fine)
        return found

    def _answer(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, fine: int | None = None
    ) -> Any:
        give_up_at_s = time.monotonic() + BUSY_PATIENCE_S
        while True:
            try:
                answer = httpx.request(
                    method, self.api_url + path, json=body, timeout=TIMEOUT_S, trust_env=False
                )
            except httpx.HTTPError as error:
                is_slow = (
                    isinstance(error, httpx.TimeoutException) and method == "GET"
                )  # asks, and starts nothing
                if is_slow and time.monotonic() < give_up_at_s:
                    continue
                raise OrchestratorError(
                    f"Prefect's server at {self.api_url} does not answer ({type(error).__name__}); "
                    "start it with `tidings up`."
                ) from None
            if answer.status_code != 503 or time.monotonic() > give_up_at_s:
                break
            time.sleep(BUSY_PAUSE_S)
        if answer.status_code == fine:
            return {}
        if answer.status_code == 404:
            raise OrchestratorError(
                f"Prefect's server at {self.api_url} does not know {path}; `tidings up` deploys what belongs there."
            )
        if not answer.is_success:
            raise OrchestratorError(
                f"Prefect's server at {self.api_url} refused {path} with {answer.status_code}; "
                "its log is in var/prefect/server.log."
            )
        return answer.json() if answer.content else {}


def _flow_run(answer: Mapping[str, Any]) -> FlowRun:
    timestamp = (answer.get("state") or {}).get("timestamp")
    return FlowRun(
        id=str(answer["id"]),
        state=_state(answer),
        state_at=datetime.fromisoformat(timestamp).timestamp() if timestamp else 0.0,
        is_deployed=answer.get("deployment_id") is not None,
        n_started=answer.get("run_count") or 0,
    )


def _state(flow_run: Mapping[str, Any]) -> FlowRunState:
    state = flow_run.get("state") or {}
    return FlowRunState(
        type=state.get("type") or "PENDING",
        name=state.get("name") or "",
        message=state.get("message") or "",
    )


def _is_described(found: Any, wanted: Any) -> bool:
    """Whether all that is wanted stands in what the server keeps, which adds fields and defaults of its own."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            _is_described(found.get(key), value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(any(_is_described(one, value) for one in found) for value in wanted)
        )
    return bool(found == wanted)
