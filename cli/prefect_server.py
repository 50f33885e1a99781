"""Prefect's server as a child of ours: for `demo`, and for a `send` while `tidings up` is not running."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.children import free_port, last_words, start_child, stop_child
from config.settings import Settings, prefect_environment
from data.orchestrator import Orchestrator
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import Popen

START_PATIENCE_S = 120.0  # its first start makes a database, and a busy machine takes its time
STOP_PATIENCE_S = 15.0
LOOK_EVERY_S = 0.1


class PrefectServerError(TidingsError):
    """Prefect's server did not start."""


def server_command(host: str, port: int) -> list[str]:
    return [sys.executable, "-m", "prefect", "server", "start", "--host", host, "--port", str(port)]


def server_log(settings: Settings) -> Path:
    return settings.var_dir / "prefect" / "server.log"


@contextmanager
def own_prefect_server(settings: Settings) -> Iterator[str]:
    """A server on a free port for as long as this lasts; its API's URL. Raises PrefectServerError."""
    port = free_port()
    api_url = f"http://127.0.0.1:{port}/api"
    child = start_child(
        server_command("127.0.0.1", port),
        environment=prefect_environment(settings, api_url),
        log=server_log(settings),
    )
    try:
        wait_until_healthy(child, api_url, server_log(settings))
        yield api_url
    finally:
        stop_child(child, patience_s=STOP_PATIENCE_S)


def wait_until_healthy(child: Popen[bytes], api_url: str, log: Path) -> None:
    """Return once the server answers. Raises PrefectServerError when it ended, or takes too long."""
    server = Orchestrator(api_url)
    give_up_at_s = time.monotonic() + START_PATIENCE_S
    while not server.is_up():
        if child.poll() is not None:
            raise PrefectServerError(
                f"Prefect's server ended with code {child.returncode}: {last_words(log)}. All of it: {log}"
            )
        if time.monotonic() > give_up_at_s:
            raise PrefectServerError(
                f"Prefect's server did not answer within {START_PATIENCE_S:.0f} s; look into {log}"
            )
        time.sleep(LOOK_EVERY_S)
