"""The simulator as a process: it listens, and it ends when told. `python -m gateway_clients.simulator.server`."""

from __future__ import annotations

import argparse
import asyncio
import errno
import ipaddress
import signal
import socket
import sys
from collections.abc import Callable

import uvloop

from gateway_clients.simulator.api import Api
from gateway_clients.simulator.http1 import Connection
from gateway_clients.simulator.settings import LIFELIKE, SimulatorSettings
from messaging.errors import TidingsError

DEFAULT_PORT = 4280


class SimulatorError(TidingsError):
    """The simulator cannot listen where it was told to."""


def serve(
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    *,
    seed: int = 1,
    settings: SimulatorSettings = LIFELIKE,
    allow_remote: bool = False,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT. Blocks; for the main thread of a process.

    port 0: any free one. on_ready gets the URL once connections are taken. allow_remote: other addresses than
    loopback, without any log-in. Raises SimulatorError before anything is served.
    """
    listener = _listen(host, port, allow_remote=allow_remote)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(listener, Api(settings, seed=seed), on_ready))


async def _serve(listener: socket.socket, api: Api, on_ready: Callable[[str], None] | None) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    connections: set[Connection] = set()
    server = await loop.create_server(
        lambda: Connection(api.may_read, api.respond, connections), sock=listener, backlog=1024
    )
    if on_ready is not None:
        on_ready(_url(listener))
    await stop.wait()
    server.close()
    for connection in tuple(connections):
        connection.abort()
    await server.wait_closed()


def _listen(host: str, port: int, *, allow_remote: bool) -> socket.socket:
    if not allow_remote and not _is_loopback(host):
        raise SimulatorError(
            f"the simulator has no log-in and listens on this machine only, not on {host}; use 127.0.0.1."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SimulatorError(_why_not(host, port, error)) from None
    return listener


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken: end the program that uses it, or choose another with --port (0: any free one)."
    return (
        f"the simulator cannot listen on {host} port {port} ({error.strerror}); choose another with --port."
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def main(arguments: list[str] | None = None) -> int:
    """The process that other processes start: prints its URL as its only line. Ends with 2 and a sentence if it cannot."""
    parser = argparse.ArgumentParser(
        prog="simulator", description="A simulated SMS gateway (docs/simulator.md)."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0: any free port")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="take and deliver everything at once")
    parser.add_argument(
        "--allow-remote", action="store_true", help="other addresses than loopback; there is no log-in"
    )
    chosen = parser.parse_args(arguments)
    try:
        serve(
            chosen.host,
            chosen.port,
            seed=chosen.seed,
            settings=SimulatorSettings() if chosen.plain else LIFELIKE,
            allow_remote=chosen.allow_remote,
            on_ready=lambda url: print(url, flush=True),  # noqa: T201
        )
    except SimulatorError as error:
        print(f"simulator: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
