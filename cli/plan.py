"""`tidings plan`: who would get what, and what it would cost. Nothing leaves, and no server is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.panel import Panel
from rich.text import Text

from cli.arguments import WhatToSend
from cli.definition import load_what
from cli.instance import open_here
from cli.output import EXIT_OK, counts, ladder, print_json, screen
from cli.quality import print_quality, quality_of
from config.settings import load_settings
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from engine.plan import Plan
    from messaging.judgements import QualityReport
    from messaging.plan_summary import PlanSummary

N_SAMPLES = 5


class UnwritableFile(TidingsError):
    """A file that the line names cannot be written."""


def plan(what: WhatToSend, *, by_rows: bool, rejects: Path | None, as_json: bool) -> int:
    """by_rows: have Great Expectations judge the contacts; else their exact rates are compared, at once.

    rejects: where to write the rows that cannot be used.
    """
    settings = load_settings()
    with open_here(settings) as instance:
        loaded = load_what(what, var_dir=settings.var_dir)
        from engine.plan import make_plan

        made = make_plan(
            loaded.campaign,
            base=loaded.base,
            store=instance.store,
            keys=instance.keys,
            folder=instance.var_dir,
        )
        quality = quality_of(made, instance, by_rows=by_rows)
    if rejects is not None:
        _write_rejects(made, rejects.expanduser().absolute())
    if as_json:
        stopped_by = made.stopped_by or quality.objection
        print_json({**made.summary.as_dict(), "quality": quality.as_dict(), "stopped_by": stopped_by})
    else:
        _print_plan(made, quality)
    return EXIT_OK


def _write_rejects(made: Plan, path: Path) -> None:
    from engine.parting import write_rejects

    try:
        write_rejects(made, path)
    except OSError as error:
        raise UnwritableFile(f"{path} cannot be written ({error.strerror}); name another file.") from None


def _print_plan(made: Plan, quality: QualityReport) -> None:
    screen.print(f"[bold]{made.summary.campaign}[/bold] · plan · nothing was sent")
    meant = " · ".join(
        f"{meaning.replace('_', ' ')}: {header}" for meaning, header in made.summary.columns.items()
    )
    screen.print(Text.assemble(("read as ", "dim"), made.summary.read_as, ("  columns ", "dim"), meant))
    for notice in made.summary.notices:
        screen.print(f"[yellow]note[/yellow] {notice}")
    for objection in (made.stopped_by, quality.objection):
        if objection is not None:
            screen.print(Text.assemble(("would not be sent", "red"), f" {objection}"))
    print_funnel_of_plan(made.summary)
    print_quality(quality)
    for sample in made.samples(N_SAMPLES):
        title = f"{sample.masked_msisdn} · {sample.segments} segment{'s' * (sample.segments != 1)} · {sample.encoding}"
        screen.print(
            Panel(Text(sample.text), title=title, title_align="left", border_style="dim", expand=False)
        )


def print_funnel_of_plan(summary: PlanSummary) -> None:
    """Source rows down to messages, each step with its reasons, then segments and cost."""
    table = ladder()
    table.add_row("source rows", f"{summary.source_rows:,}", "")
    table.add_row("− rejects", f"{summary.n_rejects:,}", counts(summary.rejects))
    table.add_row("− excluded", f"{summary.n_excluded:,}", counts(summary.excluded))
    if summary.holdout:
        table.add_row("− holdout", f"{summary.holdout:,}", "")
    table.add_row("[bold]= messages[/bold]", f"[bold]{summary.messages:,}[/bold]", counts(summary.regions))
    table.add_row("  segments", f"{summary.segments:,}", counts(summary.encodings))
    table.add_row("  cost", f"{summary.cost:,.2f}", summary.currency)
    screen.print(table)
