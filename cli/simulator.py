"""`tidings simulator`: the simulated gateway alone, in the foreground."""

from __future__ import annotations

from cli.output import EXIT_OK, screen
from config.settings import load_settings


def simulator(*, port: int | None, seed: int) -> int:
    from gateway_clients.simulator.server import serve

    settings = load_settings()
    serve(
        settings.host,
        settings.simulator_port if port is None else port,
        seed=seed,
        on_ready=lambda url: screen.print(f"simulator at {url} · Ctrl-C ends it · its count: {url}/ledger"),
    )
    return EXIT_OK
