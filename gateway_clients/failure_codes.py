"""The codes of final receipts that say, in a provider's own words, that nobody has the number. By kind of gateway."""

from __future__ import annotations

from collections.abc import Mapping

_NO_SUCH_NUMBER: Mapping[str, frozenset[str]] = {
    "simulator": frozenset(
        {"001"}
    ),  # docs/simulator.md; 027 is a phone that was off, and 011 one that stayed so
}


def no_such_number(kind: str) -> frozenset[str]:
    """Empty for a gateway that does not tell."""
    return _NO_SUCH_NUMBER.get(kind, frozenset())
