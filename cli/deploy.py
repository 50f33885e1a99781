"""`tidings deploy`: the schedule of a campaign or an import onto the Prefect server of `tidings up`."""

from __future__ import annotations

import os
from pathlib import Path

from cli.definition import UnclearLine
from cli.output import EXIT_OK, print_json, screen
from config.settings import load_settings, prefect_environment
from data.orchestrator import Orchestrator, OrchestratorError


def deploy(name: str | None, *, as_json: bool) -> int:
    from data.definitions import load_definition

    if name is None:
        raise UnclearLine("name the campaign or the import to deploy: tidings deploy welcome.")
    settings = load_settings()
    loaded = load_definition(name, here=Path.cwd())
    if not Orchestrator(settings.api_url).is_up():
        raise OrchestratorError(
            f"no Prefect server answers at {settings.api_url}; start it with `tidings up`."
        )
    os.environ.update(prefect_environment(settings, settings.api_url))
    from flows.deploying import deploy_definition

    deployed = deploy_definition(loaded, work_pool=settings.work_pool)
    if as_json:
        print_json({"deployment": deployed.name, "changed": deployed.is_new})
    else:
        kind = loaded.schedule.kind or "no schedule: it runs when somebody starts it"
        done = "deployed" if deployed.is_new else "stands there already, unchanged"
        screen.print(f"[bold]{deployed.name}[/bold] {done} ({kind})")
    return EXIT_OK
