"""`tidings status` and `tidings runs`: where runs stand, every message accounted for."""

from __future__ import annotations

import time
from datetime import datetime

from rich.table import Table

from cli.account import print_account
from cli.instance import open_here
from cli.output import EXIT_OK, print_json, screen
from config.settings import load_settings


def status(run_name: str | None, *, as_json: bool) -> int:
    from data.runs import find_run
    from engine.funnel import read_funnel
    from engine.housekeeping import is_unattended

    with open_here(load_settings()) as instance:
        run = find_run(instance.store, run_name)
        funnel = read_funnel(instance.store, run.run, var_dir=instance.var_dir, now=time.time())
        is_idle = is_unattended(instance.store, run.run, now=time.time())
    if as_json:
        print_json({**funnel.as_json(), "is_unattended": is_idle})
    else:
        print_account(funnel)
    if is_idle and not as_json:
        screen.print(
            f"nobody works on it: [bold]tidings resume {run.run}[/bold] lets the worker of `tidings up` go on."
        )
    return EXIT_OK


def runs(*, as_json: bool) -> int:
    from data.runs import list_runs

    with open_here(load_settings()) as instance:
        latest = list_runs(instance.store)
    if as_json:
        print_json(
            [
                {
                    "run": r.run,
                    "run_key": r.run_key,
                    "campaign": r.campaign,
                    "state": r.state.value,
                    "messages": r.n_messages,
                }
                for r in latest
            ]
        )
        return EXIT_OK
    if not latest:
        screen.print("No run yet; [bold]tidings demo[/bold] makes one.")
        return EXIT_OK
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("run", "campaign", "state", "messages", "made", "key"):
        table.add_column(column, justify="right" if column in {"run", "messages"} else "left")
    for r in latest:
        made = datetime.fromtimestamp(r.created_at).astimezone().strftime("%Y-%m-%d %H:%M")
        table.add_row(str(r.run), r.campaign, r.state.in_words, f"{r.n_messages:,}", made, r.run_key or "")
    screen.print(table)
    return EXIT_OK
