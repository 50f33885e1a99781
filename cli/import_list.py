"""`tidings contacts imports`: what was imported, when, and what became of its rows."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from cli.instance import open_here
from cli.output import EXIT_OK, counts, print_json, screen
from cli.times import shown
from config.settings import load_settings

if TYPE_CHECKING:
    from data.imports import ImportRecord

_CUT_OFF = "cut off"


def imports(*, most: int, as_json: bool) -> int:
    from data.imports import list_imports, names_at_work

    with open_here(load_settings()) as instance:
        at_work = names_at_work(instance.var_dir)
        found = list_imports(instance.store, most + 1)
        var_dir = instance.var_dir
    is_all, found = len(found) <= most, found[:most]
    if as_json:
        print_json({"imports": [_as_dict(one, var_dir, at_work) for one in found], "is_all": is_all})
    elif found:
        _print_all(found, var_dir, at_work)
        if not is_all:
            screen.print(Text(f"and older ones: --limit {most * 10} shows more", style="dim"))
    else:
        screen.print("nothing was imported yet; `tidings contacts import FILE` does.", markup=False)
    return EXIT_OK


def _print_all(found: Sequence[ImportRecord], var_dir: Path, at_work: Container[str]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("import", justify="right")
    for column in ("started", "name", "state"):
        table.add_column(column)
    table.add_column("what became of it", overflow="fold")
    for one in found:
        state = _state(one, at_work)
        table.add_row(
            str(one.import_no), shown(one.started_at), Text(one.name), state, Text(_in_words(one, state))
        )
    screen.print(table)
    for one in found:
        file = _rejects_csv(one, var_dir)
        if file is not None:
            screen.print(
                Text.assemble((f"import {one.import_no}, to mend: ", "dim"), str(file)), soft_wrap=True
            )


def _in_words(one: ImportRecord, state: str) -> str:
    """contacts.csv · 2,390 rows: new 2,163 · rejects 137 · doubles 90."""
    if state == _CUT_OFF:
        return f"{one.source} · start it again, and it goes on from there"
    if state == "running":
        return one.source
    if state == "failed":
        return one.state_reason or one.source
    became = {
        "new": one.counts.n_new,
        "changed": one.counts.n_changed,
        "the same": one.counts.n_same,
        "doubles": one.counts.n_double,
        "rejects": one.counts.n_rejects,
    }
    rows = "1 row" if one.counts.n_rows == 1 else f"{one.counts.n_rows:,} rows"
    return f"{one.source} · {rows}: {counts(became)}"


def _state(one: ImportRecord, at_work: Container[str]) -> str:
    """An import that is running by its row, and that nobody is at, was killed."""
    return _CUT_OFF if one.state == "running" and one.name not in at_work else one.state


def _rejects_csv(one: ImportRecord, var_dir: Path) -> Path | None:
    file = None if one.folder is None else var_dir / one.folder / "rejects.csv"
    return file if file is not None and file.exists() else None


def _as_dict(one: ImportRecord, var_dir: Path, at_work: Container[str]) -> dict[str, Any]:
    return {
        "import": one.import_no,
        "name": one.name,
        "source": one.source,
        "state": _state(one, at_work),
        "reason": one.state_reason,
        "started_at": one.started_at,
        "finished_at": one.finished_at,
        "by": one.by,
        "source_rows": one.counts.n_rows,
        "new": one.counts.n_new,
        "changed": one.counts.n_changed,
        "same": one.counts.n_same,
        "doubles": one.counts.n_double,
        "n_rejects": one.counts.n_rejects,
        "rejects_csv": _rejects_csv(one, var_dir),
    }
