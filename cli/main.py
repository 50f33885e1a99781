"""The `tidings` command. Each command imports what it needs when it runs, so that --help answers at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli import arguments as arg
from cli.connections_app import connection_app
from cli.contacts_app import contacts_app
from cli.lists_app import list_app, tag_app
from cli.privacy_app import consent_app, privacy_app, suppress_app
from cli.segment_app import segment_app
from messaging.errors import TidingsError

# What `tidings --help` puts together.
SEND, PEOPLE, SEE = "Send", "People", "What became of it"
STEER, AROUND = "Steer a run, settle what is in doubt", "Around it"

app = typer.Typer(
    name="tidings",
    help="Personalised SMS campaigns that account for every message.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback with local variables would print numbers and texts
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(rich_help_panel=SEND)
def demo(as_json: arg.Json = False) -> None:
    """Send the demo campaign to invented people through a simulator, and print its account."""
    from cli.demo import demo as run

    raise typer.Exit(run(as_json=as_json))


@app.command(rich_help_panel=SEND)
def plan(
    campaign: arg.CampaignName = None,
    file: arg.SourceFile = None,
    list_name: arg.ListName = None,
    tag: arg.TagName = None,
    segment: arg.SegmentName = None,
    text: arg.Text = None,
    template: arg.Template = None,
    region: arg.Region = None,
    phone: arg.Phone = None,
    separator: arg.Separator = None,
    encoding: arg.Encoding = None,
    sheet: arg.Sheet = None,
    sender: arg.Sender = None,
    gateway: arg.GatewayAccount = None,
    consent: arg.ConsentNote = None,
    run_key: arg.RunKey = None,
    again: arg.Again = False,
    at: arg.At = None,
    quality: arg.ByRows = False,
    rejects: arg.RejectsFile = None,
    as_json: arg.Json = False,
) -> None:
    """Show who would get what, and what it would cost. Nothing is sent; no server is needed."""
    from cli.plan import plan as run

    what = arg.WhatToSend(
        campaign=campaign,
        file=file,
        list_name=list_name,
        tag=tag,
        segment=segment,
        text=text,
        template=template,
        region=region,
        phone=phone,
        separator=separator,
        encoding=encoding,
        sheet=sheet,
        sender=sender,
        gateway=gateway,
        consent=consent,
        run_key=run_key,
        again=again,
        at=at,
    )
    raise typer.Exit(run(what, by_rows=quality, rejects=rejects, as_json=as_json))


@app.command(rich_help_panel=SEND)
def send(
    campaign: arg.CampaignName = None,
    file: arg.SourceFile = None,
    list_name: arg.ListName = None,
    tag: arg.TagName = None,
    segment: arg.SegmentName = None,
    text: arg.Text = None,
    template: arg.Template = None,
    region: arg.Region = None,
    phone: arg.Phone = None,
    separator: arg.Separator = None,
    encoding: arg.Encoding = None,
    sheet: arg.Sheet = None,
    sender: arg.Sender = None,
    gateway: arg.GatewayAccount = None,
    consent: arg.ConsentNote = None,
    run_key: arg.RunKey = None,
    again: arg.Again = False,
    at: arg.At = None,
    as_json: arg.Json = False,
) -> None:
    """Send a campaign: now, or once at a given time."""
    from cli.send import send as run

    what = arg.WhatToSend(
        campaign=campaign,
        file=file,
        list_name=list_name,
        tag=tag,
        segment=segment,
        text=text,
        template=template,
        region=region,
        phone=phone,
        separator=separator,
        encoding=encoding,
        sheet=sheet,
        sender=sender,
        gateway=gateway,
        consent=consent,
        run_key=run_key,
        again=again,
        at=at,
    )
    raise typer.Exit(run(what, as_json=as_json))


@app.command(rich_help_panel=SEND)
def deploy(name: arg.DefinitionName = None, as_json: arg.Json = False) -> None:
    """Put a campaign or an import with its schedule on the Prefect server that `tidings up` runs."""
    from cli.deploy import deploy as run

    raise typer.Exit(run(name, as_json=as_json))


@app.command(rich_help_panel=SEND)
def up() -> None:
    """Start everything a person needs: Prefect's server and worker, and the simulator. Ctrl-C stops it cleanly."""
    from cli.supervisor import up as run
    from config.settings import load_settings

    raise typer.Exit(run(load_settings()))


@app.command(rich_help_panel=SEE)
def status(run_name: arg.RunName = None, as_json: arg.Json = False) -> None:
    """Show where a run stands: every message, accounted for."""
    from cli.status import status as run

    raise typer.Exit(run(run_name, as_json=as_json))


@app.command(rich_help_panel=SEE)
def runs(as_json: arg.Json = False) -> None:
    """List the latest runs."""
    from cli.status import runs as run

    raise typer.Exit(run(as_json=as_json))


