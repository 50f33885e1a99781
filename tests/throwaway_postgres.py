"""A PostgreSQL of our own, where its programs are installed; it listens on a socket file only and is gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa


class NoPostgres(Exception):
    """There is none to start here; the sentence says why."""


@dataclass(frozen=True, slots=True)
class ThrowawayPostgres:
    """url: a URL with {} in the place of the database's name."""

    url: str

    def new_database(self) -> str:
        """The URL of a fresh, empty database."""
        name = f"t{uuid.uuid4().hex}"
        engine = sa.create_engine(self.url.format("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"create database {name}")
        engine.dispose()
        return self.url.format(name)


@contextmanager
def throwaway_postgres(*, fsync: bool = False) -> Iterator[ThrowawayPostgres]:
    """A running server; fsync as in real life is for measuring. Raises NoPostgres."""
    programs = _programs()
    if programs is None:
        raise NoPostgres("PostgreSQL's programs are not installed (make ci-deps)")
    as_user = _as_somebody_else()
    if as_user is None:
        raise NoPostgres("PostgreSQL does not run as root, and there is no user postgres")
    # Not under pytest's own folder: that is closed to the user the server runs as, and stays so.
    folder = Path(tempfile.mkdtemp(prefix="tidings-pg-"))
    if as_user:
        shutil.chown(folder, "postgres")
    data = folder / "data"
    options = (
        f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync={'on' if fsync else 'off'}"
    )

    def run(program: str, *arguments: str) -> None:
        command = [*as_user, str(programs / program), "-D", str(data), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    run("initdb", "--auth=trust", "--no-sync", "-U", "tidings")
    run("pg_ctl", "-w", "-o", options, "-l", str(folder / "log"), "start")
    try:
        yield ThrowawayPostgres(f"postgresql+psycopg://tidings@/{{}}?host={folder}")
    finally:
        run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    on_path = shutil.which("pg_ctl")
    newest = found[-1] if found else Path(on_path) if on_path else None
    return newest.parent if newest else None


def _as_somebody_else() -> list[str] | None:
    """What to put before a command so that it does not run as root; None: there is no way."""
    if os.geteuid() != 0:
        return []
    if subprocess.run(["id", "postgres"], capture_output=True, check=False).returncode:
        return None
    return ["runuser", "-u", "postgres", "--"]
