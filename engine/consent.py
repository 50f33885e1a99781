"""Nobody is texted unless somebody said why they may be (design.md §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging.errors import TidingsError

if TYPE_CHECKING:
    from messaging.campaign import Campaign


class ConsentMissing(TidingsError):
    """A campaign to real people does not say why they may be texted."""


def require_consent(campaign: Campaign, *, is_simulated: bool) -> None:
    """Raises ConsentMissing for a campaign without a word on consent; the simulator texts nobody and needs none."""
    if campaign.consent is None and not is_simulated:
        raise ConsentMissing(
            f"{campaign.name}: it does not say why these people may be texted; "
            'add --consent "…" to the line, or [consent] with basis and note to the campaign file.'
        )
