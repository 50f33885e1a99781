"""The commands about single people: what they said, that they must not be texted, what is known of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import arguments as arg

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="Such as +44 7400 123456.", show_default=False)]
Country = Annotated[
    str | None,
    typer.Option(
        "--region", metavar="COUNTRY", help="Of a number that is written without one.", show_default=False
    ),
]
By = Annotated[
    str | None, typer.Option(metavar="NAME", help="Who says so.", show_default="you", show_choices=False)
]
Scope = Annotated[str, typer.Option(help="everywhere, a sender ID, an account, or purpose:NAME.")]
Purpose = Annotated[str, typer.Option(help="What it is for.")]
Source = Annotated[str, typer.Option(help="Where it was said: a form, a call, a letter.", show_default=False)]
Evidence = Annotated[
    str | None, typer.Option(help="How it can be shown, such as a form's address.", show_default=False)
]
SaidAt = Annotated[
    str | None, typer.Option("--at", metavar="TIME", help="When it was said.", show_default="now")
]

suppress_app = typer.Typer(
    name="suppress", help="Numbers that must not be texted: by hand, from and to files.", no_args_is_help=True
)
consent_app = typer.Typer(
    name="consent",
    help="What people agreed to be texted for, and when they took it back.",
    no_args_is_help=True,
)


@suppress_app.command("add")
def suppress_add(
    numbers: Annotated[
        list[str], typer.Argument(metavar="NUMBER…", help="Such as +44 7400 123456.", show_default=False)
    ],
    reason: Annotated[str, typer.Option(help="Why, in a word; name nobody.")] = "by hand",
    scope: Scope = "everywhere",
    region: Country = None,
    by: By = None,
    as_json: arg.Json = False,
) -> None:
    """Never text these numbers again, or not in one scope."""
    from cli.suppress import add as run

    raise typer.Exit(run(numbers, region=region, reason=reason, scope=scope, by=by, as_json=as_json))


@suppress_app.command("remove")
def suppress_remove(
    by: Annotated[str, typer.Option(metavar="NAME", help="Who decides.", show_default=False)],
    why: Annotated[str, typer.Option(help="Why, in your words; name nobody.", show_default=False)],
    number: Annotated[
        str | None, typer.Argument(metavar="[NUMBER]", help="Such as +44 7400 123456.", show_default=False)
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Instead of a number: all whom only this list suppresses, a column of an import or a file, "
            "as `tidings suppress list` writes it.",
            show_default=False,
        ),
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(
            help="everywhere, a sender ID, an account, or purpose:NAME.",
            show_default="everywhere; all of them with --source",
        ),
    ] = None,
    region: Country = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --source: do not ask.")] = False,
    as_json: arg.Json = False,
) -> None:
    """Let a number be texted again in one scope, also after a STOP; or, with --source, all whom a misread list suppressed.

    It is logged who decided, and why.
    """
    from cli.suppress import WhichOnes, remove, remove_source

    if (number is None) == (source is None):
        raise WhichOnes("name one number, or with --source the list whose suppressions end.")
    if number is not None:
        done = remove(number, region=region, scope=scope or "everywhere", by=by, why=why, as_json=as_json)
    else:
        done = remove_source(source or "", scope=scope, by=by, why=why, yes=yes, as_json=as_json)
    raise typer.Exit(done)


@suppress_app.command("import")
def suppress_import(
    file: Annotated[Path, typer.Argument(help="A list of numbers, or what `export` wrote.")],
    region: arg.Region = None,
    reason: Annotated[str | None, typer.Option(help="Why, in a word.", show_default="opted out")] = None,
    scope: Annotated[
        str | None,
        typer.Option(help="everywhere, a sender ID, an account, or purpose:NAME.", show_default="everywhere"),
    ] = None,
    as_json: arg.Json = False,
) -> None:
    """Add the numbers of a file to the suppressions. Nobody is ever taken off the list by it."""
    from cli.suppress import import_file as run

    raise typer.Exit(run(file, region=region, reason=reason, scope=scope, as_json=as_json))


@suppress_app.command("export")
def suppress_export(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A CSV to write; - for the screen.")],
    as_json: arg.Json = False,
) -> None:
    """Write the whole list to a CSV that imports again as it is. It holds numbers."""
    from cli.suppress import export_file as run

    raise typer.Exit(run(file, as_json=as_json))


@suppress_app.command("list")
def suppress_list(
    scope: Annotated[
        str | None,
        typer.Option(help="everywhere, a sender ID, an account, or purpose:NAME.", show_default="all"),
    ] = None,
    most: Annotated[int, typer.Option("--limit", min=1, help="Of the newest.")] = 20,
    as_json: arg.Json = False,
) -> None:
    """Count the suppressions by scope and reason, and show the newest."""
    from cli.suppress import list_all as run

    raise typer.Exit(run(scope=scope, most=most, as_json=as_json))


@consent_app.command("give")
def consent_give(
    number: Number,
    source: Source,
    purpose: Purpose = "marketing",
    evidence: Evidence = None,
    by: By = None,
    at: SaidAt = None,
    region: Country = None,
    as_json: arg.Json = False,
) -> None:
    """Record that somebody said yes. A newer yes takes an older withdrawal back; a STOP stands."""
    from cli.consent import record as run

    raise typer.Exit(
        run(
            number,
            is_given=True,
            purpose=purpose,
            source=source,
            evidence=evidence,
            by=by,
            at=at,
            region=region,
            as_json=as_json,
        )
    )


@consent_app.command("withdraw")
def consent_withdraw(
    number: Number,
    source: Source,
    purpose: Purpose = "marketing",
    evidence: Evidence = None,
    by: By = None,
    at: SaidAt = None,
    region: Country = None,
    as_json: arg.Json = False,
) -> None:
    """Record that somebody said no: no claim for this purpose texts them any more."""
    from cli.consent import record as run

    raise typer.Exit(
        run(
            number,
            is_given=False,
            purpose=purpose,
            source=source,
            evidence=evidence,
            by=by,
            at=at,
            region=region,
            as_json=as_json,
        )
    )


@consent_app.command("show")
def consent_show(
    number: Number,
    purpose: Annotated[str | None, typer.Option(help="Only this one.", show_default="all")] = None,
    region: Country = None,
    as_json: arg.Json = False,
) -> None:
    """Show everything somebody said, and which of it counts."""
    from cli.consent import show as run

    raise typer.Exit(run(number, purpose=purpose, region=region, as_json=as_json))


privacy_app = typer.Typer()  # commands of their own, at the top


@privacy_app.command("forget", rich_help_panel="People")
def forget(
    number: Number,
    by: Annotated[str, typer.Option(metavar="NAME", help="Who decided so.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    region: Country = None,
    as_json: arg.Json = False,
) -> None:
    """Erase one person from everywhere but backups, and never text them again; what was counted stays counted."""
    from cli.forget import forget as run

    raise typer.Exit(run(number, region=region, by=by, yes=yes, as_json=as_json))


@privacy_app.command("person", rich_help_panel="People")
def person(
    number: Number,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write all of it there as JSON, readable by you only.", show_default=False
        ),
    ] = None,
    region: Country = None,
    as_json: arg.Json = False,
) -> None:
    """Tell everything that is known of a number: contact, consents, messages with their texts, replies."""
    from cli.person import person as run

    raise typer.Exit(run(number, region=region, out=out, as_json=as_json))
