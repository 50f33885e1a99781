"""People to messages, chunk after chunk: what is written to whom, whose text cannot be sent, and what it comes to."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from data.prices import Prices
from data.spool import Spool
from messaging.audience import in_source_order, keep_readable, number_audience
from messaging.batches import plan_batches
from messaging.campaign import Campaign
from messaging.schemas import AUDIENCE, EXCLUDED, MESSAGES
from messaging.segments import count_segments
from messaging.template import Template

if TYPE_CHECKING:
    from hashlib import _Hash as Digest

# MESSAGES but for what freezing adds, since it depends on the run's number.
MESSAGES_OF_A_PLAN = pl.Schema(
    {name: kind for name, kind in MESSAGES.items() if name not in {"message_id", "reference"}}
)
_SHOWN = ("msisdn", "text", "segments", "encoding", "region")  # of a sample, and what tells its kind
_MOST_SAMPLES = 50
TEXTS = ("text", "encoding", "segments")  # of a person, once rendered


class Writing:
    """What becomes of the people, chunk after chunk: messages, and whose text cannot be sent; and what they come to."""

    def __init__(
        self,
        campaign: Campaign,
        template: Template,
        prices: Prices,
        *,
        hollow: list[str],
        folder: Path | None,
    ) -> None:
        self._campaign = campaign
        self._template = template
        self._prices = prices
        self._not_kept = [*TEXTS, *hollow]
        self.counts = {name: Counter[str]() for name in ("reason", "encoding", "region", "segments")}
        self._micros = 0
        self._digest = hashlib.sha256()
        self.excluded, self.audience, self.messages = (
            Spool(folder, schema=schema) for schema in (EXCLUDED, AUDIENCE, MESSAGES_OF_A_PLAN)
        )
        self.samples = pl.DataFrame(schema={name: MESSAGES[name] for name in _SHOWN})

    def add(self, people: pl.DataFrame, left_out: pl.DataFrame) -> None:
        rendered = count_segments(self._template.render(people))
        readable, unreadable = keep_readable(
            people, rendered, max_segments=self._campaign.guards.max_segments
        )
        audience = number_audience(readable, first=self.audience.n_rows)
        messages = _messages(audience, self._campaign, self._prices, first=self.messages.n_rows)
        excluded = in_source_order(left_out, unreadable)
        self._count(excluded, messages)
        self.samples = pl.concat([self.samples, _candidates_for_samples(messages)])
        self.excluded.append(excluded)
        self.audience.append(audience.drop(self._not_kept))
        self.messages.append(messages)

    def _count(self, excluded: pl.DataFrame, messages: pl.DataFrame) -> None:
        for column in (excluded["reason"], *messages.select("encoding", "region", "segments").get_columns()):
            self.counts[column.name].update(counted(column))
        # In millionths, which add up to the same sum however the source is cut.
        self._micros += int((messages["price"] * 1e6).round().cast(pl.Int64).sum())
        _add_messages(self._digest, messages)

    @property
    def cost(self) -> float:
        return self._micros / 1e6

    @property
    def fingerprint(self) -> str:
        """Of every person and text, in order."""
        return self._digest.hexdigest()


def _messages(audience: pl.DataFrame, campaign: Campaign, prices: Prices, *, first: int) -> pl.DataFrame:
    """MESSAGES_OF_A_PLAN; no campaign has windows yet, so all may leave at once."""
    priced = plan_batches(prices.with_prices(audience), max_messages=campaign.run.batch_size, first=first)
    return priced.with_columns(
        sender_id=pl.lit(campaign.message.sender_id, dtype=pl.String),
        not_before=pl.lit(None, dtype=pl.Float64),
        not_after=pl.lit(None, dtype=pl.Float64),
    ).select(pl.col(name).cast(kind) for name, kind in MESSAGES_OF_A_PLAN.items())


def _candidates_for_samples(messages: pl.DataFrame) -> pl.DataFrame:
    """All that `ranked` may choose among, had it the messages of all chunks."""
    is_longest = pl.col("segments").rank("ordinal", descending=True) == 1
    is_new_kind = pl.struct("region", "encoding").is_first_distinct()
    is_early = pl.int_range(pl.len()) < _MOST_SAMPLES
    shown = messages.select(_SHOWN).filter(is_longest | is_new_kind | is_early)
    # Copied: the few texts would keep those of the whole chunk in memory.
    return pl.DataFrame(shown.rows(), schema=shown.schema, orient="row")


def ranked(messages: pl.DataFrame, n: int) -> pl.DataFrame:
    return (
        messages.lazy()
        .with_row_index("at")
        .with_columns(
            is_longest=pl.col("segments").rank("ordinal", descending=True) == 1,
            is_new_kind=pl.struct("region", "encoding").is_first_distinct(),
        )
        .sort("is_longest", "is_new_kind", "at", descending=[True, True, False], maintain_order=True)
        .head(min(n, _MOST_SAMPLES))
        .select(_SHOWN[:4])
        .collect()
    )


def _add_messages(digest: Digest, messages: pl.DataFrame) -> None:
    """Every person and text, in order. Lengths stand before the texts, so that no two lists spell the same."""
    entry = pl.format("{}{}:{}", "person_key", pl.col("text").str.len_bytes(), "text")
    for some in messages.select(entry=entry).iter_slices(50_000):
        digest.update("".join(some["entry"].to_list()).encode())


def counted(column: pl.Series) -> dict[str, int]:
    """How often each value stands there."""
    return {str(value): int(n) for value, n in column.rename("value").value_counts().iter_rows()}


def largest_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
