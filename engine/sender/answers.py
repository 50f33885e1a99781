"""What a gateway said of a request, matched to the messages it was asked for."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from gateway_clients.verdicts import unconfirmed
from messaging.batches import BatchRef
from messaging.outcomes import ErrorKind, Outcome, OutcomeStatus, OutgoingMessage

log = logging.getLogger(__name__)

_ANSWERS = frozenset(
    {OutcomeStatus.ACCEPTED, OutcomeStatus.REJECTED, OutcomeStatus.UNSENT, OutcomeStatus.UNCONFIRMED}
)


def in_order(
    outcomes: Sequence[Outcome], messages: Sequence[OutgoingMessage], ref: BatchRef
) -> Sequence[Outcome]:
    """One outcome per message; one that the gateway does not speak of, or speaks of in two ways, is in doubt."""
    is_in_order = len(outcomes) == len(messages) and all(
        outcome.reference == message.reference and outcome.status in _ANSWERS
        for outcome, message in zip(outcomes, messages, strict=True)
    )
    return outcomes if is_in_order else _sorted_out(outcomes, messages, ref)


def _sorted_out(
    outcomes: Sequence[Outcome], messages: Sequence[OutgoingMessage], ref: BatchRef
) -> list[Outcome]:
    said: dict[str, Outcome] = {}
    for outcome in outcomes:
        known = said.setdefault(outcome.reference, outcome)
        if known.status != outcome.status or outcome.status not in _ANSWERS:
            said[outcome.reference] = unconfirmed(ErrorKind.BAD_ANSWER).outcome(outcome.reference)
    found = [
        said.pop(message.reference)
        if message.reference in said
        else unconfirmed(ErrorKind.BAD_ANSWER).outcome(message.reference)
        for message in messages
    ]
    if said:
        log.warning("%s: the gateway spoke of %d messages that it was not given", ref, len(said))
    return found


def missed(outcome: Outcome) -> bool:
    """Nothing left, and not because we held it back."""
    return not outcome.on_wire and (outcome.error is None or outcome.error.kind != ErrorKind.HELD_BACK)
