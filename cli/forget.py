"""`tidings forget`: everything that is kept of one person is erased; what was counted stays counted."""

from __future__ import annotations

import sys

import typer

from cli.instance import open_here
from cli.output import EXIT_OK, print_json, screen
from config.settings import load_settings
from messaging.errors import TidingsError
from messaging.masking import mask


class NotConfirmed(TidingsError):
    """Nothing was erased: say yes, or give --yes where nobody can be asked."""


def forget(number: str, *, region: str | None, by: str, yes: bool, as_json: bool) -> int:
    from engine.forgetting import forget_person
    from messaging.one_number import read_number

    msisdn = read_number(number, region=region)
    if not yes and not _is_confirmed(msisdn):
        raise NotConfirmed("nothing was erased: say yes, or give --yes where nobody can be asked.")
    with open_here(load_settings()) as instance:
        done = forget_person(instance, msisdn, by=by)
    if as_json:
        print_json({"rows": done.n_rows, "files": done.n_files, "owed": done.owed, "copies": done.copies})
        return EXIT_OK
    say = [
        (
            f"{mask(msisdn)} is forgotten: {done.n_rows:,} rows in {done.n_files:,} files were blanked, and the store keeps "
            "a keyed hash in the suppression list only. No run texts this number again."
        )
    ]
    say += [f"still owed, and done by itself: {sentence}" for sentence in done.owed]
    if done.copies:
        say.append(f"these copies still hold the person; remove them when you may: {', '.join(done.copies)}")
    say.append("Backups elsewhere hold the person too; a restored one forgets again (docs/privacy.md).")
    for line in say:
        screen.print(line, markup=False, soft_wrap=True)
    return EXIT_OK


def _is_confirmed(msisdn: str) -> bool:
    if not sys.stdin.isatty():
        return False
    return typer.confirm(f"Erase everything that is kept of {mask(msisdn)}? It cannot be undone.")
