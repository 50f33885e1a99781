"""How the command line speaks: tables and sentences on stdout for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

EXIT_OK = 0
EXIT_FAILED = 1  # the command ran, and its answer is no: a run with failures, an audit that does not balance

screen = Console(highlight=False, soft_wrap=False)


def print_json(value: Any) -> None:
    """One JSON document on stdout, keys as they were put in."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")


def counts(by_name: Mapping[str, int]) -> str:
    """{"duplicate": 80, "not_a_mobile": 61} → "duplicate 80 · not a mobile 61", the largest first."""
    largest_first = sorted(by_name.items(), key=lambda item: (-item[1], item[0]))
    return " · ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in largest_first if n)


def ladder() -> Table:
    """A borderless table of label, number and explanation."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="left")
    table.add_column(justify="right")
    table.add_column(style="dim", overflow="fold")
    return table
