"""`tidings demo`: the demo campaign, on real parts, through a simulator of its own."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cli.account import files_of, print_account
from cli.instance import open_here
from cli.output import EXIT_FAILED, EXIT_OK, print_json
from cli.progress import progress_of_next_run
from cli.run_here import RunFailed, own_simulator, send_here
from cli.send import use_simulator
from config.settings import CHECKOUT, load_settings
from messaging.runs import RunState

if TYPE_CHECKING:
    from data.instance import Instance

CAMPAIGN = "welcome"
OPT_OUTS = CHECKOUT / "data" / "samples" / "opt_outs.csv"
# Some people never send a receipt, and a demo does not wait for them as long as a campaign does.
DEMO_SETTINGS = {
    "TIDINGS_COLLECT_EVERY_S": "0.5",
    "TIDINGS_COLLECT_AT_MOST_EVERY_S": "1",
    "TIDINGS_COLLECT_QUIET_S": "4",
}


def demo(*, as_json: bool) -> int:
    settings = load_settings()
    os.environ.update(DEMO_SETTINGS)
    say = Console(stderr=True, highlight=False)
    with open_here(settings) as instance, own_simulator(settings) as simulator_url:
        if not as_json:
            say.print("[dim]invented people, a simulated gateway: nobody is texted[/dim]")
        _suppress_the_demo_opt_outs(instance)
        with progress_of_next_run(instance.store, is_shown=not as_json):
            ended = send_here(
                use_simulator(settings, simulator_url),
                {"campaign": CAMPAIGN, "run_key": _fresh_key()},
            )
        return _report(instance, ended.flow_run_id, ended.message, simulator_url, as_json=as_json)


def _fresh_key() -> str:
    """Each demo is a run of its own."""
    return f"demo-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"


def _suppress_the_demo_opt_outs(instance: Instance) -> None:
    from data.suppression_files import import_suppressions

    import_suppressions(
        instance.store,
        OPT_OUTS,
        key=instance.keys.person,
        region="GB",
        reason="opted out",
        now=time.time(),
    )


def _report(
    instance: Instance,
    flow_run_id: str,
    message: str,
    simulator_url: str,
    *,
    as_json: bool,
) -> int:
    from data.files import run_folder
    from data.runs import run_of_flow
    from engine.funnel import read_funnel

    run = run_of_flow(instance.store, flow_run_id)
    if run is None or not run.is_frozen:
        raise RunFailed(message)
    funnel = read_funnel(instance.store, run.run, var_dir=instance.var_dir, now=time.time())
    counted = _count_of_the_simulator(simulator_url)
    if as_json:
        print_json({**funnel.as_json(), "simulator": counted})
    else:
        print_account(funnel, files=files_of(run_folder(instance.var_dir, run.run).path, instance.var_dir))
        Console(highlight=False).print(
            f"the simulator's own count: {counted['messages']:,} messages taken, "
            f"{counted['duplicates_by_reference']:,} duplicates by reference, "
            f"{counted['duplicates_by_number']:,} by number\n"
            f'[dim]next: tidings sql "select * from campaign_funnel" · tidings audit {run.run}[/dim]'
        )
    is_well = funnel.state in {RunState.FINISHED, RunState.FINISHED_WITH_UNCONFIRMED} and funnel.balanced
    return EXIT_OK if is_well else EXIT_FAILED


def _count_of_the_simulator(url: str) -> dict[str, Any]:
    import httpx

    found: dict[str, Any] = httpx.get(f"{url}/ledger", timeout=10.0, trust_env=False).json()
    return found
