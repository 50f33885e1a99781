"""A PostgreSQL store into one file and back, by PostgreSQL's own programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import sqlalchemy as sa

from data.backup_manifest import BackupError
from data.whole_files import whole_place


def dump(url: str, target: Path, *, snapshot: str) -> None:
    """Write the store, as an exported snapshot has it, into a private file; without the row that says whose it is.

    Raises BackupError when pg_dump is missing or fails.
    """
    with whole_place(target) as draft:
        options = ("--format=custom", f"--snapshot={snapshot}", "--exclude-table-data=instance")
        _run("pg_dump", url, *options, f"--file={draft}")


def load(url: str, source: Path) -> None:
    """Make everything of a dump in an empty database, in one transaction. Raises BackupError."""
    _run("pg_restore", url, "--exit-on-error", "--single-transaction", str(source))


def _run(program: str, url: str, *arguments: str) -> None:
    found = shutil.which(program)
    if found is None:
        raise BackupError(
            f"{program} is not installed here, and a store in PostgreSQL needs it; install PostgreSQL's client programs."
        )
    address = sa.make_url(url)
    secret = {} if address.password is None else {"PGPASSWORD": str(address.password)}
    plain = address.set(drivername="postgresql", password=None).render_as_string()
    done = subprocess.run(
        [found, "--no-owner", "--no-privileges", "--no-password", f"--dbname={plain}", *arguments],
        env=os.environ | secret,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[0]
        raise BackupError(f"{program} failed ({why}); nothing of it was kept.")
