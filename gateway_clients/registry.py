"""Which client serves which kind of gateway. Modules are imported when asked for: one provider costs one provider."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from gateway_clients.base import GatewayClient
from gateway_clients.errors import UnknownGatewayKind

# kind: module and maker, called with (settings, credentials, concurrency=)
MAKERS = {"simulator": ("gateway_clients.simulator_client", "make_simulator_client")}


def make_client(
    kind: str, settings: dict[str, Any], credentials: dict[str, str], *, concurrency: int
) -> GatewayClient:
    """A client for one gateway account; it connects when it is first asked something.

    concurrency: most requests open at a time. Raises UnknownGatewayKind and BadGatewaySettings.
    """
    if kind not in MAKERS:
        raise UnknownGatewayKind(
            f"no client is written for gateways of kind {kind!r}; known: {', '.join(MAKERS)}."
        )
    module, name = MAKERS[kind]
    maker: Callable[..., GatewayClient] = getattr(import_module(module), name)
    return maker(settings, credentials, concurrency=concurrency)
