"""Child processes that never outlive the command that started them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def in_child() -> None:
    """Between fork and exec: interrupts work again, and on Linux the child ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored in background jobs, and a worker stops by SIGINT
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def start_child(
    command: list[str], *, environment: dict[str, str], log: Path, folder: Path | None = None
) -> subprocess.Popen[bytes]:
    """A child in a session of its own, so that Ctrl-C in the terminal reaches only us; its output goes to a log file.

    For the main thread: on Linux the child ends with the thread that started it. folder: where it works, if not here.
    """
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            cwd=folder,
            start_new_session=True,
            preexec_fn=in_child,  # noqa: PLW1509 - nothing but two system calls
        )


def stop_child(child: subprocess.Popen[bytes], *, patience_s: float) -> None:
    """SIGTERM, and SIGKILL for one that does not end in time."""
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(patience_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_taken(host: str, port: int) -> bool:
    """Whether somebody listens there already."""
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def last_words(log: Path, n_lines: int = 3) -> str:
    """The end of a child's log, in one line."""
    try:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        return "its log is empty"
    return " / ".join(lines[-n_lines:]) or "its log is empty"
