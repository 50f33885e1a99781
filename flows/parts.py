"""How a run's parts are worked through: as deployed runs side by side, or here, one after the other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from prefect import State
from prefect.client.orchestration import get_client
from prefect.deployments import run_deployment
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import AwaitingRetry

from flows.send_part import send_part
from flows.this_run import is_deployed
from messaging.batches import part_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect.client.orchestration import SyncPrefectClient

PART_DEPLOYMENT = "send-part/house"
POLL_S = 1.0
CRASH_REPORT_S = 10.0
PATIENCE_S = 120.0  # Prefect's server on SQLite answers 503 while it is busy


@dataclass(frozen=True, slots=True)
class PartToRun:
    """part counts from 0. batches: only these of it; None: all."""

    part: int
    batches: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class PartResult:
    """How one part ended. part counts from 0."""

    part: int
    is_done: bool
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The parts of one run to be worked through.

    key: names their flow runs on Prefect's server; asked again under the same key, it gives the same ones back, however
    they ended. unfinished: parts that have something to send. is_again: every part is run once more, also one that is
    done; else a part that has ended is retried only when it failed, or something is left of it.
    """

    run: int
    parts: Sequence[PartToRun]
    key: str
    unfinished: frozenset[int]
    is_again: bool


def run_parts(work: Work, *, at_once: int, on_end: Callable[[], None]) -> list[PartResult]:
    """All these parts, in order. Blocks until each has ended, well or badly; on_end is called after each."""
    if is_deployed():
        return _Deployed(work, on_end).work(at_once)
    return [_here(work.run, part, on_end) for part in work.parts]


def parts_of(batches: Sequence[int]) -> list[PartToRun]:
    """The parts that these batches lie in, each with those of them that it holds. batches: sorted."""
    return [PartToRun(part, tuple(of_part)) for part, of_part in groupby(batches, key=part_of)]


def _here(run: int, part: PartToRun, on_end: Callable[[], None]) -> PartResult:
    state = send_part(run, part.part, _as_parameter(part), return_state=True)
    on_end()
    return _result(part.part, state)


def _as_parameter(part: PartToRun) -> list[int] | None:
    return None if part.batches is None else list(part.batches)


def _result(part: int, state: State[Any]) -> PartResult:
    return PartResult(part, state.is_completed(), state.message or state.name or "")


class _Deployed:
    """Parts as runs of their own, so that each can be retried alone and many machines share them."""

    def __init__(self, work: Work, on_end: Callable[[], None]) -> None:
        self._work = work
        self._on_end = on_end

    def work(self, at_once: int) -> list[PartResult]:
        waiting = list(self._work.parts)
        running: dict[int, UUID] = {}
        ended: dict[int, PartResult] = {}
        with get_client(sync_client=True) as client:
            while waiting or running:
                while waiting and len(running) < at_once:
                    part = waiting.pop(0)
                    running[part.part] = self._start(client, part)
                for number, run_id in list(running.items()):
                    state = self._state(client, run_id)
                    if state.is_final():
                        ended[number] = _result(number, state)
                        del running[number]
                        self._on_end()
                if running:
                    time.sleep(POLL_S)
        return [ended[part.part] for part in self._work.parts]

    def _start(self, client: SyncPrefectClient, part: PartToRun) -> UUID:
        """The one deployed run of this part. Asked again, Prefect gives the same one back, failed or not."""
        part_run = _patiently(
            lambda: run_deployment(
                PART_DEPLOYMENT,
                parameters={"run": self._work.run, "part": part.part, "batches": _as_parameter(part)},
                timeout=0,
                as_subflow=True,
                idempotency_key=f"{self._work.key}-part-{part.part}",
            )
        )
        state = self._state(client, part_run.id)
        if state.is_final() and self._wants_a_retry(part.part, state):
            self._retry(client, part_run.id, state)
        return UUID(str(part_run.id))

    def _wants_a_retry(self, part: int, ended: State[Any]) -> bool:
        """A part that was done may have something to send again: a person decided so on messages in doubt."""
        return self._work.is_again or not ended.is_completed() or part in self._work.unfinished

    def _retry(self, client: SyncPrefectClient, run_id: UUID, ended: State[Any]) -> None:
        """Prefect hands an ended part back as it is, so whoever starts it again must retry it."""
        if (
            ended.is_crashed()
        ):  # its worker reports the end of the process a moment later, and would end the retry too
            time.sleep(max(0.0, CRASH_REPORT_S - (datetime.now(UTC) - ended.timestamp).total_seconds()))
        _patiently(
            lambda: client.set_flow_run_state(
                run_id, AwaitingRetry(message=f"run {self._work.run} was started again"), force=True
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
