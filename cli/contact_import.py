"""`tidings contacts import`: the people of a source into the store, and what became of each of its rows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from cli.control import this_person
from cli.definition import UnclearLine, name_of
from cli.instance import open_here
from cli.output import EXIT_OK, counts, ladder, print_json, screen
from cli.progress import progress_of_import
from config.settings import load_settings

if TYPE_CHECKING:
    from engine.importing import ImportReport
    from messaging.import_file import ImportRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatToImport:
    """What the line says: a source and how to read and merge it, or an import file alone."""

    source: str
    region: str | None = None
    phone: str | None = None
    list_name: str | None = None
    tags: tuple[str, ...] = ()
    purpose: str | None = None
    wins: str | None = None
    keep: tuple[str, ...] = ()
    separator: str | None = None
    encoding: str | None = None
    sheet: str | None = None


def import_contacts(what: WhatToImport, *, again: bool, as_json: bool) -> int:
    settings = load_settings()
    request, base = _request(what)
    with open_here(settings) as instance, progress_of_import(is_shown=not as_json) as tell:
        from engine.importing import import_contacts as run

        report = run(
            request,
            base=base,
            store=instance.store,
            keys=instance.keys,
            var_dir=instance.var_dir,
            now=instance.store.now,
            by=this_person(),
            again=again,
            on_progress=tell,
        )
    if as_json:
        print_json(_as_dict(report))
    else:
        _print_report(report, request)
    return EXIT_OK


def _request(what: WhatToImport) -> tuple[ImportRequest, Path]:
    """The import that the line means, and the folder that its file is relative to."""
    from data.definitions import load_import, names_an_import
    from messaging.import_file import parse_import

    said = _said(what)
    if names_an_import(what.source, here=Path.cwd()):
        if said:
            raise UnclearLine(
                f"{what.source} is a whole import: name it alone, and write what else is to hold into its file."
            )
        loaded = load_import(what.source, here=Path.cwd())
        return loaded.request, loaded.base
    file = Path(what.source).expanduser().absolute()
    source = {"file": str(file), **said.pop("source", {})}
    return parse_import({"name": name_of(file), "source": source, **said}), file.parent


def _said(what: WhatToImport) -> dict[str, Any]:
    """What the line says besides the source, as an import file would."""
    reading = {
        "region": what.region,
        "phone": what.phone,
        "separator": what.separator,
        "encoding": what.encoding,
        "sheet": what.sheet,
    }
    sections: dict[str, Any] = {
        "source": {key: value for key, value in reading.items() if value is not None},
        "list": what.list_name,
        "tags": list(what.tags),
        "consent": {} if what.purpose is None else {"purpose": what.purpose},
        "merge": {
            **({} if what.wins is None else {"wins": what.wins}),
            **({"keep": list(what.keep)} if what.keep else {}),
        },
    }
    return {name: said for name, said in sections.items() if said}


def _as_dict(report: ImportReport) -> dict[str, Any]:
    return {
        "import": report.import_no,
        "name": report.name,
        "source": report.source,
        "source_rows": report.n_rows,
        "new": report.n_new,
        "changed": report.n_changed,
        "same": report.n_same,
        "doubles": report.n_double,
        "n_rejects": report.n_rejects,
        "rejects": dict(report.rejects),
        "rejects_csv": report.rejects_csv,
        "consents": report.n_consents,
        "suppressed": report.n_suppressed,
        "was_imported_before": report.was_imported_before,
        "finished_at": report.finished_at,
        "read_as": report.read_as,
        "columns": dict(report.columns),
        "notices": list(report.notices),
    }


def _print_report(report: ImportReport, request: ImportRequest) -> None:
    screen.print(
        Text.assemble(
            (report.source, "bold"),
            f" · import {report.import_no}" + (" · imported before" if report.was_imported_before else ""),
        )
    )
    meant = " · ".join(f"{meaning.replace('_', ' ')}: {header}" for meaning, header in report.columns.items())
    screen.print(Text.assemble(("read as ", "dim"), report.read_as, ("  columns ", "dim"), meant))
    for notice in report.notices:
        screen.print(Text.assemble(("note", "yellow"), f" {notice}"))
    _print_rows(report, request)
    if report.was_imported_before:
        at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(report.finished_at))
        screen.print(
            f"This very source was imported as import {report.import_no} ({at}), and nothing was stored now. Who was "
            "changed, deleted or taken off a list since stays so; --again stores it row by row.",
            markup=False,
        )


def _print_rows(report: ImportReport, request: ImportRequest) -> None:
    """Source rows down to contacts, and what became of these."""
    table = ladder()
    n_contacts = report.n_new + report.n_changed + report.n_same
    table.add_row("source rows", f"{report.n_rows:,}", "")
    table.add_row("− rejects", f"{report.n_rejects:,}", counts(report.rejects))
    table.add_row("− doubles", f"{report.n_double:,}", "the number of an earlier row" * bool(report.n_double))
    table.add_row("[bold]= contacts[/bold]", f"[bold]{n_contacts:,}[/bold]", _put_onto(request))
    table.add_row("  new", f"{report.n_new:,}", "")
    table.add_row("  changed", f"{report.n_changed:,}", "")
    table.add_row("  the same", f"{report.n_same:,}", "")
    if report.n_consents:
        table.add_row("  consents", f"{report.n_consents:,}", f"{request.consent.purpose}: not known before")
    if report.n_suppressed:
        column = report.columns["do_not_contact"]
        table.add_row("  no text at all", f"{report.n_suppressed:,}", f"{column}: not suppressed before")
    screen.print(table)
    if report.rejects_csv is not None:
        screen.print(Text.assemble(("to mend ", "dim"), str(report.rejects_csv)), soft_wrap=True)


def _put_onto(request: ImportRequest) -> Text:
    words = [f"on the list {request.list}"] if request.list else []
    words += [f"tagged {', '.join(request.tags)}"] if request.tags else []
    return Text(", ".join(words), style="dim")
