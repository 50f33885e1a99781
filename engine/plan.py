"""From a campaign to a plan: who gets which text, what it costs, and everybody else with a reason (design.md §3).

Nothing is written and nobody is asked but the store, for opt-outs: a plan may be made as often as one likes.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from data.definitions import read_template
from data.prices import Prices, load_prices
from data.readers import Source, open_source
from data.spool import ROWS_OF_A_CHUNK, Spool
from data.suppressions import EVERYWHERE, SuppressedPeople
from engine.candidates import Candidates, gather_candidates
from messaging.audience import in_source_order, keep_readable, number_audience
from messaging.batches import n_batches, plan_batches
from messaging.campaign import Campaign, Guards
from messaging.columns import Columns, choose_columns
from messaging.errors import TidingsError
from messaging.masking import mask
from messaging.plan_summary import PlanSummary
from messaging.schemas import AUDIENCE, EXCLUDED, MESSAGES, attributes
from messaging.segments import count_segments, not_gsm7
from messaging.template import Template, compile_template

if TYPE_CHECKING:
    from hashlib import _Hash as Digest

    from data.keys import Keys
    from data.store.engine import Store

# MESSAGES but for what freezing adds, since it depends on the run's number.
MESSAGES_OF_A_PLAN = pl.Schema(
    {name: kind for name, kind in MESSAGES.items() if name not in {"message_id", "reference"}}
)
_SHOWN = ("msisdn", "text", "segments", "encoding", "region")  # of a sample, and what tells its kind
_MOST_SAMPLES = 50
TEXTS = ("text", "encoding", "segments")  # of a person, once rendered


class GuardStopped(TidingsError):
    """A plan is larger or dearer than its campaign allows; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One rendered message, for a person at a terminal: it holds a text, so it goes nowhere else."""

    masked_msisdn: str
    text: str
    segments: int
    encoding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every row of the source, once, in one of the spools.

    contacts: CONTACTS + person_key + the source's columns; excluded and audience part them. rejects: REJECTS, and cells
    row by row what the source has there. excluded: EXCLUDED + person_key. audience: AUDIENCE + the source's columns.
    messages: MESSAGES_OF_A_PLAN, one row per person of the audience, in its order and
    in chunks of the same rows. headers: the source's columns, cleaned name → as written; fields: further names for some
    of them, which the audience has beside.
    """

    campaign: Campaign
    summary: PlanSummary
    contacts: Spool
    rejects: Spool
    cells: Spool
    excluded: Spool
    audience: Spool
    messages: Spool
    headers: Mapping[str, str]
    fields: Sequence[str]
    _samples: pl.DataFrame

    @property
    def stopped_by(self) -> str | None:
        """What the campaign's guards say against sending this plan, in one sentence. None: nothing."""
        return _objection(self.campaign.guards, self.summary)

    def samples(self, n: int = 5) -> list[Sample]:
        """Up to n messages (of 50) that differ: the longest, one of each country and encoding, then the first ones."""
        return [Sample(mask(msisdn), *shown) for msisdn, *shown in _ranked(self._samples, n).iter_rows()]


def make_plan(
    campaign: Campaign,
    *,
    base: Path,
    store: Store | None,
    keys: Keys,
    folder: Path | None = None,
    rows_per_chunk: int = ROWS_OF_A_CHUNK,
) -> Plan:
    """Plan a campaign from its source. base: the folder that its files are relative to. store None: no opt-outs known.

    folder: where what a large plan needs is put aside (data.spool). How a source is cut into chunks changes nothing of
    its plan.
    Raises SourceError, CampaignError, TemplateError and PricesError for what cannot be read. A guard stops no plan:
    it is to be looked at (Plan.stopped_by); freezing refuses it.
    """
    with _source(campaign, base, folder, rows_per_chunk) as source:
        # Before anybody is looked at: a misspelt field is the campaign's mistake, not that of each of its people.
        text = read_template(campaign, base)
        columns = _columns(source, campaign)
        template = compile_template(text, fields={*attributes(source.headers), *columns.fields})
        prices = load_prices(None if campaign.gateway.prices is None else base / campaign.gateway.prices)
        candidates = _candidates(source, columns, campaign, store, keys, folder)
    writing = _Writing(campaign, template, prices, hollow=source.hollow, folder=folder)
    for people, left_out in candidates.chosen(priced_regions=prices.per_segment.keys()):
        writing.add(people, left_out)
    return Plan(
        campaign=campaign,
        summary=writing.summary(source, columns, candidates, text),
        contacts=candidates.contacts,
        rejects=candidates.rejects,
        cells=candidates.cells,
        excluded=writing.excluded,
        audience=writing.audience,
        messages=writing.messages,
        fields=[name for name in columns.fields if name not in source.headers],
        headers={name: written for name, written in source.headers.items() if name not in source.hollow},
        _samples=writing.samples,
    )


