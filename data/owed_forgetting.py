"""What is still to be done for people who asked to be forgotten: a file for each of them, gone once nothing is left.

It is there before anything is erased, so a crash at any point leaves what says how to go on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import orjson

from data.whole_files import sync_folder, write_text
from messaging.traces import Trace

FOLDER = "forgetting"  # in the var folder


@dataclass(slots=True)
class Owed:
    """One person. runs: whose files are still to be looked at; None: every run that there is.

    why: in sentences, what the rest waits for.
    """

    trace: Trace
    by: str
    asked_at: float
    runs: list[int] | None = None
    tried_at: float | None = None  # everything but what waits was done then; None: a crash came before
    why: list[str] = field(default_factory=list)


def read_owed(var_dir: Path) -> list[Owed]:
    """Everybody for whom something is left to do, in the order they asked."""
    found = [_read(path) for path in sorted((var_dir / FOLDER).glob("*.json"))]
    return sorted(found, key=lambda owed: owed.asked_at)


def write_owed(var_dir: Path, owed: Owed) -> None:
    told = {
        "person_key": owed.trace.person_key,
        "digits": sorted(owed.trace.digits),
        "ids": sorted(owed.trace.ids),
        "by": owed.by,
        "asked_at": owed.asked_at,
        "runs": owed.runs,
        "tried_at": owed.tried_at,
        "why": owed.why,
    }
    write_text(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode() + "\n", _path(var_dir, owed))


def remove_owed(var_dir: Path, owed: Owed) -> None:
    """Nothing is left to do."""
    path = _path(var_dir, owed)
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def _path(var_dir: Path, owed: Owed) -> Path:
    return var_dir / FOLDER / f"{owed.trace.person_key}.json"


def _read(path: Path) -> Owed:
    told = orjson.loads(path.read_bytes())
    digits = frozenset((int(length), str(digest)) for length, digest in told["digits"])
    return Owed(
        trace=Trace(told["person_key"], digits, frozenset(told["ids"])),
        by=told["by"],
        asked_at=told["asked_at"],
        runs=told["runs"],
        tried_at=told["tried_at"],
        why=told["why"],
    )
