"""What a gateway client raises, apart from a submit: that answers with outcomes and raises nothing for I/O."""

from __future__ import annotations

from messaging.errors import TidingsError


class GatewayUnavailable(TidingsError):
    """A pull or a look-up brought no usable answer; nothing was learnt, and it may be asked again later."""


class UnreadablePage(TidingsError):
    """A stored page of receipts is not of the provider's known shape; the raw page stays stored."""


class UnknownGatewayKind(TidingsError):
    """No client is written for this kind of gateway."""


class BadGatewaySettings(TidingsError):
    """The settings or credentials of a gateway account cannot be used; names the field, never its value."""
