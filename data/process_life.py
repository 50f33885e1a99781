"""Which process this is, so that another one on the same machine can tell for certain that it is dead.

Certain or not at all: a process that only stopped would still send. Where there is no proof (another machine, another
boot, another container, no /proc as on macOS) nobody is called dead.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
_DEAD = frozenset("ZX")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessMark:
    """One process among all there ever were: its id is given out again, its start within one boot is not."""

    place: str  # one boot of one machine, as seen from one container
    pid: int
    started: int  # clock ticks since the boot


def this_process() -> ProcessMark | None:
    """None where the system does not tell."""
    place, stat = _place(), _stat(os.getpid())
    if place is None or stat is None:
        return None
    return ProcessMark(place=place, pid=os.getpid(), started=stat[1])


def is_dead(process: ProcessMark) -> bool:
    """True: not one thread of it will ever run again. False: it lives, or nobody here can know."""
    if process.place != _place():
        return False
    stat = _stat(process.pid)
    if stat is None:
        return _is_unknown(process.pid)
    state, started = stat
    return started != process.started or (state in _DEAD and _has_one_thread(process.pid))


@cache
def _place() -> str | None:
    """Ids and start times are compared within one boot, one process namespace and one time namespace only."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        spaces = [(_PROC / "self/ns" / name).readlink() for name in ("pid", "time")]
        is_own_proc = int((_PROC / "self").readlink().name) == os.getpid()
    except OSError:
        return None
    return " ".join([boot, platform.node(), *map(str, spaces)]) if is_own_proc else None


def _stat(pid: int) -> tuple[str, int] | None:
    """(state, started). None: nothing is told of it, which is no proof that it is gone."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[19])


def _is_unknown(pid: int) -> bool:
    """The kernel has nobody of this id; /proc alone may hide the processes of others."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _has_one_thread(pid: int) -> bool:
    """A main thread may be a zombie while others go on."""
    try:
        return len(list((_PROC / str(pid) / "task").iterdir())) <= 1
    except OSError:
        return False
