"""Nobody is texted unless somebody said why they may be (design.md §3); and what each message rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging.consents import attested, recorded
from messaging.errors import TidingsError

if TYPE_CHECKING:
    import polars as pl

    from data.given_consents import GivenConsents
    from messaging.campaign import Campaign, Consent


class ConsentMissing(TidingsError):
    """A campaign to real people does not say why they may be texted."""


def require_consent(campaign: Campaign, *, is_simulated: bool) -> None:
    """Raises ConsentMissing for a campaign without a word on consent; the simulator texts nobody and needs none."""
    if campaign.consent is None and not is_simulated:
        raise ConsentMissing(
            f"{campaign.name}: it does not say why these people may be texted; "
            'add --consent "…" to the line, or [consent] with basis and note to the campaign file.'
        )


class RestingOn:
    """What a campaign's messages rest on, contact by contact.

    row_source: the source and its column, in words; None: the contacts are stored ones, and no row of theirs says
    anything.
    """

    def __init__(self, consent: Consent | None, *, row_source: str | None, given: GivenConsents) -> None:
        self._note = None if consent is None else consent.note
        self._row_source = row_source
        self._given = given
        self.needs_yes = consent is not None and consent.basis == "recorded"

    def of(self, contacts: pl.DataFrame) -> pl.DataFrame:
        """contacts: CONTACTS + person_key. Returns them + CONSENT_OF_A_MESSAGE."""
        if not self.needs_yes:
            return attested(contacts, self._note)
        given = self._given.of(contacts["person_key"])
        return recorded(contacts.hstack(given.get_columns()), row_source=self._row_source)
