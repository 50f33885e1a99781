"""`tidings contacts …`: the people in the store."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from cli import arguments as arg

contacts_app = typer.Typer(
    name="contacts",
    help="The people in the store: imported from sources, or entered by hand.",
    no_args_is_help=True,
)


class Wins(StrEnum):
    """Whose value counts where file and store both have one."""

    FILE = "file"
    STORED = "stored"


Number = Annotated[str, typer.Argument(metavar="NUMBER", help="Such as +44 7400 123456.", show_default=False)]
Country = Annotated[
    str | None,
    typer.Option(
        "--region", metavar="COUNTRY", help="Of a number that is written without one.", show_default=False
    ),
]
By = Annotated[str | None, typer.Option(metavar="NAME", help="Who does it.", show_default="you")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any field, by a name that a file might give it; may be repeated.",
        show_default=False,
    ),
]


class YesOrNo(StrEnum):
    """What somebody said of being texted."""

    YES = "yes"
    NO = "no"


@contacts_app.command("import")
def contacts_import(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|IMPORT",
            help="Contacts: CSV, XLSX, Parquet or JSON lines; or an import file, or the name of one in data/imports/.",
            show_default=False,
        ),
    ],
    region: arg.Region = None,
    phone: arg.Phone = None,
    list_name: Annotated[
        str | None,
        typer.Option(
            "--list",
            metavar="NAME",
            help="Put everybody of it onto this list; it is made if need be.",
            show_default=False,
            rich_help_panel="In one line",
        ),
    ] = None,
    tags: Annotated[
        list[str] | None,
        typer.Option(
            "--tag",
            metavar="TAG",
            help="Give everybody of it this tag; may be repeated.",
            show_default=False,
            rich_help_panel="In one line",
        ),
    ] = None,
    purpose: Annotated[
        str | None,
        typer.Option(
            metavar="PURPOSE",
            help="What the consent column is about.",
            show_default="marketing",
            rich_help_panel="In one line",
        ),
    ] = None,
    wins: Annotated[
        Wins | None,
        typer.Option(
            help="Whose value counts where file and store both have one.",
            show_default="file",
            rich_help_panel="In one line",
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD",
            help="A field in which the stored value counts all the same; may be repeated.",
            show_default=False,
            rich_help_panel="In one line",
        ),
    ] = None,
    separator: arg.Separator = None,
    encoding: arg.Encoding = None,
    sheet: arg.Sheet = None,
    again: Annotated[
        bool, typer.Option("--again", help="Store it row by row, though it was imported before as it is.")
    ] = False,
    as_json: arg.Json = False,
) -> None:
    """Bring the people of a source into the store: who is known is merged, nobody is lost, no opt-out is undone."""
    from cli.contact_import import WhatToImport
    from cli.contact_import import import_contacts as run

    what = WhatToImport(
        source=source,
        region=region,
        phone=phone,
        list_name=list_name,
        tags=tuple(tags or ()),
        purpose=purpose,
        wins=None if wins is None else wins.value,
        keep=tuple(keep or ()),
        separator=separator,
        encoding=encoding,
        sheet=sheet,
    )
    raise typer.Exit(run(what, again=again, as_json=as_json))


@contacts_app.command("imports")
def contacts_imports(
    most: Annotated[int, typer.Option("--limit", min=1, help="How many are shown.")] = 20,
    as_json: arg.Json = False,
) -> None:
    """List what was imported, the latest first: when, from where, what became of the rows, and the rejects to mend."""
    from cli.import_list import imports as run

    raise typer.Exit(run(most=most, as_json=as_json))


@contacts_app.command("add")
def contacts_add(
    number: Number,
    region: Country = None,
    first_name: Annotated[str | None, typer.Option(show_default=False)] = None,
    last_name: Annotated[str | None, typer.Option(show_default=False)] = None,
    language: Annotated[str | None, typer.Option(help="Such as de or en-GB.", show_default=False)] = None,
    time_zone: Annotated[str | None, typer.Option(help="Such as Europe/London.", show_default=False)] = None,
    external_id: Annotated[
        str | None, typer.Option(help="Your own id of the person.", show_default=False)
    ] = None,
    settings: Settings = None,
    lists: Annotated[
        list[str] | None,
        typer.Option(
            "--list", metavar="NAME", help="A list that is there; may be repeated.", show_default=False
        ),
    ] = None,
    tags: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="TAG", help="Made if need be; may be repeated.", show_default=False),
    ] = None,
    consent: Annotated[
        YesOrNo | None,
        typer.Option(help="What the person said of being texted, just now.", show_default=False),
    ] = None,
    purpose: Annotated[
        str | None, typer.Option(help="What the consent is for.", show_default="marketing")
    ] = None,
    evidence: Annotated[
        str | None, typer.Option(help="How it can be shown, such as a form's address.", show_default=False)
    ] = None,
    by: By = None,
    as_json: arg.Json = False,
) -> None:
    """Make one person a contact."""
    from cli.contacts import Said
    from cli.contacts import add as run

    fields = {
        "first_name": first_name,
        "last_name": last_name,
        "language": language,
        "time_zone": time_zone,
        "external_id": external_id,
    }
    said = Said(
        consent=None if consent is None else consent is YesOrNo.YES, purpose=purpose, evidence=evidence
    )
    raise typer.Exit(
        run(
            number,
            region=region,
            fields=fields,
            settings=settings or (),
            lists=lists or (),
            tags=tags or (),
            said=said,
            by=by,
            as_json=as_json,
        )
    )


@contacts_app.command("edit")
def contacts_edit(
    number: Number,
    settings: Settings = None,
    unset: Annotated[
        list[str] | None,
        typer.Option(
            "--unset", metavar="NAME", help="A field to take away; may be repeated.", show_default=False
        ),
    ] = None,
    region: Country = None,
    by: By = None,
    as_json: arg.Json = False,
) -> None:
    """Change fields of a contact. Its number is who it is and stays; what was before is kept in its history."""
    from cli.contacts import edit as run

    raise typer.Exit(
        run(number, region=region, settings=settings or (), unset=unset or (), by=by, as_json=as_json)
    )


@contacts_app.command("delete")
def contacts_delete(number: Number, region: Country = None, by: By = None, as_json: arg.Json = False) -> None:
    """Delete a contact, and take it out of all lists. `tidings forget` erases the person as a whole."""
    from cli.contacts import delete as run

    raise typer.Exit(run(number, region=region, by=by, as_json=as_json))


@contacts_app.command("show")
def contacts_show(
    number: Annotated[
        str | None,
        typer.Argument(metavar="NUMBER", help="One contact, with all of its history.", show_default=False),
    ] = None,
    list_name: Annotated[
        str | None, typer.Option("--list", metavar="NAME", help="Who is in this list.", show_default=False)
    ] = None,
    tag: Annotated[
        str | None, typer.Option("--tag", metavar="TAG", help="Who bears this tag.", show_default=False)
    ] = None,
    search: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Part of a name, a number or your own id.", show_default=False),
    ] = None,
    purpose: Annotated[str, typer.Option(help="Whose consents are looked at.")] = "marketing",
    most: Annotated[int, typer.Option("--limit", min=1, help="How many are shown.")] = 50,
    region: Country = None,
    as_json: arg.Json = False,
) -> None:
    """Show one contact, or some: who they are, and whether a campaign texts them."""
    from cli.contacts import UnclearContact, show_one, show_some

    if number is None:
        raise typer.Exit(
            show_some(list_name=list_name, tag=tag, text=search, purpose=purpose, most=most, as_json=as_json)
        )
    if (list_name, tag, search) != (None, None, None):
        raise UnclearContact("give a number, or --list, --tag and --search for some contacts; not both.")
    raise typer.Exit(show_one(number, region=region, purpose=purpose, as_json=as_json))
