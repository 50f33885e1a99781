"""The SQL texts: one job a file, named by area and job ("ledger/take")."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent


@cache
def sql(name: str) -> str:
    """The text of data/sql/<name>.sql without its comment lines: a colon in a comment is no parameter."""
    lines = (FOLDER / f"{name}.sql").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("--"))