def _source(
    campaign: Campaign, base: Path, folder: Path | None, rows_per_chunk: int
) -> AbstractContextManager[Source]:
    audience = campaign.audience
    return open_source(
        base / Path(audience.file).expanduser(),
        separator=audience.separator,
        encoding=audience.encoding,
        sheet=audience.sheet,
        folder=folder,
        rows_per_chunk=rows_per_chunk,
    )


def _columns(source: Source, campaign: Campaign) -> Columns:
    audience = campaign.audience
    return choose_columns(
        source.headers,
        phone=audience.phone,
        region=audience.country,
        consent=audience.consent,
        external_id=audience.external_id,
        fields=audience.fields,
        source=source.name,
    )


def _candidates(
    source: Source,
    columns: Columns,
    campaign: Campaign,
    store: Store | None,
    keys: Keys,
    folder: Path | None,
) -> Candidates:
    # Opt-outs are asked for again at every claim; here so that the plan already counts them.
    scopes = (EVERYWHERE, campaign.gateway.account, campaign.message.sender_id or EVERYWHERE)
    return gather_candidates(
        source,
        columns,
        region=campaign.audience.region,
        consent_basis=campaign.consent.basis if campaign.consent else None,
        suppressed=SuppressedPeople(store, scopes=scopes),
        key=keys.person,
        folder=folder,
    )


class _Writing:
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
        self._counts = {name: Counter[str]() for name in ("reason", "encoding", "region", "segments")}
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
            self._counts[column.name].update(_counted(column))
        # In millionths, which add up to the same sum however the source is cut.
        self._micros += int((messages["price"] * 1e6).round().cast(pl.Int64).sum())
        _add_messages(self._digest, messages)

    def summary(self, source: Source, columns: Columns, candidates: Candidates, text: str) -> PlanSummary:
        campaign, n_messages = self._campaign, self.messages.n_rows
        text_fingerprint = hashlib.sha256(text.encode()).hexdigest()
        by_segments = _largest_first(self._counts["segments"])
        rejects: Counter[str] = Counter()
        for some in candidates.rejects:
            rejects.update(_counted(some["rule"]))
        return PlanSummary(
            campaign=campaign.name,
            source_rows=source.n_rows,
            rejects=_largest_first(rejects),
            contacts=candidates.contacts.n_rows,
            excluded=_largest_first(self._counts["reason"]),
            audience=self.audience.n_rows,
            holdout=0,
            messages=n_messages,
            segments=sum(int(n) * count for n, count in by_segments.items()),
            cost=self._micros / 1e6,
            currency=self._prices.currency,
            encodings=_largest_first(self._counts["encoding"]),
            regions=_largest_first(self._counts["region"]),
            segments_per_message={int(n): count for n, count in by_segments.items()},
            n_batches=n_batches(n_messages, max_messages=campaign.run.batch_size),
            batch_size=campaign.run.batch_size,
            validity_s=campaign.run.validity_s,
            source_fingerprint=source.fingerprint,
            text_fingerprint=text_fingerprint,
            plan_fingerprint=_plan_fingerprint(
                campaign, source, self._prices, text_fingerprint, self._digest.hexdigest()
            ),
            failure_guards=campaign.guards.of_failures,
            notices=[*source.notices, *_notices(campaign, self._prices, text, n_messages)],
            read_as=source.read_as,
            columns=columns.in_words,
        )


