"""`tidings list …` and `tidings tag …`: the same commands for both kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli import arguments as arg

if TYPE_CHECKING:
    from data.contacts.lists import Kind

Name = Annotated[str, typer.Argument(metavar="NAME", help="As you call it.", show_default=False)]
NewName = Annotated[
    str, typer.Argument(metavar="NEW", help="What it is called from now on.", show_default=False)
]
Anyway = Annotated[
    bool, typer.Option("--anyway", help="Also while campaign or import files have the old name.")
]
OneName = Annotated[
    str | None, typer.Argument(metavar="NAME", help="One of them; all when left out.", show_default=False)
]
Numbers = Annotated[
    list[str], typer.Argument(metavar="NUMBER…", help="Such as +44 7400 123456.", show_default=False)
]
Country = Annotated[
    str | None,
    typer.Option(
        "--region", metavar="COUNTRY", help="Of a number that is written without one.", show_default=False
    ),
]
By = Annotated[str | None, typer.Option(metavar="NAME", help="Who does it.", show_default="you")]
Purpose = Annotated[str, typer.Option(help="Whose consents are looked at.")]
Description = Annotated[str, typer.Option(help="What it is for.", show_default=False)]
Most = Annotated[int, typer.Option("--limit", min=1, help="How many are shown.")]


def _app(kind: Kind, *, about: str, made: str) -> typer.Typer:
    app = typer.Typer(name=kind, help=about, no_args_is_help=True)

    @app.command("add", help=f"Make a {kind}. {made}")
    def add(name: Name, description: Description = "", as_json: arg.Json = False) -> None:
        from cli.lists import add as run

        raise typer.Exit(run(kind, name, description=description, as_json=as_json))

    @app.command("rename", help=f"Give a {kind} another name; segments that ask for it follow.")
    def rename(
        name: Name, new: NewName, anyway: Anyway = False, by: By = None, as_json: arg.Json = False
    ) -> None:
        from cli.rename import rename as run

        raise typer.Exit(run(kind, name, new, anyway=anyway, by=by, as_json=as_json))

    @app.command("delete", help=f"Delete a {kind}. Its people stay contacts, and their history tells it.")
    def delete(name: Name, by: By = None, as_json: arg.Json = False) -> None:
        from cli.lists import delete as run

        raise typer.Exit(run(kind, name, by=by, as_json=as_json))

    @app.command("show", help=f"Show every {kind}, or one, with how many people are in it.")
    def show(name: OneName = None, as_json: arg.Json = False) -> None:
        from cli.lists import show as run

        raise typer.Exit(run(kind, name, as_json=as_json))

    @app.command("members", help=f"Show who is in a {kind}, and who of them no campaign texts.")
    def members(
        name: Name, purpose: Purpose = "marketing", most: Most = 50, as_json: arg.Json = False
    ) -> None:
        from cli.lists import members as run

        raise typer.Exit(run(kind, name, purpose=purpose, most=most, as_json=as_json))

    @app.command("add-to", help=f"Put contacts into a {kind}: all of them, or nobody.")
    def add_to(
        name: Name, numbers: Numbers, region: Country = None, by: By = None, as_json: arg.Json = False
    ) -> None:
        from cli.lists import put_people as run

        raise typer.Exit(run(kind, name, numbers, out=False, region=region, by=by, as_json=as_json))

    @app.command("remove-from", help=f"Take contacts out of a {kind}; they stay contacts.")
    def remove_from(
        name: Name, numbers: Numbers, region: Country = None, by: By = None, as_json: arg.Json = False
    ) -> None:
        from cli.lists import put_people as run

        raise typer.Exit(run(kind, name, numbers, out=True, region=region, by=by, as_json=as_json))

    return app


list_app = _app(
    "list", about="Lists of contacts, for campaigns to be sent to.", made="An import makes the one it names."
)
tag_app = _app("tag", about="Tags on contacts, to find them by.", made="Its first use makes it, too.")
