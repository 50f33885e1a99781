"""Whether anybody listens at a gateway's address; asked before a run is started, so that a typing error costs nothing."""

from __future__ import annotations

import socket
from contextlib import closing
from urllib.parse import urlsplit

CONNECT_TIMEOUT_S = 5.0
_PORTS = {"http": 80, "https": 443}


def is_reachable(url: str) -> bool:
    """A TCP connection to the URL's host stands within a few seconds. Says nothing of credentials."""
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme)
    if parts.hostname is None or port is None:
        return False
    try:
        with closing(socket.create_connection((parts.hostname, port), CONNECT_TIMEOUT_S)):
            return True
    except OSError:
        return False