def _messages(audience: pl.DataFrame, campaign: Campaign, prices: Prices, *, first: int) -> pl.DataFrame:
    """MESSAGES_OF_A_PLAN; no campaign has windows yet, so all may leave at once."""
    priced = plan_batches(prices.with_prices(audience), max_messages=campaign.run.batch_size, first=first)
    return priced.with_columns(
        sender_id=pl.lit(campaign.message.sender_id, dtype=pl.String),
        not_before=pl.lit(None, dtype=pl.Float64),
        not_after=pl.lit(None, dtype=pl.Float64),
    ).select(pl.col(name).cast(kind) for name, kind in MESSAGES_OF_A_PLAN.items())


def _candidates_for_samples(messages: pl.DataFrame) -> pl.DataFrame:
    """All that `_ranked` may choose among, had it the messages of all chunks."""
    is_longest = pl.col("segments").rank("ordinal", descending=True) == 1
    is_new_kind = pl.struct("region", "encoding").is_first_distinct()
    is_early = pl.int_range(pl.len()) < _MOST_SAMPLES
    return messages.select(_SHOWN).filter(is_longest | is_new_kind | is_early)


def _ranked(messages: pl.DataFrame, n: int) -> pl.DataFrame:
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


def _notices(campaign: Campaign, prices: Prices, text: str, n_messages: int) -> Iterator[str]:
    """What a person should know before sending, in sentences."""
    if prices.is_example:
        yield "the cost is by invented example prices; name your own list under gateway.prices"
    costly = not_gsm7(text)
    if costly and n_messages:
        yield (
            f"the template's {' '.join(sorted(costly))} make messages UCS-2, with 70 characters in a segment "
            "instead of 160; plain characters in their place save segments"
        )
    if campaign.audience.region is None and campaign.audience.country is None and not n_messages:
        yield "numbers written without a country need one: --region GB, or audience.region in the campaign file"


def _plan_fingerprint(
    campaign: Campaign, source: Source, prices: Prices, text_fingerprint: str, messages_fingerprint: str
) -> str:
    """Of all that decides who gets what, through whom and at which price: the same plan, the same run key.

    How the messages are cut into batches is not in it: cut otherwise, they would still be the same messages.
    """
    parts: Mapping[str, object] = {
        "source": source.fingerprint,
        "text": text_fingerprint,
        "prices": prices.fingerprint,
        "account": campaign.gateway.account,
        "sender": campaign.message.sender_id,
        "consent": campaign.consent.model_dump() if campaign.consent else None,
        "validity_s": campaign.run.validity_s,
        "messages": messages_fingerprint,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _add_messages(digest: Digest, messages: pl.DataFrame) -> None:
    """Every person and text, in order. Lengths stand before the texts, so that no two lists spell the same."""
    entry = pl.format("{}{}:{}", "person_key", pl.col("text").str.len_bytes(), "text")
    for some in messages.select(entry=entry).iter_slices(50_000):
        digest.update("".join(some["entry"]).encode())


def _counted(column: pl.Series) -> dict[str, int]:
    """How often each value stands there."""
    return {str(value): int(n) for value, n in column.rename("value").value_counts().iter_rows()}


def _largest_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _objection(guards: Guards, summary: PlanSummary) -> str | None:
    if summary.messages == 0:
        return (
            f"{summary.campaign}: nobody is left to text ({summary.n_rejects:,} rejects, "
            f"{summary.n_excluded:,} excluded of {summary.source_rows:,} rows); `tidings plan` shows why."
        )
    if guards.max_messages is not None and summary.messages > guards.max_messages:
        return (
            f"{summary.campaign}: {summary.messages:,} messages, and guards.max_messages allows "
            f"{guards.max_messages:,}; raise it if they are all meant."
        )
    if guards.max_cost is not None and summary.cost > guards.max_cost:
        return (
            f"{summary.campaign}: it would cost {summary.cost:,.2f} {summary.currency}, and guards.max_cost "
            f"allows {guards.max_cost:,.2f}; raise it if that is meant."
        )
    return None
