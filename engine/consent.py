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

    def known(self, contacts: pl.DataFrame) -> pl.DataFrame:
        """contacts: CONTACTS + person_key. Returns them with what the store knows of each, which may change meanwhile.

        Most often that is nothing, and `of` tells the rest from the row itself.
        """
        if not self._asks_store:
            return contacts
        return contacts.hstack(self._given.of(contacts["person_key"]).get_columns())

    def of(self, known: pl.DataFrame) -> pl.DataFrame:
        """known: as `known` returns them. Returns CONTACTS + CONSENT_OF_A_MESSAGE + person_key and all other columns."""
        if not self.needs_yes:
            return attested(known, self._note)
        if not self._asks_store:
            known = known.hstack(self._given.of(known["person_key"]).get_columns())
        return recorded(known, row_source=self._row_source)

    @property
    def _asks_store(self) -> bool:
        return self.needs_yes and not self._given.is_empty
