"""The account of a run, as people read it: from the rows of the source to what was delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.output import counts, ladder, screen
from messaging.runs import RunState

if TYPE_CHECKING:
    from pathlib import Path

    from engine.funnel import Funnel

_RECEIPTS = (
    "delivered",
    "read",
    "undelivered",
    "expired",
    "rejected_later",
    "failed",
    "canceled",
    "waiting",
    "no_receipt",
)
_COLOURS = {RunState.FINISHED: "green", RunState.SENDING: "cyan"}


def print_account(funnel: Funnel, *, files: dict[str, Path] | None = None) -> None:
    """Every step with its reasons; what is zero is said where it is part of the promise, and left out elsewhere."""
    colour = _COLOURS.get(funnel.state, "yellow")
    screen.print(
        f"[bold]{funnel.campaign}[/bold] · run {funnel.run} · [{colour}]{funnel.state.in_words}[/{colour}]"
        + (f" · {funnel.state_reason}" if funnel.state_reason else "")
    )
    table = ladder()
    table.add_row("source rows", f"{funnel.source_rows:,}", "")
    table.add_row("− rejects", f"{funnel.rejects:,}", counts(funnel.rejects_by_rule))
    table.add_row("− excluded", f"{funnel.excluded:,}", counts(funnel.excluded_by_reason))
    if funnel.holdout:
        table.add_row("− holdout", f"{funnel.holdout:,}", "")
    table.add_row("[bold]= messages[/bold]", f"[bold]{funnel.messages:,}[/bold]", "")
    for status in ("accepted", "rejected", "unsent", "unconfirmed"):
        why = _of_doubt(funnel) if status == "unconfirmed" else ""
        told = [counts(funnel.reasons.get(status, {})), why]
        table.add_row(f"  {status}", f"{getattr(funnel, status):,}", "; ".join(filter(None, told)))
    for status in ("stopped", "in_flight", "not_yet_claimed"):
        if getattr(funnel, status):
            table.add_row(
                f"  {status.replace('_', ' ')}",
                f"{getattr(funnel, status):,}",
                counts(funnel.reasons.get(status, {})),
            )
    if funnel.possible_duplicates:
        why = "an answer or a receipt speaks of a second copy"
        table.add_row("[yellow]possible duplicates[/yellow]", f"{funnel.possible_duplicates:,}", why)
    table.add_row("[bold]of the accepted[/bold]", "", "")
    for receipt in _RECEIPTS:
        if n := getattr(funnel, receipt):
            later = f" · ask again: tidings status {funnel.run}" if receipt == "waiting" else ""
            table.add_row(f"  {receipt.replace('_', ' ')}", f"{n:,}", _share(n, funnel.accepted) + later)
    table.add_row("segments", f"{funnel.segments:,}", "")
    table.add_row("cost", f"{funnel.cost:,.2f}", f"{funnel.currency}, as planned")
    if funnel.throughput_mps:
        table.add_row("throughput", f"{funnel.throughput_mps:,.0f}", "messages per second")
    screen.print(table)
    for name, path in (files or {}).items():
        screen.print(f"[dim]{name:<12}[/dim]{path}", soft_wrap=True)
    if funnel.balanced:
        screen.print("[bold green]ledger balanced[/bold green]")
    else:
        screen.print(f"[bold red]ledger NOT balanced[/bold red]: tidings audit {funnel.run}")


def files_of(run_folder: Path, var_dir: Path) -> dict[str, Path]:
    """Where a person looks further."""
    return {
        "rejects": run_folder / "rejects.csv",
        "quality": run_folder / "quality.html",
        "run files": run_folder,
        "analytics": var_dir / "analytics.duckdb",
    }


def _of_doubt(funnel: Funnel) -> str:
    if funnel.unconfirmed > funnel.assumed_sent:
        return f"perhaps sent; tidings reconcile {funnel.run} proves what it can"
    if funnel.assumed_sent:
        return f"perhaps sent, of which assumed sent {funnel.assumed_sent:,}"
    return "perhaps sent; shown until proved or decided"


def _share(n: int, of: int) -> str:
    return f"{100 * n / of:.1f} %" if of else ""
