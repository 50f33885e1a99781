"""A campaign run in this very process, with a Prefect server of its own: `demo`, and `send` without `tidings up`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cli.children import free_port, last_words, start_child, stop_child
from cli.prefect_server import own_prefect_server
from config.settings import Settings, prefect_environment
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import Popen

LOOK_EVERY_S = 0.05
SIMULATOR_PATIENCE_S = 30.0
# A person waits at the terminal: later receipts are collected by `tidings up`, or by the next run of the account.
QUIET_S = "15"


class SimulatorDidNotStart(TidingsError):
    """The simulator's process ended or stayed silent."""


class RunFailed(TidingsError):
    """The flow ended before anything could be sent; its own sentence says why."""


@dataclass(frozen=True, slots=True)
class FlowEnd:
    """How a flow run ended, in its own words."""

    flow_run_id: str
    message: str


def send_here(settings: Settings, parameters: dict[str, Any]) -> FlowEnd:
    """Run send_campaign in this process until it has ended. Raises RunFailed when it was interrupted."""
    from data.expectations.judging import import_early

    import_early()  # the gate's library takes seconds, and so does the server
    with own_prefect_server(settings) as api_url:
        os.environ.update(quiet_prefect(settings, api_url))
        os.environ.setdefault("TIDINGS_COLLECT_QUIET_S", QUIET_S)
        from flows.parameters import SendCampaign
        from flows.send_campaign import send_campaign
        from flows.this_run import tell_the_rest

        try:
            state = send_campaign(SendCampaign(**parameters), return_state=True)
        finally:
            tell_the_rest()
    if state.is_crashed():
        raise RunFailed(
            f"the run was interrupted ({state.message}); start it again to go on where it stopped."
        )
    return FlowEnd(str(state.state_details.flow_run_id), state.message or "")


def quiet_prefect(settings: Settings, api_url: str) -> dict[str, str]:
    """Prefect's logs go to its server; on this terminal only what went wrong would be seen."""
    return {
        **prefect_environment(settings, api_url),
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "TIDINGS_LOG_LEVEL": "WARNING",
    }


@contextmanager
def own_simulator(settings: Settings, *, seed: int = 1) -> Iterator[str]:
    """A simulator on a free port for as long as this lasts; its URL. Raises SimulatorDidNotStart."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = settings.var_dir / "simulator.log"
    child = start_child(simulator_command("127.0.0.1", port, seed=seed), environment={}, log=log)
    try:
        _wait_for_simulator(child, url, log)
        yield url
    finally:
        stop_child(child, patience_s=5.0)


def simulator_command(host: str, port: int, *, seed: int = 1) -> list[str]:
    module = "gateway_clients.simulator.server"
    return [sys.executable, "-m", module, "--host", host, "--port", str(port), "--seed", str(seed)]


def _wait_for_simulator(child: Popen[bytes], url: str, log: Path) -> None:
    import httpx

    give_up_at_s = time.monotonic() + SIMULATOR_PATIENCE_S
    while child.poll() is None and time.monotonic() < give_up_at_s:
        try:
            if httpx.get(f"{url}/health", timeout=1.0, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            time.sleep(LOOK_EVERY_S)
    raise SimulatorDidNotStart(f"the simulator did not start: {last_words(log)}. All of it: {log}")
