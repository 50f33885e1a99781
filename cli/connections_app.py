"""`tidings connection …`: the databases and services that campaigns and imports read from."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from cli import arguments as arg

connection_app = typer.Typer(
    name="connection", help="Databases and services that campaigns read from.", no_args_is_help=True
)


@connection_app.command("add")
def connection_add(
    name: arg.ConnectionName,
    url: Annotated[
        str | None,
        typer.Option(help="Of a service: https://host. Left out: a database, whose URL is the secret."),
    ] = None,
    auth: Annotated[
        Literal["token", "query", "basic", "oauth2"],
        typer.Option(help="How a service lets in whom it knows."),
    ] = "token",
    header: Annotated[
        str, typer.Option(help="What carries the token of a service; with --auth query, a parameter.")
    ] = "Authorization",
    token_url: Annotated[
        str, typer.Option(help="With --auth oauth2: https://…/token; the secret is client_id:client_secret.")
    ] = "",
    scope: Annotated[str, typer.Option(help="With --auth oauth2: what to ask for.")] = "",
    time_limit: Annotated[float, typer.Option(metavar="SECONDS", help="For one reading.")] = 600,
    private: Annotated[
        bool, typer.Option("--private", help="The service may live at an address that is not public.")
    ] = False,
    as_json: arg.Json = False,
) -> None:
    """Keep a connection, sealed. The secret is read from standard input, or TIDINGS_CONNECTION_SECRET."""
    from cli.connection import add as run

    raise typer.Exit(
        run(
            name,
            url=url,
            auth=auth,
            header=header,
            token_url=token_url,
            scope=scope,
            time_limit_s=time_limit,
            private=private,
            as_json=as_json,
        )
    )


@connection_app.command("test")
def connection_test(
    name: arg.ConnectionName,
    path: Annotated[str, typer.Option(help="Of a service: what to ask for.")] = "/",
    as_json: arg.Json = False,
) -> None:
    """Ask whether it answers; ends with 1 when it does not."""
    from cli.connection import test as run

    raise typer.Exit(run(name, path=path, as_json=as_json))


@connection_app.command("list")
def connection_list(as_json: arg.Json = False) -> None:
    """List the connections by name; secrets stay sealed."""
    from cli.connection import list_all as run

    raise typer.Exit(run(as_json=as_json))
