"""What all batches of one gateway account share within one process."""

from __future__ import annotations

import asyncio
from collections import deque

ENOUGH_GOOD = 3  # messages let in for each that was refused; fewer, and the next hold is longer
SHORTEST_HOLD_S = 0.25
LONGEST_HOLD_S = 4.0


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


class Window:
    """How many requests may be open: as many as there are lanes, and fewer for a while after a throttle.

    First come, first served.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._width = float(most)
        self._n_open = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if self._n_open < int(self._width) and not self._waiting:
            self._n_open += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # it was ours already
            raise

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def narrow(self) -> None:
        """Half as many from now on."""
        self._width = max(1.0, self._width / 2)

    def widen(self) -> None:
        """One more for every round of requests that went well."""
        if self._width < self._most:
            self._width = min(float(self._most), self._width + 1 / self._width)
            self._let_in()

    def _leave(self) -> None:
        self._n_open -= 1
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and (self._waiting[0].done() or self._n_open < int(self._width)):
            turn = self._waiting.popleft()
            if not turn.done():
                self._n_open += 1
                turn.set_result(None)


class Lanes:
    """Open requests, unsettled messages, and the gateway's wish to be left alone; one per account and process.

    Permits are messages where they go one by one, and requests in bulk.
    """

    def __init__(self, concurrency: int) -> None:
        self.requests = Window(concurrency)
        self.permits = Permits(2 * concurrency)
        self.held_until_s = 0.0  # in the clock's boot seconds
        self._hold_s = 0.0
        self._n_good = self._n_refused = 0  # messages since the last hold began

    def hold(self, wait_s: float, *, now_s: float) -> None:
        """The gateway wants to be left alone for so long: nothing leaves."""
        self.held_until_s = max(self.held_until_s, now_s + wait_s)

    def throttled(self, wait_s: float, *, now_s: float) -> None:
        """The gateway takes less than it was given: nothing leaves for so long, and then less at a time.

        When little was let in since the last hold, this one is twice as long as that one: a gateway that takes a message
        every 20 ms and says so with each refusal would refuse every other one, until all attempts are used up.
        """
        self._n_refused += 1
        if now_s >= self.held_until_s:
            self.requests.narrow()
            is_useless = self._n_good < ENOUGH_GOOD * self._n_refused
            self._hold_s = min(max(2 * self._hold_s, SHORTEST_HOLD_S), LONGEST_HOLD_S) if is_useless else 0.0
            self._n_good = self._n_refused = 0
        self.hold(max(wait_s, self._hold_s), now_s=now_s)

    def went_well(self, n: int) -> None:
        """The gateway took n messages of a request."""
        self._n_good += n
        self.requests.widen()


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