@app.command(rich_help_panel=SEE)
def audit(run_name: arg.RunName = None, as_json: arg.Json = False) -> None:
    """Check the ledger's equations for a run; ends with 1 and the difference when one does not hold."""
    from cli.audit import audit as run

    raise typer.Exit(run(run_name, as_json=as_json))


@app.command(rich_help_panel=STEER)
def pause(run_name: arg.OneRun, as_json: arg.Json = False) -> None:
    """Let a run claim nothing more until it is resumed."""
    from cli.control import pause as run

    raise typer.Exit(run(run_name, as_json=as_json))


@app.command(rich_help_panel=STEER)
def resume(
    run_name: arg.OneRun,
    opt_outs_checked: Annotated[
        bool,
        typer.Option(
            "--opt-outs-checked",
            help="After a restore, once: opt-outs since the backup were pulled or imported.",
        ),
    ] = False,
    as_json: arg.Json = False,
) -> None:
    """Let a paused or stopped run go on."""
    from cli.control import resume as run

    raise typer.Exit(run(run_name, opt_outs_checked=opt_outs_checked, as_json=as_json))


@app.command(rich_help_panel=STEER)
def cancel(run_name: arg.OneRun, as_json: arg.Json = False) -> None:
    """End a run for good: what nobody has claimed is stopped and never sent."""
    from cli.control import cancel as run

    raise typer.Exit(run(run_name, as_json=as_json))


@app.command(rich_help_panel=STEER)
def reconcile(run_name: arg.OneRun, as_json: arg.Json = False) -> None:
    """Prove what can be proved of messages in doubt: by receipts, by asking the gateway, by a copy that it takes once."""
    from cli.reconcile import reconcile as run

    raise typer.Exit(run(run_name, as_json=as_json))


@app.command(rich_help_panel=STEER)
def resolve(
    run_name: arg.OneRun,
    unconfirmed: Annotated[
        arg.Unconfirmed, typer.Option(help="What to do with messages in doubt.", show_default=False)
    ],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who decides.", show_default=False)],
    why: Annotated[str, typer.Option(help="Why, in your words; name no recipient.", show_default=False)],
    as_json: arg.Json = False,
) -> None:
    """Decide on what is in doubt: assume it sent, or send it again."""
    from cli.resolve import resolve as run

    raise typer.Exit(run(run_name, unconfirmed, by=by, why=why, as_json=as_json))


@app.command(rich_help_panel=SEE)
def sql(
    query: Annotated[str, typer.Argument(help="One query, such as 'select * from campaign_funnel'.")],
    as_json: arg.Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead.")] = False,
) -> None:
    """Ask the analytics a question in SQL."""
    from cli.sql import sql as run

    raise typer.Exit(run(query, as_json=as_json, as_csv=as_csv))


@app.command(rich_help_panel=AROUND)
def simulator(
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="0: any free port.", show_default="4280")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed, the same answers.")] = 1,
) -> None:
    """Run the simulated gateway alone (docs/simulator.md)."""
    from cli.simulator import simulator as run

    raise typer.Exit(run(port=port, seed=seed))


@app.command(rich_help_panel=AROUND)
def rate(
    account: Annotated[str, typer.Argument(help="A gateway account, such as sim.")],
    messages_per_second: Annotated[
        str | None, typer.Argument(help="The new rate; none: no limit. Left out, it is shown.")
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """Show or set how fast a gateway account may send; in effect within two seconds."""
    from cli.rate import rate as run

    raise typer.Exit(run(account, messages_per_second, as_json=as_json))


@app.command(rich_help_panel=AROUND)
def backup(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR", help="Where its folder is made.", show_default="backups in the var folder"
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the keys there too: a place apart from the backup.",
            show_default=False,
        ),
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """Copy store, run files and lake as they are at this instant, also while a campaign sends. Not the keys."""
    from cli.backup import backup as run

    raise typer.Exit(run(folder, keys=keys, as_json=as_json))


@app.command(rich_help_panel=AROUND)
def restore(
    source: Annotated[
        Path, typer.Argument(metavar="FROM", help="The folder of a backup.", show_default=False)
    ],
    keys: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="The folder with the keys, unless they are in place.", show_default=False
        ),
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """Make an instance of a backup, in an empty place. Every run waits for a person; what may have been sent is in doubt."""
    from cli.restore import restore as run

    raise typer.Exit(run(source, keys=keys, as_json=as_json))


for people in (contacts_app, list_app, tag_app, segment_app, suppress_app, consent_app):
    app.add_typer(people, rich_help_panel=PEOPLE)
app.add_typer(privacy_app)
app.add_typer(connection_app, rich_help_panel=AROUND)


def main() -> None:
    """Run a command; what is meant for a person ends as one sentence and exit code 2, without a traceback."""
    try:
        app()
    except TidingsError as error:
        print(f"tidings: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("tidings: stopped.", file=sys.stderr)
        raise SystemExit(130) from None
