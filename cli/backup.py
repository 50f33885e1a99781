"""`tidings backup`: the store, the run files and the lake into a folder; the keys into another one, when asked."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.instance import open_here
from cli.output import EXIT_OK, print_json, screen
from config.settings import Settings, load_settings

if TYPE_CHECKING:
    from data.backup import Backup


def backup(into: Path | None, *, keys: Path | None, as_json: bool) -> int:
    from data.backup import write_backup

    settings = load_settings()
    place = (into or settings.var_dir / "backups").expanduser().absolute()
    with open_here(settings) as instance:
        keys_folder = _write_keys(settings, keys, apart_from=place, instance_id=instance.instance_id)
        made = write_backup(instance, place, now=time.time())
    content: dict[str, Any] = {
        "backup": str(made.folder),
        "made_at": made.manifest.made_at,
        "instance": made.manifest.instance_id,
        "store": made.manifest.store,
        "files": len(made.manifest.files),
        "bytes": made.manifest.n_bytes,
        "missing": made.missing,
        "keys": None if keys_folder is None else str(keys_folder),
    }
    if as_json:
        print_json(content)
    else:
        _tell(made, keys_folder)
    return EXIT_OK


def _write_keys(settings: Settings, into: Path | None, *, apart_from: Path, instance_id: str) -> Path | None:
    """The keys in a folder of their own. Raises KeysError when that is where the backup goes, or holds other keys."""
    if into is None:
        return None
    from data.keys import KeysError, read_secrets, write_secrets

    place = into.expanduser().absolute()
    if place == apart_from or apart_from in place.parents or place in apart_from.parents:
        raise KeysError(
            f"{place} and the place of the backup, {apart_from}, are one; whoever finds both reads everything, "
            "so name another place for the keys."
        )
    folder = place / f"tidings-keys-{instance_id[:8]}"
    secrets = read_secrets(
        settings.var_dir / "keys", sealing=settings.sealing_key, pseudonym=settings.pseudonym_key
    )
    write_secrets(secrets, folder)
    if read_secrets(folder) != secrets:
        raise KeysError(f"{folder} holds other keys already; move them away, or name another place.")
    return folder


def _tell(made: Backup, keys_folder: Path | None) -> None:
    n_files, megabytes = len(made.manifest.files), made.manifest.n_bytes / 1e6
    files = "1 file" if n_files == 1 else f"{n_files:,} files"
    say = [f"backup {made.folder}", f"{files}, {megabytes:,.1f} MB, readable by the owner only"]
    if made.missing:
        gone = ", ".join(made.missing[:3])
        say.append(f"{len(made.missing)} files that the store names are gone and not in it: {gone}")
    if keys_folder is None:
        say.append(
            "The keys are NOT in it, and without them it cannot be restored: keep them apart, once, with --keys FOLDER."
        )
    else:
        say.append(f"keys   {keys_folder}: keep this folder apart from the backup, and let nobody read it.")
    for line in say:
        screen.print(line, markup=False, soft_wrap=True)
