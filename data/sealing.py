"""Secrets at rest: AES-256-GCM under the instance's sealing key, each bound to the name of what it belongs to."""

from __future__ import annotations

import secrets

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_NONCE_BYTES = 12


class SealBroken(Exception):
    """Sealed under another key or for another name, or damaged."""


def seal(values: dict[str, str], *, name: str, key: bytes) -> bytes | None:
    """Bound to the name, so that a row copied to another one does not open there. None: there is nothing to seal."""
    if not values:
        return None
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, orjson.dumps(values), name.encode())


def unseal(sealed: bytes | None, *, name: str, key: bytes) -> dict[str, str]:
    """What was sealed. Raises SealBroken."""
    if sealed is None:
        return {}
    version, nonce, ciphertext = sealed[:1], sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        if version != _VERSION:
            raise InvalidTag
        opened: dict[str, str] = orjson.loads(AESGCM(key).decrypt(nonce, ciphertext, name.encode()))
    except (InvalidTag, ValueError):
        raise SealBroken from None
    return opened
