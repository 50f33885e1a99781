"""Texts that met a number that nobody has, as the folded messages tell: refused for it, or reported so at the end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from data.lake.folding import MEMORY_LIMIT, readable
from data.sql import sql


def failed_in_run(files: Sequence[Path], codes: Collection[str]) -> set[str]:
    """The people of one run, from its messages files. codes: what receipts of its gateway call it."""
    asked = {"files": [str(file) for file in files], "codes": sorted(codes)}
    return {row[0] for row in _ask("hard_failures_of_run", asked)} if files else set()


def failures_in_a_row(
    files: Sequence[Path],
    people: Collection[str],
    *,
    kinds: Mapping[int, str],
    codes: Mapping[str, Collection[str]],
) -> dict[str, int]:
    """How often it happened to each of them since a text came through. kinds: of gateway, by run; codes: by kind."""
    asked = {
        "files": [str(file) for file in files],
        "people": sorted(people),
        "runs": list(kinds),
        "kinds": list(kinds.values()),
        "codes": sorted(f"{kind} {code}" for kind, known in codes.items() for code in known),
    }
    return dict(_ask("hard_failures", asked))


def _ask(name: str, asked: Mapping[str, Any]) -> list[Any]:
    with readable(), duckdb.connect(config={"memory_limit": MEMORY_LIMIT}) as connection:
        return connection.execute(sql(f"lake/{name}"), dict(asked)).fetchall()
