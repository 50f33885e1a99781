"""Messages to batches: what one Prefect task submits."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from messaging.errors import TidingsError

BATCHES_PER_PART = 200  # a part is one Prefect flow run, and its page must stay readable
MAX_ROWS = 1 << 16  # a reference has 16 bits for the row …
MAX_BATCHES = 1 << 24  # … and 24 for the batch


@dataclass(frozen=True, slots=True, order=True)
class BatchRef:
    """One batch of one run: all that crosses Prefect."""

    run: int
    batch: int

    @property
    def part(self) -> int:
        return part_of(self.batch)

    def __str__(self) -> str:
        return f"batch {self.batch} of run {self.run}"


def part_of(batch: int) -> int:
    """The part a batch belongs to; batches and parts both count from 0."""
    return batch // BATCHES_PER_PART


def n_parts(n_batches: int) -> int:
    return -(-n_batches // BATCHES_PER_PART)


def batches_of_part(part: int, n_batches: int) -> range:
    """The batch numbers of one part of a run that has `n_batches` in all."""
    return range(part * BATCHES_PER_PART, min((part + 1) * BATCHES_PER_PART, n_batches))


class PlanError(TidingsError):
    """The messages cannot be cut into batches as asked."""


def plan_batches(messages: pl.DataFrame, *, max_messages: int, first: int = 0) -> pl.DataFrame:
    """Assign every message to a batch of at most `max_messages`, in the order they stand.

    messages: any frame, one row per message; `first` messages of the run stand before it. Returns it with `batch` (0-based) and `row` (0-based in its batch);
    same rows, same order. Stable: the same messages get the same batch and row, so a rerun finds its outcomes.
    Raises PlanError when max_messages is not 1 … 65,536, or there would be more than 16,777,216 batches.
    """
    if not 1 <= max_messages <= MAX_ROWS:
        raise PlanError(
            f"A batch holds 1 to {MAX_ROWS:,} messages, not {max_messages:,}: change run.batch_size."
        )
    if first + messages.height > max_messages * MAX_BATCHES:
        raise PlanError(
            f"{first + messages.height:,} messages are too many for batches of {max_messages:,}: raise run.batch_size."
        )
    position = first + pl.int_range(pl.len(), dtype=pl.Int64)
    return messages.with_columns(
        batch=(position // max_messages).cast(pl.UInt32),
        row=(position % max_messages).cast(pl.UInt16),
    )


def n_batches(n_messages: int, *, max_messages: int) -> int:
    """How many batches `plan_batches` makes of so many messages."""
    return -(-n_messages // max_messages)
