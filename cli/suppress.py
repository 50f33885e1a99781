"""`tidings suppress`: numbers that no campaign may text any more."""

from __future__ import annotations

import time
from pathlib import Path

from cli.instance import open_here
from cli.output import EXIT_OK, print_json, screen
from config.settings import load_settings


def suppress(file: Path, *, region: str | None, reason: str, as_json: bool) -> int:
    from data.suppressions import import_suppressions

    with open_here(load_settings()) as instance:
        imported = import_suppressions(
            instance.store, file, key=instance.keys.person, region=region, reason=reason, now=time.time()
        )
    if as_json:
        print_json({"added": imported.n_new, "known": imported.n_known, "rejects": imported.rejects.height})
    else:
        screen.print(
            f"{imported.n_new:,} numbers added to the suppressions, {imported.n_known:,} were there already, "
            f"{imported.rejects.height:,} rows hold no number"
        )
    return EXIT_OK
