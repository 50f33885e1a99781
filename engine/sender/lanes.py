"""What all batches of one gateway account share within one process."""

from __future__ import annotations

import asyncio
from collections import deque


class Permits:
    """The right to have claimed messages unsettled; the ledger's doubt after a crash is never more than these.

    First come, first served, and each gets all it asked for at once: claims of odd leftovers would only be slower.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._free = capacity
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, n: int) -> None:
        """Wait until n permits are free, and take them. Raises ValueError when there are not so many at all."""
        if n > self.capacity:
            raise ValueError(f"{n} permits were asked for, and there are {self.capacity}")
        if not self._waiting and n <= self._free:
            self._free -= n
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((n, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(n)  # it was ours already
            raise

    def give_back(self, n: int) -> None:
        self._free += n
        while self._waiting and (self._waiting[0][1].done() or self._waiting[0][0] <= self._free):
            n_wanted, turn = self._waiting.popleft()
            if not turn.done():
                self._free -= n_wanted
                turn.set_result(None)


class Lanes:
    """Open requests, unsettled messages, and the gateway's wish to be left alone; one per account and process.

    Permits are messages where they go one by one, and requests in bulk.
    """

    def __init__(self, concurrency: int) -> None:
        self.requests = asyncio.Semaphore(concurrency)
        self.permits = Permits(2 * concurrency)
        self.held_until_s = 0.0  # in the clock's boot seconds

    def hold(self, until_s: float) -> None:
        """Nothing leaves before that instant."""
        self.held_until_s = max(self.held_until_s, until_s)


class StopSign:
    """Set once, when the process is told to end: nothing more is claimed and no byte leaves any more."""

    def __init__(self) -> None:
        self.give_up_at_s: float | None = None  # in boot seconds: answers are awaited until then

    @property
    def is_set(self) -> bool:
        return self.give_up_at_s is not None

    def set(self, give_up_at_s: float) -> None:
        if self.give_up_at_s is None:
            self.give_up_at_s = give_up_at_s
