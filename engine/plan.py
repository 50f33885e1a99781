"""From a campaign to a plan: who gets which text, what it costs, and everybody else with a reason (design.md §3).

Nothing is written and nobody is asked but the store, for opt-outs: a plan may be made as often as one likes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from data.definitions import read_template
from data.prices import Prices, load_prices
from data.readers import Source, read_source
from data.suppressions import EVERYWHERE, suppressed_among
from messaging.audience import choose_audience, in_source_order, keep_readable, number_audience
from messaging.batches import n_batches, plan_batches
from messaging.campaign import Campaign, Guards
from messaging.columns import choose_columns
from messaging.contacts import split_contacts
from messaging.errors import TidingsError
from messaging.masking import mask
from messaging.plan_summary import PlanSummary
from messaging.schemas import MESSAGES, REJECTS, attributes
from messaging.sealed import person_keys
from messaging.segments import count_segments, not_gsm7
from messaging.template import compile_template

if TYPE_CHECKING:
    from data.keys import Keys
    from data.store.engine import Store

# What freezing adds, since it depends on the run's number.
_OF_THE_RUN = ("message_id", "reference")


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
    """Every row of the source, once, in one of the frames.

    rejects: REJECTS. excluded: EXCLUDED + person_key. audience: AUDIENCE + the source's columns. messages: MESSAGES
    without what depends on the run's number, one row per person of the audience, in its order.
    """

    campaign: Campaign
    rejects: pl.DataFrame
    excluded: pl.DataFrame
    audience: pl.DataFrame
    messages: pl.DataFrame
    summary: PlanSummary

    @property
    def stopped_by(self) -> str | None:
        """What the campaign's guards say against sending this plan, in one sentence. None: nothing."""
        return _objection(self.campaign.guards, self.summary)

    def samples(self, n: int = 5) -> list[Sample]:
        """Up to n messages that differ: the longest, then one of each country and encoding, then the first ones."""
        ranked = (
            self.messages.lazy()
            .select("msisdn", "text", "segments", "encoding", "region")
            .with_row_index("at")
            .with_columns(
                is_longest=pl.col("segments").rank("ordinal", descending=True) == 1,
                is_new_kind=pl.struct("region", "encoding").is_first_distinct(),
            )
            .sort("is_longest", "is_new_kind", "at", descending=[True, True, False], maintain_order=True)
            .head(n)
            .collect()
        )
        return [
            Sample(mask(msisdn), text, segments, encoding)
            for msisdn, text, segments, encoding in ranked.select(
                "msisdn", "text", "segments", "encoding"
            ).iter_rows()
        ]


def make_plan(campaign: Campaign, *, base: Path, store: Store | None, keys: Keys) -> Plan:
    """Plan a campaign from its source. base: the folder that its files are relative to. store None: no opt-outs known.

    Raises SourceError, CampaignError, TemplateError and PricesError for what cannot be read. A guard stops no plan:
    it is to be looked at (Plan.stopped_by); freezing refuses it.
    """
    source = _read_source(campaign, base)
    # Before anybody is looked at: a misspelt field is the campaign's mistake, not that of each of its people.
    text = read_template(campaign, base)
    template = compile_template(text, fields=attributes(source.frame.columns))
    prices = load_prices(None if campaign.gateway.prices is None else base / campaign.gateway.prices)

    contacts, rejects = _contacts(source, campaign, keys)
    people, left_out = choose_audience(
        contacts,
        consent_basis=campaign.consent.basis if campaign.consent else None,
        suppressed=_suppressed(store, contacts, campaign),
        priced_regions=prices.per_segment.keys(),
    )
    readable, unreadable = keep_readable(
        people, count_segments(template.render(people)), max_segments=campaign.guards.max_segments
    )
    audience = number_audience(readable)
    messages = _messages(audience, campaign, prices)
    excluded = in_source_order(left_out, unreadable)
    return Plan(
        campaign=campaign,
        rejects=rejects,
        excluded=excluded,
        audience=audience.drop("text", "encoding", "segments"),
        messages=messages,
        summary=_summary(campaign, source, prices, text, contacts, rejects, excluded, messages),
    )


def _read_source(campaign: Campaign, base: Path) -> Source:
    audience = campaign.audience
    return read_source(
        base / Path(audience.file).expanduser(),
        separator=audience.separator,
        encoding=audience.encoding,
        sheet=audience.sheet,
    )


