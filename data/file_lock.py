"""One process at a time, by a lock on a file that a dead process does not hold."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.whole_files import make_private_folder


@contextmanager
def only_one(lock_file: Path) -> Iterator[bool]:
    """True: nobody else is in such a block until this one ends. False: somebody is."""
    make_private_folder(lock_file.parent)
    with os.fdopen(os.open(lock_file, os.O_CREAT | os.O_RDWR, 0o600)) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def is_somebody_in(lock_file: Path) -> bool:
    """Whether somebody is in such a block at this moment. Whoever wants to come in just then may find it closed once."""
    try:
        lock = lock_file.open("rb")
    except FileNotFoundError:
        return False
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # two who look are not in each other's way
        except BlockingIOError:
            return True
    return False
