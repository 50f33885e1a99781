"""Which batches are run again, as people write them."""

from __future__ import annotations

import re
from typing import Literal

from messaging.errors import TidingsError

Which = Literal["failed", "chosen", "all"]
InDoubt = Literal["leave", "reconcile", "assume sent", "send again"]

_ONE = re.compile(r"(?:batch[- ])?(\d{1,8})(?:\s*[-–]\s*(?:batch[- ])?(\d{1,8}))?", re.IGNORECASE)


class UnreadableBatches(TidingsError):
    """'three' names no batch; write numbers and spans such as 3, 7, 17-20."""


def parse_batches(text: str, *, n_batches: int) -> list[int]:
    """The numbers in "3, 7, 17-20", or in "batch-3, batch-7" as Prefect shows them; sorted, each once.

    n_batches: of the run; numbers count from 0. Raises UnreadableBatches.
    """
    chosen: set[int] = set()
    for word in filter(None, (word.strip() for word in re.split(r"[,;\n]", text))):
        found = _ONE.fullmatch(word)
        if found is None:
            raise UnreadableBatches(f"“{word}” names no batch; write numbers and spans such as 3, 7, 17-20.")
        first = int(found[1])
        last = int(found[2] or first)
        if first > last or last >= n_batches:
            raise UnreadableBatches(
                f"“{word}” is no batch of this run: its batches are 0 to {n_batches - 1}."
            )
        chosen.update(range(first, last + 1))
    if not chosen:
        raise UnreadableBatches("no batch is named; write numbers and spans such as 3, 7, 17-20.")
    return sorted(chosen)
