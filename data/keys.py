"""The two keys of an instance, and the three that come from them.

`sealing` seals credentials at rest and may be rotated. `pseudonym` never changes: person keys and wire references
come from it, so with another one every suppression would be lost without a sound.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from data.whole_files import write_text_once
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from pydantic import SecretStr

KEY_BYTES = 32
SHORTEST_SECRET = 32  # characters; what we make ourselves has 64


class KeysError(TidingsError):
    """var/keys/pseudonym is gone; restore it from a backup."""


@dataclass(frozen=True, slots=True)
class Keys:
    """32 bytes each; never printed."""

    sealing: bytes = field(repr=False)
    person: bytes = field(repr=False)  # messaging.sealed.person_key
    references: bytes = field(repr=False)  # messaging.sealed.Sealer


def load_keys(var_dir: Path, *, sealing: SecretStr | None = None, pseudonym: SecretStr | None = None) -> Keys:
    """The keys given from outside, or else those of var/keys, which are made at first start.

    Raises KeysError when one is too short, cannot be read, or is gone while the other is still there.
    """
    folder = var_dir / "keys"
    pseudonym_secret = _given("TIDINGS_PSEUDONYM_KEY", pseudonym) or _kept_pseudonym(folder)
    sealing_secret = _given("TIDINGS_SEALING_KEY", sealing) or _kept(folder / "sealing")
    return Keys(
        sealing=_derived(sealing_secret, "sealing"),
        person=_derived(pseudonym_secret, "person"),
        references=_derived(pseudonym_secret, "references"),
    )


def _kept_pseudonym(folder: Path) -> str:
    path = folder / "pseudonym"
    # The pseudonym key is made first, so a lone sealing key means that it was lost, not that this is a first start.
    if (folder / "sealing").exists() and not path.exists():
        raise KeysError(
            f"the key {path} is gone, and with a new one nobody's opt-out would be found; "
            "restore it from a backup, or set TIDINGS_PSEUDONYM_KEY."
        )
    return _kept(path)


def _given(variable: str, secret: SecretStr | None) -> str | None:
    if secret is None:
        return None
    return _long_enough(secret.get_secret_value().strip(), f"the key in {variable}")


def _kept(path: Path) -> str:
    """The key in a file; the first of several processes makes it, and all of them use that one."""
    try:
        if not path.exists():
            write_text_once(secrets.token_hex(KEY_BYTES) + "\n", path)
        return _long_enough(path.read_text(encoding="ascii").strip(), f"the key {path}")
    except (OSError, UnicodeDecodeError) as error:
        raise KeysError(
            f"the key {path} cannot be read or made ({type(error).__name__}); check who owns it."
        ) from None


def _long_enough(secret: str, name: str) -> str:
    if len(secret) < SHORTEST_SECRET:
        raise KeysError(
            f"{name} has fewer than {SHORTEST_SECRET} characters; restore it, or give a longer one."
        )
    return secret


def _derived(secret: str, purpose: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"tidings {purpose}".encode()).derive(secret.encode())
