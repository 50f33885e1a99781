"""A running `tidings up` to be killed: Prefect's server and worker, and the flow runs that the worker starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from cli.children import free_port
from cli.supervisor import _children_of
from data.orchestrator import Orchestrator
from tests.chaos.nursery import CHECKOUT

START_PATIENCE_S = 150.0
STOP_PATIENCE_S = 60.0
SERVER_PATIENCE_S = 120.0
PENDING_PATIENCE_S = 20.0  # a process that starts is not seen at once
FINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


class WouldNotStart(Exception):
    """`tidings up` did not say that it is up."""


@dataclass(frozen=True, slots=True)
class FlowRun:
    """As Prefect's server has it."""

    id: str
    flow: str
    state: str  # its type: RUNNING, CRASHED, …
    age_s: float  # of the state
    is_part_of_another: bool


class PrefectSystem:
    """Its processes on Linux, found in /proc, and its server's REST API."""

    def __init__(self, up: subprocess.Popen[bytes], port: int) -> None:
        self._up = up
        self.server = Orchestrator(f"http://127.0.0.1:{port}/api")

    def worker(self) -> int | None:
        """The worker's process; None while it is being started again."""
        for pid in _children_of(self._up.pid):
            with suppress(OSError):
                if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                    return pid
        return None

    def living(self) -> dict[str, int]:
        """Flow run → its process, of all that a worker started."""
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with suppress(OSError):
                if (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                    continue
                environment = dict(
                    line.partition(b"=")[::2] for line in (entry / "environ").read_bytes().split(b"\0")
                )
                is_ours = environment.get(b"PREFECT_API_URL") == self.server.api_url.encode()
                if is_ours and b"PREFECT__FLOW_RUN_ID" in environment:
                    found[environment[b"PREFECT__FLOW_RUN_ID"].decode()] = int(entry.name)
        return found

    def flow_runs(self) -> list[FlowRun]:
        """Those that send: campaigns and parts."""
        now = time.time()
        asked = {"flows": {"name": {"any_": ["send-campaign", "send-part"]}}, "limit": 200}
        found = [run for run in self._post("/flow_runs/filter", asked) if run["state"]]
        return [
            FlowRun(
                id=run["id"],
                flow=run["name"],
                state=run["state"]["type"],
                age_s=now - datetime.fromisoformat(run["state"]["timestamp"]).timestamp(),
                is_part_of_another=run["parent_task_run_id"] is not None,
            )
            for run in found
        ]

    def set_state(self, flow_run: str, **state: Any) -> None:
        self._post(f"/flow_runs/{flow_run}/set_state", {"state": state, "force": True})

    def bury(self) -> None:
        """What Prefect's own automation does a minute later: runs without a process are Crashed."""
        runs, living = self.flow_runs(), self.living()
        for run in runs:
            is_due = run.state == "RUNNING" or (run.state == "PENDING" and run.age_s > PENDING_PATIENCE_S)
            if is_due and run.id not in living:
                self.set_state(run.id, type="CRASHED", name="Crashed", message="its process was killed")

    def retry(self) -> None:
        """What an operator clicks: every campaign and lone part that has not completed."""
        for run in self.flow_runs():
            if run.state in FINAL - {"COMPLETED"} and not run.is_part_of_another:
                self.set_state(run.id, type="SCHEDULED", name="AwaitingRetry")

    def _post(self, path: str, content: Any) -> Any:
        """Asked again while the server is too busy to answer."""
        give_up_at_s = time.monotonic() + SERVER_PATIENCE_S
        while True:
            with suppress(httpx.TransportError):
                answer = httpx.post(self.server.api_url + path, json=content, timeout=30, trust_env=False)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    answer.raise_for_status()
                    return answer.json()
            if time.monotonic() > give_up_at_s:
                raise TimeoutError(f"Prefect's server does not answer {path}")
            time.sleep(0.5)


@contextmanager
def prefect_system(var_dir: Path, simulator_url: str) -> Iterator[PrefectSystem]:
    """Up when it is entered; nothing of it is left afterwards. Raises WouldNotStart."""
    port, output = free_port(), var_dir.parent / f"{var_dir.name}-up.log"
    environment = {
        **{
            name: value for name, value in os.environ.items() if not name.startswith(("TIDINGS_", "PREFECT_"))
        },
        "TIDINGS_ENV_FILE": os.devnull,
        "TIDINGS_VAR_DIR": str(var_dir),
        "TIDINGS_PREFECT_PORT": str(port),
        "TIDINGS_SIMULATOR_URL": simulator_url,
        "TIDINGS_COLLECT_QUIET_S": "2",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-c", "from cli.main import main; main()", "up"]
    with output.open("wb") as log:
        up = subprocess.Popen(
            command, cwd=CHECKOUT, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    system = PrefectSystem(up, port)
    try:
        _wait_until_up(up, output)
        yield system
    finally:
        up.terminate()
        with suppress(subprocess.TimeoutExpired):
            up.wait(STOP_PATIENCE_S)
        up.kill()
        up.wait()
        for pid in system.living().values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        output.unlink(missing_ok=True)


def _wait_until_up(up: subprocess.Popen[bytes], output: Path) -> None:
    give_up_at_s = time.monotonic() + START_PATIENCE_S
    while "Ctrl-C" not in output.read_text():
        if up.poll() is not None or time.monotonic() > give_up_at_s:
            raise WouldNotStart(output.read_text()[-2000:])
        time.sleep(0.1)
