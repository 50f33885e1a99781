"""`tidings audit`: the ledger's equations for one run, checked by one SQL statement."""

from __future__ import annotations

import time

from rich.table import Table

from cli.instance import open_here
from cli.output import EXIT_FAILED, EXIT_OK, print_json, screen
from config.settings import load_settings


def audit(run_name: str | None, *, as_json: bool) -> int:
    from data.ledger.audit import audit_run
    from data.runs import find_run

    with open_here(load_settings()) as instance:
        run = find_run(instance.store, run_name)
        with instance.store.read.connect() as connection:
            found = audit_run(connection, run.run, now=time.time())
    if as_json:
        print_json(
            {
                "run": run.run,
                "run_key": run.run_key,
                "state": run.state.value,
                "balanced": found.balanced,
                "possible_duplicates": found.terms["possible_duplicates"],
                "equations": [{"name": e.name, "left": e.left, "right": e.right} for e in found.equations],
            }
        )
        return EXIT_OK if found.balanced else EXIT_FAILED
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column, justify in (("equation", "left"), ("left", "right"), ("right", "right"), ("", "left")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for equation in found.equations:
        difference = equation.left - equation.right
        mark = "[green]holds[/green]" if not difference else f"[red]off by {difference:+,}[/red]"
        table.add_row(equation.name, f"{equation.left:,}", f"{equation.right:,}", mark)
    screen.print(f"run {run.run} ({run.campaign}), {run.state.in_words}")
    screen.print(table)
    if n := found.terms["possible_duplicates"]:
        screen.print(
            f"[yellow]possible duplicates: {n:,}[/yellow] (an answer or a receipt speaks of a second copy)"
        )
    screen.print("[green]ledger balanced[/green]" if found.balanced else "[red]ledger NOT balanced[/red]")
    return EXIT_OK if found.balanced else EXIT_FAILED
