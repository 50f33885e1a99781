"""What the codes of final receipts mean, in a provider's own words, where it says more of a person. By kind of gateway."""

from __future__ import annotations

from collections.abc import Mapping

_NO_SUCH_NUMBER: Mapping[str, frozenset[str]] = {
    "simulator": frozenset(
        {"001"}
    ),  # docs/simulator.md; 027 is a phone that was off, and 011 one that stayed so
}

_OPTED_OUT: Mapping[str, frozenset[str]] = {"simulator": frozenset({"009"})}


def no_such_number(kind: str) -> frozenset[str]:
    """Nobody has the number. Empty for a gateway that does not tell."""
    return _NO_SUCH_NUMBER.get(kind, frozenset())


def opted_out(kind: str) -> frozenset[str]:
    """The person has told the gateway, or the carrier behind it, to stop. Empty for a gateway that does not tell."""
    return _OPTED_OUT.get(kind, frozenset())
