"""How a campaign run works through its parts: as deployed runs side by side, or here, one after the other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from prefect import State
from prefect.client.orchestration import get_client
from prefect.deployments import run_deployment
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import AwaitingRetry

from flows.send_part import send_part
from flows.this_run import is_deployed, is_retry

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect.client.orchestration import SyncPrefectClient

PART_DEPLOYMENT = "send-part/house"
POLL_S = 1.0
PATIENCE_S = 120.0  # Prefect's server on SQLite answers 503 while it is busy


@dataclass(frozen=True, slots=True)
class PartResult:
    """How one part ended. part counts from 0."""

    part: int
    is_done: bool
    message: str


def run_parts(run: int, n_parts: int, *, at_once: int, on_end: Callable[[], None]) -> list[PartResult]:
    """All parts of a run, in order. Blocks until each has ended, well or badly; on_end is called after each."""
    if is_deployed():
        return _Deployed(run, on_end).work(range(n_parts), at_once)
    return [_here(run, part, on_end) for part in range(n_parts)]


def _here(run: int, part: int, on_end: Callable[[], None]) -> PartResult:
    state = send_part(run, part, return_state=True)
    on_end()
    return _result(part, state)


def _result(part: int, state: State[Any]) -> PartResult:
    return PartResult(part, state.is_completed(), state.message or state.name or "")


class _Deployed:
    """Parts as runs of their own, so that each can be retried alone and many machines share them."""

    def __init__(self, run: int, on_end: Callable[[], None]) -> None:
        self._run = run
        self._on_end = on_end

    def work(self, parts: Sequence[int], at_once: int) -> list[PartResult]:
        waiting = list(parts)
        running: dict[int, UUID] = {}
        ended: dict[int, PartResult] = {}
        with get_client(sync_client=True) as client:
            while waiting or running:
                while waiting and len(running) < at_once:
                    part = waiting.pop(0)
                    running[part] = self._start(client, part)
                for part, run_id in list(running.items()):
                    state = self._state(client, run_id)
                    if state.is_final():
                        ended[part] = _result(part, state)
                        del running[part]
                        self._on_end()
                if running:
                    time.sleep(POLL_S)
        return [ended[part] for part in parts]

    def _start(self, client: SyncPrefectClient, part: int) -> UUID:
        """The one deployed run of this part. Asked again, Prefect gives the same one back, failed or not."""
        part_run = _patiently(
            lambda: run_deployment(
                PART_DEPLOYMENT,
                parameters={"run": self._run, "part": part},
                timeout=0,
                as_subflow=True,
                idempotency_key=f"run-{self._run}-part-{part}",
            )
        )
        if is_retry():
            self._retry(client, part_run.id)
        return UUID(str(part_run.id))

    def _retry(self, client: SyncPrefectClient, run_id: UUID) -> None:
        """A retried campaign run must retry its failed parts itself: Prefect hands them back as they ended."""
        state = self._state(client, run_id)
        if state.is_final() and not state.is_completed():
            _patiently(
                lambda: client.set_flow_run_state(
                    run_id, AwaitingRetry(message="the campaign run was retried"), force=True
                )
            )

    def _state(self, client: SyncPrefectClient, run_id: UUID) -> State[Any]:
        state: State[Any] | None = _patiently(lambda: client.read_flow_run(run_id).state)
        assert state is not None, "a flow run that was created has a state"
        return state


def _patiently(ask: Callable[[], Any]) -> Any:
    """Ask Prefect's server, again while it is too busy or restarts."""
    give_up_at_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ask()
        except (httpx.TransportError, PrefectHTTPStatusError) as error:
            is_busy = not isinstance(error, PrefectHTTPStatusError) or error.response.status_code == 503
            if not is_busy or time.monotonic() > give_up_at_s:
                raise
            time.sleep(POLL_S)
