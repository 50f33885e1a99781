"""The two keys of an instance, and the three that come from them.

`sealing` seals credentials at rest and may be rotated. `pseudonym` never changes: person keys and wire references
come from it, so with another one every suppression would be lost without a sound. The store keeps a check value of it.
"""

from __future__ import annotations

import hmac
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
    """var/keys/pseudonym is gone; put it back, or set TIDINGS_PSEUDONYM_KEY."""


@dataclass(frozen=True, slots=True)
class KeySecrets:
    """The two secrets as they rest in var/keys or were given from outside; never printed."""

    sealing: str = field(repr=False)
    pseudonym: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keys:
    """32 bytes each; never printed."""

    sealing: bytes = field(repr=False)
    person: bytes = field(repr=False)  # messaging.sealed.person_key
    references: bytes = field(repr=False)  # messaging.sealed.Sealer
    check: str = ""  # tells pseudonym keys apart, and nothing else; it stands in the store and in backups


def load_keys(
    var_dir: Path,
    *,
    sealing: SecretStr | None = None,
    pseudonym: SecretStr | None = None,
    check: str | None = None,
    salt: str = "",
) -> Keys:
    """The keys given from outside, or else those of var/keys, which are made at first start.

    check: of the keys that the store was made with; then none is made, and another pseudonym key is refused. None:
    the store has seen no keys yet. salt: the store's own; else one that was made anew after a loss would seal run 1 as
    the lost one did, and take its receipts for those of other people. Raises KeysError when one is gone, another one, too short, or cannot be read.
    """
    kept = read_secrets(var_dir / "keys", sealing=sealing, pseudonym=pseudonym, may_make=check is None)
    keys = keys_from(kept, salt=salt)
    if check is not None and is_of_earlier_pseudonyms(kept, check):
        raise KeysError(
            "this store was made before version 0.1.0, under other pseudonyms, so nobody's opt-out would be found; "
            "go on with the program that made it, or begin anew with another TIDINGS_VAR_DIR and import people and "
            "opt-outs there."
        )
    if check is not None and not hmac.compare_digest(keys.check, check):
        raise KeysError(
            f"the pseudonym key in use is not the one that this store was made with, so nobody's opt-out would be "
            f"found; put the right one into {var_dir / 'keys'}, or into TIDINGS_PSEUDONYM_KEY."
        )
    return keys


def read_secrets(
    folder: Path,
    *,
    sealing: SecretStr | None = None,
    pseudonym: SecretStr | None = None,
    may_make: bool = False,
) -> KeySecrets:
    """The secrets given from outside, or else those of the folder. Raises KeysError."""
    return KeySecrets(
        pseudonym=_given("TIDINGS_PSEUDONYM_KEY", pseudonym) or _kept_pseudonym(folder, may_make=may_make),
        sealing=_given("TIDINGS_SEALING_KEY", sealing) or _kept(folder / "sealing", may_make=may_make),
    )


def write_secrets(kept: KeySecrets, folder: Path) -> None:
    """Both secrets as private files; one that is there already stays."""
    write_text_once(kept.pseudonym + "\n", folder / "pseudonym")
    write_text_once(kept.sealing + "\n", folder / "sealing")


def keys_from(kept: KeySecrets, *, salt: str = "") -> Keys:
    """salt: of the store, for its references."""
    return Keys(
        sealing=_derived(kept.sealing, "sealing"),
        person=_derived(kept.pseudonym, "person"),
        references=_derived(kept.pseudonym, f"references {salt}".rstrip()),
        check=_derived(kept.pseudonym, "check of AES pseudonyms").hex(),
    )


def is_of_earlier_pseudonyms(kept: KeySecrets, check: str) -> bool:
    """Whether person keys were BLAKE2b where this check stands (docs/adr/0004): the same secret gave everybody another."""
    return hmac.compare_digest(_derived(kept.pseudonym, "check").hex(), check)


def _kept_pseudonym(folder: Path, *, may_make: bool) -> str:
    path = folder / "pseudonym"
    # The pseudonym key is made first, so a lone sealing key means that it was lost, not that this is a first start.
    return _kept(path, may_make=may_make and not (folder / "sealing").exists())


def _given(variable: str, secret: SecretStr | None) -> str | None:
    if secret is None:
        return None
    return _long_enough(secret.get_secret_value().strip(), f"the key in {variable}")


def _kept(path: Path, *, may_make: bool) -> str:
    """The key in a file; the first of several processes makes it, and all of them use that one."""
    try:
        if not path.exists():
            if not may_make:
                raise KeysError(_gone(path))
            write_text_once(secrets.token_hex(KEY_BYTES) + "\n", path)
        return _long_enough(path.read_text(encoding="ascii").strip(), f"the key {path}")
    except (OSError, UnicodeDecodeError) as error:
        raise KeysError(
            f"the key {path} cannot be read or made ({type(error).__name__}); check who owns it."
        ) from None


def _gone(path: Path) -> str:
    cost = {
        "pseudonym": "nobody's opt-out would be found",
        "sealing": "no gateway's credentials would open",
    }
    return (
        f"the key {path} is gone, and with a new one {cost[path.name]}; "
        f"put it back from where you keep the keys, or set TIDINGS_{path.name.upper()}_KEY."
    )


def _long_enough(secret: str, name: str) -> str:
    if len(secret) < SHORTEST_SECRET:
        raise KeysError(
            f"{name} has fewer than {SHORTEST_SECRET} characters; restore it, or give a longer one."
        )
    return secret


def _derived(secret: str, purpose: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"tidings {purpose}".encode()).derive(secret.encode())