def _contacts(source: Source, campaign: Campaign, keys: Keys) -> tuple[pl.DataFrame, pl.DataFrame]:
    """CONTACTS + person_key + the source's columns, and REJECTS: rows that cannot be read or have no number."""
    audience = campaign.audience
    columns = choose_columns(
        source.headers,
        phone=audience.phone,
        region=audience.country,
        consent=audience.consent,
        external_id=audience.external_id,
        source=source.name,
    )
    contacts, without_number = split_contacts(source.frame, columns, region=audience.region)
    rejects = in_source_order(source.rejects.select(REJECTS.names()), without_number.select(REJECTS.names()))
    return contacts.with_columns(person_keys(keys.person, contacts["msisdn"])), rejects


def _suppressed(store: Store | None, contacts: pl.DataFrame, campaign: Campaign) -> set[str]:
    """Asked again at every claim; here so that the plan already counts them."""
    if store is None:
        return set()
    scopes = (EVERYWHERE, campaign.gateway.account, campaign.message.sender_id or EVERYWHERE)
    return suppressed_among(store, contacts["person_key"], scopes=scopes)


def _messages(audience: pl.DataFrame, campaign: Campaign, prices: Prices) -> pl.DataFrame:
    """MESSAGES but for what depends on the run's number; no campaign has windows yet, so all may leave at once."""
    priced = plan_batches(prices.with_prices(audience), max_messages=campaign.run.batch_size)
    schema = {name: kind for name, kind in MESSAGES.items() if name not in _OF_THE_RUN}
    return priced.with_columns(
        sender_id=pl.lit(campaign.message.sender_id, dtype=pl.String),
        not_before=pl.lit(None, dtype=pl.Float64),
        not_after=pl.lit(None, dtype=pl.Float64),
    ).select(pl.col(name).cast(kind) for name, kind in schema.items())


def _summary(
    campaign: Campaign,
    source: Source,
    prices: Prices,
    text: str,
    contacts: pl.DataFrame,
    rejects: pl.DataFrame,
    excluded: pl.DataFrame,
    messages: pl.DataFrame,
) -> PlanSummary:
    text_fingerprint = hashlib.sha256(text.encode()).hexdigest()
    return PlanSummary(
        campaign=campaign.name,
        source_rows=source.n_rows,
        rejects=_counts(rejects["rule"]),
        contacts=contacts.height,
        excluded=_counts(excluded["reason"]),
        audience=messages.height,
        holdout=0,
        messages=messages.height,
        segments=int(messages["segments"].cast(pl.Int64).sum()),
        cost=round(float(messages["price"].sum()), 6),
        currency=prices.currency,
        encodings=_counts(messages["encoding"]),
        regions=_counts(messages["region"]),
        segments_per_message={int(n): count for n, count in _counts(messages["segments"]).items()},
        n_batches=n_batches(messages.height, max_messages=campaign.run.batch_size),
        batch_size=campaign.run.batch_size,
        validity_s=campaign.run.validity_s,
        source_fingerprint=source.fingerprint,
        text_fingerprint=text_fingerprint,
        plan_fingerprint=_plan_fingerprint(campaign, source, prices, text_fingerprint, messages),
        failure_guards=campaign.guards.of_failures,
        notices=[*source.notices, *_notices(campaign, prices, text, messages)],
    )


def _notices(campaign: Campaign, prices: Prices, text: str, messages: pl.DataFrame) -> Iterator[str]:
    """What a person should know before sending, in sentences."""
    if prices.is_example:
        yield "the cost is by invented example prices; name your own list under gateway.prices"
    costly = not_gsm7(text)
    if costly and messages.height:
        yield (
            f"the template's {' '.join(sorted(costly))} make messages UCS-2, with 70 characters in a segment "
            "instead of 160; plain characters in their place save segments"
        )
    if campaign.audience.region is None and campaign.audience.country is None and not messages.height:
        yield "numbers written without a country need one: --region GB, or audience.region in the campaign file"


def _plan_fingerprint(
    campaign: Campaign, source: Source, prices: Prices, text_fingerprint: str, messages: pl.DataFrame
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
        "messages": _messages_fingerprint(messages),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _messages_fingerprint(messages: pl.DataFrame) -> str:
    """Of every person and text, in order. Lengths stand before the texts, so that no two lists spell the same."""
    digest = hashlib.sha256()
    entry = pl.format("{}{}:{}", "person_key", pl.col("text").str.len_bytes(), "text")
    for some in messages.select(entry=entry).iter_slices(50_000):
        digest.update("".join(some["entry"]).encode())
    return digest.hexdigest()


def _counts(column: pl.Series) -> dict[str, int]:
    """How often each value stands there, the most frequent first."""
    counted = column.rename("value").value_counts(sort=True)
    return {str(value): int(n) for value, n in counted.iter_rows()}


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
