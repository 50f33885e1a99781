"""`tidings send`: a campaign now, or once at a given time."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from cli.account import files_of, print_account
from cli.arguments import WhatToSend
from cli.definition import load_what
from cli.instance import open_here
from cli.output import EXIT_FAILED, EXIT_OK, print_json, screen
from cli.progress import progress_of_next_run
from cli.quality import quality_of
from cli.run_here import FlowEnd, RunFailed, own_simulator, send_here
from config.settings import Settings, load_settings
from data.orchestrator import Orchestrator
from messaging.errors import TidingsError
from messaging.runs import RunState

if TYPE_CHECKING:
    from data.definitions import LoadedCampaign
    from data.instance import Instance

SEND_DEPLOYMENT = "send-campaign/house"
POLL_S = 0.5


class BadTime(TidingsError):
    """--at is no instant that lies ahead."""


class GatewayUnreachable(TidingsError):
    """Nobody listens at the gateway's address."""


def send(what: WhatToSend, *, as_json: bool) -> int:
    settings = load_settings()
    with ExitStack() as stack:
        instance = stack.enter_context(open_here(settings))
        loaded = load_what(what, var_dir=settings.var_dir)
        server = Orchestrator(settings.api_url)
        is_up = server.is_up()
        settings = _check(instance, loaded, settings, is_up=is_up, stack=stack)
        _rehearse(instance, loaded)
        parameters = {"campaign": str(loaded.path), "run_key": what.run_key, "again": what.again}
        if what.at is not None:
            return _schedule(server, loaded, what, parameters)
        with progress_of_next_run(instance.store, is_shown=not as_json):
            ended = _send_there(server, parameters) if is_up else send_here(settings, parameters)
        return report(instance, ended, as_json=as_json)


def _rehearse(instance: Instance, loaded: LoadedCampaign) -> None:
    """Plan once here, so that a wrong file or template is said at once, and costs neither a server nor a run."""
    from engine.plan import GuardStopped, make_plan
    from engine.quality import refuse_failed

    plan = make_plan(
        loaded.campaign,
        base=loaded.base,
        store=instance.store,
        keys=instance.keys,
        folder=instance.var_dir,
    )
    if plan.stopped_by is not None:
        raise GuardStopped(plan.stopped_by)
    refuse_failed(quality_of(plan, instance, by_rows=False))


def _check(
    instance: Instance, loaded: LoadedCampaign, settings: Settings, *, is_up: bool, stack: ExitStack
) -> Settings:
    """What can be known to be wrong before anything is started: account, consent, an unreachable gateway.

    Without a simulator at its address, the account `sim` gets one of its own for the time of the run.
    """
    from data.accounts import read_account
    from engine.consent import require_consent
    from gateway_clients.reach import is_reachable

    account = read_account(instance.store, loaded.campaign.gateway.account, sealing_key=instance.keys.sealing)
    require_consent(loaded.campaign, is_simulated=account.is_simulated)
    url = str(account.settings.get("url") or (settings.simulator_address if account.is_simulated else ""))
    if not url or is_reachable(url):
        return settings
    if account.is_simulated and not is_up and not settings.simulator_url and "url" not in account.settings:
        return use_simulator(settings, stack.enter_context(own_simulator(settings)))
    raise GatewayUnreachable(
        f"the gateway of account {account.account} does not answer at {url}; "
        "start it, or correct the account's address. Nothing was sent."
    )


def use_simulator(settings: Settings, url: str) -> Settings:
    """The settings with that simulator, here and in the flow, which reads its own."""
    os.environ["TIDINGS_SIMULATOR_URL"] = url
    return settings.model_copy(update={"simulator_url": url})


def _send_there(server: Orchestrator, parameters: dict[str, Any]) -> FlowEnd:
    """On the worker of `tidings up`; Ctrl-C here leaves it sending."""
    flow_run_id = server.create_flow_run(SEND_DEPLOYMENT, {"params": parameters})
    try:
        while not (state := server.state_of(flow_run_id)).is_final:
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        raise RunFailed(
            f"the run goes on without this terminal (flow run {flow_run_id}); `tidings status` shows it."
        ) from None
    return FlowEnd(flow_run_id, state.message)


def _schedule(
    server: Orchestrator, loaded: LoadedCampaign, what: WhatToSend, parameters: dict[str, Any]
) -> int:
    """One run at an instant, under a key of its own: asked for twice, it is sent once."""
    zone = loaded.campaign.schedule.time_zone
    instant = _instant(str(what.at), zone)
    key = what.run_key or f"{loaded.campaign.name}@{instant.isoformat(timespec='minutes')}"
    server.create_flow_run(
        SEND_DEPLOYMENT,
        {"params": {**parameters, "run_key": key}},
        scheduled_at=instant.isoformat(),
        idempotency_key=f"at-{key}",
    )
    screen.print(
        f"[bold]{loaded.campaign.name}[/bold] will be sent on {instant:%A %d %B %Y at %H:%M} ({zone}), "
        f"run key {key}. It needs [bold]tidings up[/bold] to be running then."
    )
    return EXIT_OK


def _instant(text: str, zone: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise BadTime(f"--at {text} is no time; write it as 2026-12-01T09:00.") from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=ZoneInfo(zone))
    if instant.timestamp() <= time.time():
        raise BadTime(f"--at {text} ({zone}) is past; leave it out to send now.")
    return instant


def report(instance: Instance, ended: FlowEnd, *, as_json: bool) -> int:
    """The account of the run that a flow run made or went on with. 1: something of it is left.

    Raises RunFailed with the flow's own words when it never came to a frozen run.
    """
    from data.files import run_folder
    from data.runs import run_of_flow
    from engine.funnel import read_funnel

    run = run_of_flow(instance.store, ended.flow_run_id)
    if run is None or not run.is_frozen:
        raise RunFailed(ended.message)
    funnel = read_funnel(instance.store, run.run, var_dir=instance.var_dir, now=time.time())
    if as_json:
        print_json(funnel.as_json())
    else:
        print_account(funnel, files=files_of(run_folder(instance.var_dir, run.run).path, instance.var_dir))
    return EXIT_OK if funnel.state is RunState.FINISHED and funnel.balanced else EXIT_FAILED
