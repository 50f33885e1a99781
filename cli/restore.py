"""`tidings restore`: an instance made of a backup, in which nothing is sent until a person says so."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.control import this_person
from cli.output import EXIT_OK, print_json, screen
from config.logs import configure_logging
from config.settings import Settings, load_settings

if TYPE_CHECKING:
    from engine.restoring import Restored


def restore(source: Path, *, keys: Path | None, as_json: bool) -> int:
    from data.keys import KeysError, read_secrets
    from engine.restoring import Target, restore_backup

    settings = load_settings()
    configure_logging(settings.log_level)
    folder = settings.var_dir / "keys" if keys is None else keys.expanduser().absolute()
    try:
        secrets = read_secrets(folder, sealing=settings.sealing_key, pseudonym=settings.pseudonym_key)
    except KeysError as error:
        raise KeysError(
            f"{str(error).partition(';')[0]}; name the folder that `tidings backup --keys` wrote, with --keys."
        ) from None
    target = Target(
        var_dir=settings.var_dir, store_url=settings.store_url, secrets=secrets, keeps_keys=keys is not None
    )
    restored = restore_backup(source.expanduser().absolute(), target, by=this_person(), now=time.time())
    if as_json:
        print_json(_as_json(settings, restored))
    else:
        _tell(settings, restored)
    _load_analytics(settings)  # last: whatever it meets, the instance is there, and that was said
    return EXIT_OK


def _load_analytics(settings: Settings) -> None:
    from cli.instance import open_here
    from engine.loading import load_lake

    with open_here(settings) as instance:
        load_lake(instance.store, instance.lake, instance.analytics, now=time.time())


def _as_json(settings: Settings, restored: Restored) -> dict[str, Any]:
    return {
        "var_dir": str(settings.var_dir),
        "instance": restored.instance_id,
        "backup_of": restored.manifest.instance_id,
        "backup_at": restored.manifest.made_at,
        "paused": restored.runs.n_paused,
        "cancelled": restored.runs.n_cancelled,
        "unconfirmed": restored.n_unconfirmed,
        "next_run": restored.runs.next_run,
        "forgotten_again": len(restored.forgotten.person_keys),
        "forgotten_unreadable": restored.forgotten.n_unreadable,
        "not_erased": restored.not_erased,
    }


def _tell(settings: Settings, restored: Restored) -> None:
    from data.restores import in_words

    runs = restored.runs
    say = [
        f"restored the backup of {in_words(restored.manifest.made_at)} into {settings.var_dir}, as a new instance.",
        "Never start the old one again: both would send.",
        f"{runs.n_paused:,} runs are paused, and nothing is sent.",
        f"{restored.n_unconfirmed:,} messages that may have been sent since the backup are unconfirmed now.",
    ]
    if runs.n_cancelled:
        say.append(
            f"{runs.n_cancelled:,} runs that had no plan yet are cancelled: they may have been sent since."
        )
    if restored.forgotten.person_keys:
        say.append(f"{len(restored.forgotten.person_keys):,} people were forgotten again.")
    if restored.forgotten.n_unreadable:
        say.append(
            f"{restored.forgotten.n_unreadable:,} lines of the forgotten cannot be read; look at the file."
        )
    say += restored.not_erased
    say.append(
        "Next: pull or import the opt-outs since the backup (`tidings suppress import FILE`), then "
        "`tidings resume RUN --opt-outs-checked`, then `tidings reconcile RUN`."
    )
    for line in say:
        screen.print(line, markup=False, soft_wrap=True)
