"""`tidings segment …`: groups of contacts that are found anew each time, by what is known of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import arguments as arg
from cli.lists_app import Anyway, By, NewName

SegmentName = Annotated[str, typer.Argument(metavar="NAME", help="Of a segment.", show_default=False)]
FilterFile = Annotated[
    Path | None,
    typer.Option(
        "--file", metavar="FILE", help="The filter, as TOML or JSON (docs/contacts.md).", show_default=False
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CONDITION",
        help="On a field, such as 'region = north', 'age >= 18', 'city contains ham', 'email is empty'; may be repeated.",
        show_default=False,
    ),
]
InList = Annotated[
    list[str] | None,
    typer.Option("--in", metavar="LIST", help="In this list; may be repeated.", show_default=False),
]
NotInList = Annotated[
    list[str] | None,
    typer.Option("--not-in", metavar="LIST", help="Not in this list; may be repeated.", show_default=False),
]
Tag = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="TAG", help="With this tag; may be repeated.", show_default=False),
]
WithoutTag = Annotated[
    list[str] | None,
    typer.Option(
        "--without-tag", metavar="TAG", help="Without this tag; may be repeated.", show_default=False
    ),
]
CountryOfNumber = Annotated[
    list[str] | None,
    typer.Option(
        "--country", metavar="COUNTRY", help="Of the number; repeated: any of them.", show_default=False
    ),
]
Texted = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN", help="Within so long (30d), in a run (12), or in the last one.", show_default=False
    ),
]
NotTextedFor = Annotated[
    str | None, typer.Option(metavar="DURATION", help="Such as 14d.", show_default=False)
]
Replied = Annotated[str | None, typer.Option(metavar="WHEN", help="As --texted.", show_default=False)]
Clicked = Annotated[str | None, typer.Option(metavar="WHEN", help="As --texted.", show_default=False)]
Description = Annotated[str | None, typer.Option(help="What it is for.", show_default=False)]
Simulated = Annotated[
    bool, typer.Option("--simulated", help="Count what happened in runs through a simulator, too.")
]

segment_app = typer.Typer(
    name="segment",
    help="Groups of contacts that are found anew each time, by what is known of them.",
    no_args_is_help=True,
)


@segment_app.command("add")
def segment_add(
    name: SegmentName,
    file: FilterFile = None,
    where: Where = None,
    in_list: InList = None,
    not_in: NotInList = None,
    tag: Tag = None,
    without_tag: WithoutTag = None,
    country: CountryOfNumber = None,
    texted: Texted = None,
    not_texted_for: NotTextedFor = None,
    replied: Replied = None,
    clicked: Clicked = None,
    description: Description = None,
    simulated: Simulated = False,
    replace: Annotated[bool, typer.Option("--replace", help="In the place of the one of this name.")] = False,
    as_json: arg.Json = False,
) -> None:
    """Keep a filter under a name: from a file, or conditions that must all hold."""
    from cli.segment import Conditions
    from cli.segment import add as run

    said = Conditions(
        file=file,
        where=tuple(where or ()),
        in_lists=tuple(in_list or ()),
        not_in_lists=tuple(not_in or ()),
        tags=tuple(tag or ()),
        without_tags=tuple(without_tag or ()),
        countries=tuple(country or ()),
        texted=texted,
        not_texted_for=not_texted_for,
        replied=replied,
        clicked=clicked,
        description=description,
        simulated=simulated,
    )
    raise typer.Exit(run(name, said, replace=replace, as_json=as_json))


@segment_app.command("count")
def segment_count(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Of a segment; or else a filter.", show_default=False),
    ] = None,
    file: FilterFile = None,
    where: Where = None,
    in_list: InList = None,
    not_in: NotInList = None,
    tag: Tag = None,
    without_tag: WithoutTag = None,
    country: CountryOfNumber = None,
    texted: Texted = None,
    not_texted_for: NotTextedFor = None,
    replied: Replied = None,
    clicked: Clicked = None,
    simulated: Simulated = False,
    as_json: arg.Json = False,
) -> None:
    """Count who belongs to a segment, or to a filter that nobody keeps, at this instant."""
    from cli.segment import Conditions
    from cli.segment import count as run

    said = Conditions(
        file=file,
        where=tuple(where or ()),
        in_lists=tuple(in_list or ()),
        not_in_lists=tuple(not_in or ()),
        tags=tuple(tag or ()),
        without_tags=tuple(without_tag or ()),
        countries=tuple(country or ()),
        texted=texted,
        not_texted_for=not_texted_for,
        replied=replied,
        clicked=clicked,
        simulated=simulated,
    )
    raise typer.Exit(run(name, said, as_json=as_json))


@segment_app.command("list")
def segment_list(as_json: arg.Json = False) -> None:
    """List the segments, each in words."""
    from cli.segment import list_all as run

    raise typer.Exit(run(as_json=as_json))


@segment_app.command("show")
def segment_show(name: SegmentName, as_json: arg.Json = False) -> None:
    """Show a segment: in words, as a file, how many belong to it, and a few of them with their numbers masked."""
    from cli.segment import show as run

    raise typer.Exit(run(name, as_json=as_json))


@segment_app.command("rename")
def segment_rename(
    name: SegmentName,
    new: NewName,
    anyway: Anyway = False,
    by: By = None,
    as_json: arg.Json = False,
) -> None:
    """Give a segment another name; its filter stays."""
    from cli.rename import rename as run

    raise typer.Exit(run("segment", name, new, anyway=anyway, by=by, as_json=as_json))


@segment_app.command("delete")
def segment_delete(name: SegmentName, as_json: arg.Json = False) -> None:
    """Forget a filter; its people stay contacts."""
    from cli.segment import delete as run

    raise typer.Exit(run(name, as_json=as_json))
