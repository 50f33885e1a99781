"""`tidings connection`: databases and services that campaigns read from, by name."""

from __future__ import annotations

import os
import sys
import time

from cli.instance import open_here
from cli.output import EXIT_FAILED, EXIT_OK, print_json, screen
from config.settings import load_settings
from data.connections import (
    Auth,
    BadConnection,
    Connection,
    list_connections,
    read_connection,
    save_connection,
)

SECRET_VARIABLE = "TIDINGS_CONNECTION_SECRET"  # noqa: S105 - the name of one


def add(
    name: str,
    *,
    url: str | None,
    auth: Auth,
    header: str,
    token_url: str,
    scope: str,
    time_limit_s: float,
    private: bool,
    as_json: bool,
) -> int:
    """Url None: of a database; then it is the secret. The secret comes from the environment or standard input."""
    secret = _secret(is_needed=url is None)
    connection = Connection(
        name=name,
        kind="sql" if url is None else "http",
        url=secret if url is None else url,
        token="" if url is None else secret,
        auth=auth,
        header=header,
        token_url=token_url,
        scope=scope,
        time_limit_s=time_limit_s,
        may_be_private=private,
    )
    with open_here(load_settings()) as instance:
        save_connection(instance.store, connection, sealing_key=instance.keys.sealing)
    if as_json:
        print_json({"connection": name, "kind": connection.kind})
    else:
        screen.print(f"[bold]{name}[/bold] is kept, sealed · tidings connection test {name}")
    return EXIT_OK


def test(name: str, *, path: str, as_json: bool) -> int:
    """Whether it answers: a database to `select 1`, a service to a path."""
    from data.readers.probing import probe

    with open_here(load_settings()) as instance:
        connection = read_connection(instance.store, name, sealing_key=instance.keys.sealing)
    started = time.monotonic()
    problem = probe(connection, path=path)
    took_ms = round(1000 * (time.monotonic() - started))
    if as_json:
        print_json({"connection": name, "answers": problem is None, "problem": problem, "took_ms": took_ms})
    elif problem is None:
        screen.print(f"[green]{name} answers[/green] ({took_ms} ms)")
    else:
        print(f"tidings: {problem}", file=sys.stderr)
    return EXIT_OK if problem is None else EXIT_FAILED


def list_all(*, as_json: bool) -> int:
    with open_here(load_settings()) as instance:
        found = list_connections(instance.store)
    if as_json:
        print_json([{"connection": name, "kind": kind, **settings} for name, kind, settings in found])
        return EXIT_OK
    for name, kind, settings in found:
        screen.print(f"{name}  [dim]{kind}  {settings.get('url', 'URL sealed')}[/dim]")
    if not found:
        screen.print("there is no connection yet; `tidings connection add NAME` makes one.")
    return EXIT_OK


def _secret(*, is_needed: bool) -> str:
    """Never an argument: a command line is seen by everybody on the machine, and kept by the shell."""
    secret = os.environ.get(SECRET_VARIABLE)
    if secret is None:
        if sys.stdin.isatty():
            screen.print("[dim]The URL of the database, or the token of the service; end with Enter:[/dim]")
        secret = sys.stdin.readline()
    secret = secret.strip()
    if is_needed and not secret:
        raise BadConnection(
            f"give the URL of the database on standard input or in {SECRET_VARIABLE}, such as "
            "postgresql://user:password@host/name; or --url https://… for a service."
        )
    return secret
