"""What the files of a run were when they were written: plan.json notes it, so that a file which was changed tells."""

from __future__ import annotations

import hashlib
from pathlib import Path

from data.files import RunFolder


def file_fingerprints(folder: Path) -> dict[str, str]:
    """SHA-256 of each file of a run's folder, by its path in it, in order; without plan.json, which notes them."""
    noted_in = RunFolder(folder).plan_json
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != noted_in)
    return {path.relative_to(folder).as_posix(): fingerprint(path) for path in files}


def fingerprint(path: Path) -> str:
    """SHA-256 of one file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
