"""var/analytics.duckdb: views and macros over an explicit list of Parquet files, and the door for questions to it.

It is built beside the old one and takes its place by a rename, so whoever has it open blocks nobody and keeps what
they had. Never write into it: a file that somebody has open cannot be written (docs/analytics.md).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path

import duckdb

from data.lake.files import SCHEMAS, empty_file
from data.lake.manifest import NamedFile
from data.sql import sql
from data.whole_files import make_private_folder, whole_file
from messaging.errors import TidingsError

# Each view may read those before it; the first six read files of the kind they are named after.
VIEWS = (
    "runs",
    "messages",
    "events",
    "excluded",
    "rejects",
    "receipts",
    "replies",
    "suppressions",
    "campaign_funnel",
    "dictionary",
)
STORAGE_VERSION = "v1.2.0"  # what 2.0 writes by itself is refused by 1.4 and 1.5


class NoAnalytics(TidingsError):
    """There are no analytics yet; a run makes them."""


class QueryRefused(TidingsError):
    """A question that is not one SELECT, or that DuckDB cannot answer; says which, and what to do."""


def publish_views(analytics: Path, lake: Path, named: Sequence[NamedFile]) -> bool:
    """Swap in analytics over exactly these files of the lake. False: it stands so already.

    named: the files by their names in the lake; the views get absolute ones, since a view keeps a name as written
    and a reader may stand anywhere.
    """
    script = _script(lake.absolute(), named)
    fingerprint = hashlib.sha256(script.encode()).hexdigest()
    if _fingerprint_of(analytics) == fingerprint:
        return False
    make_private_folder(analytics.parent)
    draft = analytics.with_name(f".{analytics.name}.{secrets.token_hex(4)}")
    try:
        _build(draft, script.replace("$fingerprint", fingerprint))
        with whole_file(analytics) as file:
            file.write(draft.read_bytes())  # a few hundred kilobytes: there are no rows in it
    finally:
        draft.unlink(missing_ok=True)
    return True


def query(
    analytics: Path, question: str, *, limit: int | None = None
) -> tuple[list[str], list[tuple[object, ...]]]:
    """Answer one SELECT: the names of the columns and the rows, at most `limit` of them.

    The question can read the views and their files and nothing else, and can write nothing, not even a file of the
    lake. Raises NoAnalytics, QueryRefused.
    """
    if not analytics.exists():
        raise NoAnalytics(f"there are no analytics at {analytics} yet: `tidings demo` or any run makes them.")
    # In a database of its own: DuckDB gives a path that this process has open already the old views, and its settings.
    with duckdb.connect() as connection:
        try:
            _open_for_questions(connection, analytics)
            _refuse_all_but_one_select(connection, question)
            answer = connection.execute(question)
            rows = answer.fetchall() if limit is None else answer.fetchmany(limit)
        except duckdb.Error as error:
            raise QueryRefused(_in_a_sentence(error)) from None
        return [column[0] for column in answer.description or []], rows


def _script(lake: Path, named: Sequence[NamedFile]) -> str:
    """The statements that make all views; `$fingerprint` is still to be filled in."""
    files = {kind: [lake / file.file for file in named if file.kind == kind] for kind in SCHEMAS}
    files = {kind: paths or [empty_file(lake, kind)] for kind, paths in files.items()}
    views = [sql(f"analytics/{view}").replace("$files", _listed(files.get(view, []))) for view in VIEWS]
    every = [path for view in VIEWS for path in files.get(view, [])]
    return "\n".join([*views, sql("analytics/lake_files").replace("$files", _listed(every))])


def _listed(paths: Sequence[Path]) -> str:
    return "[" + ", ".join(_quoted(str(path)) for path in paths) + "]"


def _quoted(text: str) -> str:
    """A text as an SQL literal: views cannot hold parameters."""
    return "'" + text.replace("'", "''") + "'"


def _build(path: Path, script: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"attach {_quoted(str(path))} as built (storage_version '{STORAGE_VERSION}')")
        connection.execute("use built")
        connection.execute(script)
        connection.execute("use memory")
        connection.execute("detach built")


def _fingerprint_of(analytics: Path) -> str | None:
    """What the analytics that stand there were built from; None: there are none, or they cannot be read."""
    if not analytics.exists():
        return None
    with duckdb.connect() as connection:
        try:
            connection.execute(f"attach {_quoted(str(analytics))} as analytics (read_only)")
            found = connection.execute(
                "select comment from duckdb_views() where database_name = 'analytics' and view_name = 'lake_files'"
            ).fetchone()
        except duckdb.Error:
            return None  # of another version, or damaged: it is built anew
    return None if found is None else found[0]


def _open_for_questions(connection: duckdb.DuckDBPyConnection, analytics: Path) -> None:
    """Attach the analytics, then close every other way to the disk and throw away the key."""
    connection.execute(f"attach {_quoted(str(analytics.absolute()))} as analytics (read_only)")
    connection.execute("use analytics")
    connection.execute("set timezone = 'UTC'")
    files = [Path(row[0]) for row in connection.execute("select file from lake_files").fetchall()]
    connection.execute(f"set allowed_paths = {_listed(files)}")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def _refuse_all_but_one_select(connection: duckdb.DuckDBPyConnection, question: str) -> None:
    """Closing the disk is not enough: what may be read may be overwritten by a COPY, also behind EXPLAIN ANALYZE."""
    statements = connection.extract_statements(question)
    if len(statements) != 1:
        raise QueryRefused(f"ask one question at a time: this is {len(statements)} statements.")
    if statements[0].type != duckdb.StatementType.SELECT:
        raise QueryRefused(
            "only a SELECT is answered here (DESCRIBE, SHOW and SUMMARIZE count as one; a PIVOT needs its values as "
            "ON column IN (…)). For anything else open var/analytics.duckdb read-only in a DuckDB of your own."
        )


def _in_a_sentence(error: duckdb.Error) -> str:
    if isinstance(error, duckdb.PermissionException):
        return "a question reads the views of the analytics and no other file; `show tables` lists them."
    if isinstance(error, duckdb.IOException):
        return (
            f"the analytics cannot be read ({_first_line(error)}); ask again, "
            "and if it stays so, put var/lake back from a backup."
        )
    said = [line.strip() for line in str(error).split("LINE ", maxsplit=1)[0].splitlines() if line.strip()]
    return f"DuckDB cannot answer this: {' '.join(said).split('Error: ', maxsplit=1)[-1]}"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
