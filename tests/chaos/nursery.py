"""Victims to order: the harness' side of `python -m tests.chaos.victim`."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.victim import Order

CHECKOUT = Path(__file__).parents[2]
PATIENCE_S = 120.0  # with one victim; then something hangs that nobody killed


@dataclass(frozen=True, slots=True)
class Victim:
    """One living sender. Its process belongs to the nursery, so its id is not given out again before it is reaped."""

    order: Order
    born: Future[int]
    ended: Future[int]

    @property
    def pid(self) -> int:
        return self.born.result(PATIENCE_S)

    def signal(self, number: int) -> None:
        if not self.ended.done():
            os.kill(self.pid, number)

    def wait(self) -> int:
        """Its exit code, -9 when it was killed by SIGKILL. Raises TimeoutError; the log says then where it hung."""
        try:
            return self.ended.result(PATIENCE_S)
        except TimeoutError:
            self.signal(signal.SIGUSR1)
            time.sleep(1)
            self.signal(signal.SIGKILL)
            raise


class Nursery:
    """Births from any thread."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._victims: dict[int, Victim] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def bear(self, **order: Any) -> Victim:
        with self._lock:
            victim = Victim(Order(number=next(self._numbers), **order), Future(), Future())
            self._victims[victim.order.number] = victim
            assert self._process.stdin is not None
            self._process.stdin.write(victim.order.as_json().encode() + b"\n")
            self._process.stdin.flush()
        return victim

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            news = json.loads(line)
            victim = self._victims[news["number"]]
            if "pid" in news:
                victim.born.set_result(news["pid"])
            else:
                victim.ended.set_result(news["ended"])


@contextmanager
def nursery() -> Iterator[Nursery]:
    """Leaving it takes every living victim along."""
    command = [sys.executable, "-m", "tests.chaos.victim"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield Nursery(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)
