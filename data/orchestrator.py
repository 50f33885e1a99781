"""Prefect's REST API: the door to what rests on its server. For the command line and the console, which import no Prefect."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
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


class Orchestrator:
    """One Prefect server. Answers 503 are asked again: its SQLite is busy now and then."""

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
        state = self._ask("GET", f"/flow_runs/{flow_run_id}").get("state") or {}
        return FlowRunState(
            type=state.get("type") or "PENDING",
            name=state.get("name") or "",
            message=state.get("message") or "",
        )

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, fine: int | None = None
    ) -> dict[str, Any]:
        """fine: a refusal that answers the question, and is returned as an empty answer."""
        give_up_at_s = time.monotonic() + BUSY_PATIENCE_S
        while True:
            try:
                answer = httpx.request(
                    method, self.api_url + path, json=body, timeout=TIMEOUT_S, trust_env=False
                )
            except httpx.HTTPError as error:
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
        found: dict[str, Any] = answer.json()
        return found
