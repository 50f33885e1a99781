"""From a campaign to a plan: who gets which text, what it costs, and everybody else with a reason (design.md §3).

Nothing is written and nobody is asked but the store, for opt-outs: a plan may be made as often as one likes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from data.definitions import read_template
from data.prices import Prices, load_prices
from data.readers import Source, read_source
from data.suppressions import EVERYWHERE, suppressed_among
from messaging.audience import choose_audience, keep_readable, number_audience
from messaging.batches import n_batches, plan_batches
from messaging.campaign import Campaign
from messaging.columns import choose_columns
from messaging.contacts import split_contacts
from messaging.errors import TidingsError
from messaging.masking import mask
from messaging.plan_summary import PlanSummary
from messaging.schemas import MESSAGES, REJECTS, attributes
from messaging.sealed import person_keys
from messaging.segments import count_segments
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

    Raises SourceError, CampaignError, TemplateError, PricesError for what cannot be read, GuardStopped for a plan
    that its campaign does not allow.
    """
    audience = campaign.audience
    source = read_source(
        base / audience.file,
        separator=audience.separator,
        encoding=audience.encoding,
        sheet=audience.sheet,
    )
    columns = choose_columns(
        source.headers,
        phone=audience.phone,
        region=audience.country,
        consent=audience.consent,
        external_id=audience.external_id,
        source=source.name,
    )
    # Before anybody is looked at: a misspelt field is the campaign's mistake, not that of each of its people.
    text = read_template(campaign, base)
    template = compile_template(text, fields=attributes(source.frame.columns))
    prices = load_prices(None if campaign.gateway.prices is None else base / campaign.gateway.prices)

    contacts, no_numbers = split_contacts(source.frame, columns, region=audience.region)
    contacts = contacts.with_columns(person_keys(keys.person, contacts["msisdn"]))
    people, left_out = choose_audience(
        contacts,
        consent_basis=campaign.consent.basis if campaign.consent else None,
        suppressed=_suppressed(store, contacts, campaign),
        priced_regions=prices.per_segment.keys(),
    )
    rendered = count_segments(people.hstack(template.render(people).get_columns()))
    readable, unreadable = keep_readable(rendered, max_segments=campaign.guards.max_segments)
    frozen = number_audience(readable)
    messages = _messages(frozen, campaign, prices)
    rejects = pl.concat([source.rejects.select(REJECTS.names()), no_numbers.select(REJECTS.names())])
    plan = Plan(
        campaign=campaign,
        rejects=rejects.sort("source_row", maintain_order=True),
        excluded=pl.concat([left_out, unreadable]).sort("source_row", maintain_order=True),
        audience=frozen.drop("text", "encoding", "segments", "units", strict=False),
        messages=messages,
        summary=_summary(
            campaign, source, prices, text, contacts, rejects, pl.concat([left_out, unreadable]), messages
        ),
    )
    _guard(plan)
    return plan


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
    notices = list(source.notices)
    if prices.is_example:
        notices.append("the cost is by invented example prices; name your own list under gateway.prices")
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
        notices=notices,
    )


def _plan_fingerprint(
    campaign: Campaign, source: Source, prices: Prices, text_fingerprint: str, messages: pl.DataFrame
) -> str:
    """Of all that decides who gets what, through whom, and at which price: the same plan, the same run key."""
    people = hashlib.sha256()
    for row in messages.select("person_key", "text", "batch").iter_rows():
        people.update(repr(row).encode())
    parts: Mapping[str, object] = {
        "source": source.fingerprint,
        "text": text_fingerprint,
        "prices": prices.fingerprint,
        "account": campaign.gateway.account,
        "sender": campaign.message.sender_id,
        "consent": campaign.consent.model_dump() if campaign.consent else None,
        "validity_s": campaign.run.validity_s,
        "people": people.hexdigest(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _counts(column: pl.Series) -> dict[str, int]:
    """How often each value stands there, the most frequent first."""
    counted = column.rename("value").value_counts(sort=True)
    return {str(value): int(n) for value, n in counted.iter_rows()}


def _guard(plan: Plan) -> None:
    guards, summary = plan.campaign.guards, plan.summary
    if summary.messages == 0:
        raise GuardStopped(
            f"{summary.campaign}: nobody is left to text ({summary.n_rejects:,} rejects, "
            f"{summary.n_excluded:,} excluded of {summary.source_rows:,} rows); `tidings plan` says why."
        )
    if guards.max_messages is not None and summary.messages > guards.max_messages:
        raise GuardStopped(
            f"{summary.campaign}: {summary.messages:,} messages, and guards.max_messages allows "
            f"{guards.max_messages:,}; raise it if they are all meant."
        )
    if guards.max_cost is not None and summary.cost > guards.max_cost:
        raise GuardStopped(
            f"{summary.campaign}: it would cost {summary.cost:,.2f} {summary.currency}, and guards.max_cost "
            f"allows {guards.max_cost:,.2f}; raise it if that is meant."
        )
