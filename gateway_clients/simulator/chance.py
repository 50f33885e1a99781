"""Chance that can be repeated: a share of [0, 1) from a seed, a purpose and a key, without a state."""

from __future__ import annotations

from hashlib import blake2b


def chance(seed: int, purpose: str, key: str) -> float:
    """Uniform over keys, and independent between purposes: who is refused is not who is late."""
    digest = blake2b(f"{seed}|{purpose}|{key}".encode(), digest_size=7).digest()
    return int.from_bytes(digest) / (1 << 56)
