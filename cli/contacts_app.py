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
