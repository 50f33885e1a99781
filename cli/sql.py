"""`tidings sql`: a question to the analytics, answered as a table, JSON or CSV."""

from __future__ import annotations

import csv
import sys

from rich.markup import escape
from rich.table import Table

from cli.output import EXIT_OK, print_json, screen
from config.settings import load_settings
from messaging.errors import TidingsError


class TwoFormats(TidingsError):
    """The line asks for two formats at once."""


def sql(query: str, *, as_json: bool, as_csv: bool) -> int:
    if as_json and as_csv:
        raise TwoFormats("--json and --csv cannot both be had: leave one out.")
    from data.analytics import query as ask

    columns, rows = ask(load_settings().var_dir / "analytics.duckdb", query)
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    elif as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows(rows)
    else:
        _print_table(columns, rows)
    return EXIT_OK


def _print_table(columns: list[str], rows: list[tuple[object, ...]]) -> None:
    """A table, or one block per row when the columns do not fit beside each other."""
    texts = [["" if value is None else str(value) for value in row] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(columns, *texts, strict=True)]
    if sum(widths) + 2 * len(widths) > screen.width:
        _print_blocks(columns, texts)
    else:
        table = Table(header_style="bold", box=None, pad_edge=False)
        for column in columns:
            table.add_column(column, no_wrap=True)
        for row in texts:
            table.add_row(*map(escape, row))
        screen.print(table)
    screen.print(f"[dim]{len(rows):,} row{'s' * (len(rows) != 1)}[/dim]")


def _print_blocks(columns: list[str], rows: list[list[str]]) -> None:
    width = max(map(len, columns))
    for number, row in enumerate(rows, start=1):
        screen.print(f"[dim]row {number}[/dim]")
        for column, text in zip(columns, row, strict=True):
            screen.print(f"  [bold]{column:<{width}}[/bold]  {escape(text)}", soft_wrap=True)
