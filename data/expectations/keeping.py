"""Where the results of a quality gate rest: quality.json and quality.html in the run's folder, and the run's row."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import jinja2
import orjson
import sqlalchemy as sa

from data.expectations.suite import LastRun
from data.files import RunFolder
from data.sql import FOLDER, sql
from data.whole_files import write_text

if TYPE_CHECKING:
    from data.store.engine import Store
    from messaging.judgements import QualityReport

_TEMPLATE = FOLDER.parent / "expectations" / "report.html.j2"


def last_run(store: Store, campaign: str, *, but: int | None = None) -> LastRun | None:
    """The run that the campaign last froze, but this one; None: there is none to compare with."""
    with store.read.connect() as connection:
        row = connection.execute(
            sa.text(sql("runs/last_frozen")), {"campaign": campaign, "but": but}
        ).one_or_none()
    return None if row is None else LastRun(*row)


def note_quality(store: Store, run: int, report: QualityReport) -> None:
    """Keep the results with the run, whatever becomes of it."""
    kept = orjson.dumps(report.as_dict()).decode()
    with store.write.begin() as connection:
        connection.execute(sa.text(sql("runs/note_quality")), {"run": run, "quality": kept})


def write_quality(report: QualityReport, folder: RunFolder) -> None:
    """quality.json for programs, quality.html for people; both open without a network and hold nothing personal."""
    as_json = orjson.dumps(report.as_dict(), option=orjson.OPT_INDENT_2)
    write_text(as_json.decode() + "\n", folder.quality_json)
    write_text(render(report), folder.quality_html)


def render(report: QualityReport) -> str:
    """One HTML page that names nothing outside itself."""
    return _template().render(report=report)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
