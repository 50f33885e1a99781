"""From a campaign to a plan: who gets which text, what it costs, and everybody else with a reason (design.md §3).

Nothing is written and nobody is asked but the store, for opt-outs: a plan may be made as often as one likes.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from data.definitions import read_template
from data.given_consents import GivenConsents
from data.prices import Prices, load_prices
from data.readers import Source
from data.readers.stored_contacts import StoredContacts
from data.spool import ROWS_OF_A_CHUNK, Spool
from data.suppressions import EVERYWHERE, SuppressedPeople, purpose_scope
from engine.audience_source import open_people
from engine.candidates import Candidates, gather_candidates
from engine.consent import RestingOn
from engine.parting import PartedSource
from engine.writing import Writing, counted, largest_first, ranked
from messaging.audience import Reach
from messaging.batches import n_batches
from messaging.campaign import Campaign, Guards
from messaging.columns import Columns
from messaging.errors import TidingsError
from messaging.masking import mask
from messaging.plan_summary import PlanSummary
from messaging.schemas import attributes
from messaging.segments import not_gsm7
from messaging.template import compile_template

if TYPE_CHECKING:
    from data.keys import Keys
    from data.store.engine import Store


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

    contacts: as in engine.candidates; excluded and audience part them. rejects: REJECTS, and cells row by row what the
    source has there. excluded: EXCLUDED + person_key. audience: AUDIENCE + the source's columns. messages:
    MESSAGES_OF_A_PLAN, one row per person of the audience, in its order and in chunks of the same rows. headers: the
    source's columns, cleaned name → as written; fields: further names for some of them, which the audience has beside.
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
        return [Sample(mask(msisdn), *shown) for msisdn, *shown in ranked(self._samples, n).iter_rows()]


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
    Raises SourceError, CampaignError, TemplateError, PricesError, UnknownConnection and ConnectionSealed for what
    cannot be read. A guard stops no plan:
    it is to be looked at (Plan.stopped_by); freezing refuses it.
    """
    with open_people(
        campaign, base=base, store=store, keys=keys, folder=folder, rows_per_chunk=rows_per_chunk
    ) as (source, people):
        # Before anybody is looked at: a misspelt field is the campaign's mistake, not that of each of its people.
        text = read_template(campaign, base)
        columns = people.columns
        template = compile_template(text, fields={*attributes(source.headers), *columns.fields})
        prices = load_prices(None if campaign.gateway.prices is None else base / campaign.gateway.prices)
        candidates = _candidates(source, people, campaign, store, folder)
    writing = Writing(campaign, template, prices, hollow=source.hollow, folder=folder)
    for chosen, left_out in candidates.chosen(priced_regions=prices.per_segment.keys()):
        writing.add(chosen, left_out)
    return Plan(
        campaign=campaign,
        summary=_summary(writing, campaign, prices, source, columns, candidates, text),
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


def _candidates(
    source: Source | StoredContacts,
    people: PartedSource | StoredContacts,
    campaign: Campaign,
    store: Store | None,
    folder: Path | None,
) -> Candidates:
    # Opt-outs are asked for again at every claim; here so that the plan already counts them.
    scopes = (
        EVERYWHERE,
        campaign.gateway.account,
        campaign.message.sender_id or EVERYWHERE,
        purpose_scope(campaign.purpose),
    )
    return gather_candidates(
        people,
        resting=RestingOn(
            campaign.consent,
            row_source=_row_source(source, people.columns),
            given=GivenConsents(store, campaign.purpose),
        ),
        suppressed=SuppressedPeople(store, scopes=scopes),
        reach=Reach(
            number_types=campaign.audience.number_types,
            countries=campaign.guards.countries,
            blocked_countries=campaign.guards.blocked_countries,
        ),
        folder=folder,
    )


def _row_source(source: Source | StoredContacts, columns: Columns) -> str | None:
    """Where a yes in a row was read, in words; None for stored contacts, who bring consents of their own."""
    if isinstance(source, StoredContacts):
        return None
    return source.name if columns.consent is None else f"{source.name}, {columns.as_written(columns.consent)}"


def _summary(
    writing: Writing,
    campaign: Campaign,
    prices: Prices,
    source: Source | StoredContacts,
    columns: Columns,
    candidates: Candidates,
    text: str,
) -> PlanSummary:
    n_messages = writing.messages.n_rows
    text_fingerprint = hashlib.sha256(text.encode()).hexdigest()
    by_segments = largest_first(writing.counts["segments"])
    rejects: Counter[str] = Counter()
    for some in candidates.rejects:
        rejects.update(counted(some["rule"]))
    return PlanSummary(
        campaign=campaign.name,
        source_rows=source.n_rows,
        rejects=largest_first(rejects),
        contacts=candidates.contacts.n_rows,
        excluded=largest_first(writing.counts["reason"]),
        audience=writing.audience.n_rows,
        holdout=0,
        messages=n_messages,
        segments=sum(int(n) * count for n, count in by_segments.items()),
        cost=writing.cost,
        currency=prices.currency,
        encodings=largest_first(writing.counts["encoding"]),
        regions=largest_first(writing.counts["region"]),
        segments_per_message={int(n): count for n, count in by_segments.items()},
        n_batches=n_batches(n_messages, max_messages=campaign.run.batch_size),
        batch_size=campaign.run.batch_size,
        validity_s=campaign.run.validity_s,
        purpose=campaign.purpose,
        source_fingerprint=source.identity,
        text_fingerprint=text_fingerprint,
        plan_fingerprint=_plan_fingerprint(campaign, source, prices, text_fingerprint, writing.fingerprint),
        failure_guards=campaign.guards.of_failures,
        notices=[*source.notices, *_notices(campaign, prices, text, n_messages)],
        read_as=source.read_as,
        columns=columns.in_words,
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
    if campaign.audience.needs_region and not n_messages:
        yield "numbers written without a country need one: --region GB, or audience.region in the campaign file"


def _plan_fingerprint(
    campaign: Campaign,
    source: Source | StoredContacts,
    prices: Prices,
    text_fingerprint: str,
    messages_fingerprint: str,
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
