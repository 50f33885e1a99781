"""`tidings suppress …`: numbers that no campaign may text any more, or not in one scope."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table

from cli.control import this_person
from cli.instance import open_here
from cli.output import EXIT_OK, print_json, screen
from cli.times import shown
from config.settings import load_settings
from messaging.errors import TidingsError
from messaging.purposes import check_purpose

if TYPE_CHECKING:
    from data.source_lifting import OfSource
    from data.suppressions import StoredSuppression


_OTHER_LISTS = (
    "Whoever another list or column names as well stays suppressed by that one. Columns that one source names together "
    "are lifted together: suppress whom a true one names with `tidings suppress import FILE` before, and they stay."
)


class StillOwed(TidingsError):
    """This person is still being forgotten; wait until no run is open that holds them."""


class WhichOnes(TidingsError):
    """Name one number, or with --source the list whose suppressions end."""


class NotConfirmed(TidingsError):
    """Nothing was lifted: say yes, or give --yes where nobody can be asked."""


class BadScope(TidingsError):
    """'purpose:Marketing' is no scope: write a purpose as one word of small letters, such as marketing."""


def add(
    numbers: Sequence[str], *, region: str | None, reason: str, scope: str, by: str | None, as_json: bool
) -> int:
    from data.suppressions import Suppression, scope_in_words, suppress
    from messaging.one_number import read_number
    from messaging.sealed import person_key

    scope = _scope(scope)
    msisdns = [read_number(number, region=region) for number in numbers]  # all of them, or nobody
    with open_here(load_settings()) as instance:
        entries = [
            Suppression(
                person_key=person_key(instance.keys.person, msisdn),
                msisdn=msisdn,
                reason=reason,
                source=f"by hand: {by or this_person()}",
                scope=scope,
            )
            for msisdn in msisdns
        ]
        n_new = suppress(instance.store, entries, instance.store.now())
    n_known = len(set(msisdns)) - n_new
    if as_json:
        print_json({"scope": scope, "added": n_new, "known": n_known})
    else:
        screen.print(f"{_people(n_new)} suppressed {scope_in_words(scope)}, {n_known:,} were already.")
    return EXIT_OK


def remove(number: str, *, region: str | None, scope: str, by: str, why: str, as_json: bool) -> int:
    from data.forgotten import FILE as FORGOTTEN_FILE
    from data.forgotten import let_back
    from data.owed_forgetting import read_owed
    from data.suppressions import EVERYWHERE, FORGOTTEN, lift_suppression, scope_in_words
    from messaging.one_number import read_number
    from messaging.sealed import person_key

    scope = _scope(scope)
    msisdn = read_number(number, region=region)
    with open_here(load_settings()) as instance:
        person = person_key(instance.keys.person, msisdn)
        now = instance.store.now()
        if any(owed.trace.person_key == person for owed in read_owed(instance.var_dir)):
            raise StillOwed(
                "this person is still being forgotten; wait until no run is open that holds them."
            )
        lifted = lift_suppression(instance.store, person, scope, by=by, why=why, now=now)
        if lifted.reason == FORGOTTEN and scope == EVERYWHERE:
            let_back(instance.var_dir / FORGOTTEN_FILE, person, now=now)
    if as_json:
        print_json({"scope": scope, "reason": lifted.reason, "removed": 1})
    else:
        screen.print(
            f"{msisdn} is no longer suppressed {scope_in_words(scope)} (it was: {lifted.reason}); the log says by whom."
        )
    return EXIT_OK


def remove_source(source: str, *, scope: str | None, by: str, why: str, yes: bool, as_json: bool) -> int:
    from data.source_lifting import count_source, lift_source

    asked = None if scope is None else _scope(scope)
    with open_here(load_settings()) as instance:
        found = count_source(instance.store, source, scope=asked)
        if not as_json:
            for line in _of_source(source, found):
                screen.print(line, markup=False, soft_wrap=True)
        n_lifted = 0
        if found.n_to_lift or found.n_shared:
            if not yes and not _is_confirmed(found):
                raise NotConfirmed("nothing was lifted: say yes, or give --yes where nobody can be asked.")
            n_lifted = lift_source(
                instance.store, source, scope=asked, by=by, why=why, now=instance.store.now
            )
    if as_json:
        print_json(
            {
                "source": source,
                "scope": asked,
                "removed": n_lifted,
                "by_other_lists": found.n_shared,
                "kept": found.n_kept,
                "besides": [
                    {"scope": place, "reason": reason, "n": n} for (place, reason), n in found.besides.items()
                ],
            }
        )
    elif found.n_to_lift:
        screen.print(
            f"{_suppressions(n_lifted)} {'was' if n_lifted == 1 else 'were'} lifted; the log says by whom."
        )
    return EXIT_OK


def _of_source(source: str, found: OfSource) -> list[str]:
    from data.suppressions import WITHDRAWN, scope_in_words

    def told(counted: Mapping[tuple[str, str], int]) -> list[str]:
        return [f"{n:>9,}  {scope_in_words(scope)} · {reason}" for (scope, reason), n in counted.items()]

    if found.to_lift:
        lines = [f"suppressed by {source}, to be lifted:", *told(found.to_lift)]
    else:
        lines = [f"{source}: nobody is suppressed by this list alone, so there is nothing to lift."]
    if found.shared:
        lines += ["named by it, but stay suppressed by another list:", *told(found.shared)]
    if found.kept:
        lines += ["also suppressed by it, but lifted one by one only:", *told(found.kept)]
    if found.besides:
        lines += ["the same people stay suppressed by what else there is:", *told(found.besides)]
    if any(reason == WITHDRAWN for _, reason in found.besides):
        lines.append(
            "Withdrawn consents stay withdrawn until a newer yes, those that this very column withdrew too."
        )
    if found.to_lift:
        lines.append(_OTHER_LISTS)
    return lines


def _is_confirmed(found: OfSource) -> bool:
    if not sys.stdin.isatty():
        return False
    if found.n_to_lift:
        asked = (
            f"Lift {_suppressions(found.n_to_lift)}? Whoever is not suppressed otherwise may be texted again."
        )
    else:
        asked = f"Take this list out of {_suppressions(found.n_shared)}? They stay by the word of the others."
    return typer.confirm(asked, err=True)


def import_file(
    file: Path, *, region: str | None, reason: str | None, scope: str | None, as_json: bool
) -> int:
    from data.suppression_files import import_suppressions

    with open_here(load_settings()) as instance:
        imported = import_suppressions(
            instance.store,
            file,
            key=instance.keys.person,
            region=region,
            reason=reason,
            scope=None if scope is None else _scope(scope),
            now=instance.store.now(),
        )
    if as_json:
        print_json({"added": imported.n_new, "known": imported.n_known, "rejects": imported.rejects.height})
    else:
        screen.print(
            f"{imported.n_new:,} numbers added to the suppressions, {imported.n_known:,} were there already, "
            f"{imported.rejects.height:,} rows hold no number"
        )
    return EXIT_OK


def export_file(target: str, *, as_json: bool) -> int:
    from data.suppression_files import export_suppressions

    with open_here(load_settings()) as instance:
        if target == "-":
            export_suppressions(instance.store, sys.stdout.buffer)
            return EXIT_OK
        n_rows = export_suppressions(instance.store, Path(target))
    if as_json:
        print_json({"file": target, "rows": n_rows})
    else:
        screen.print(f"{n_rows:,} suppressions written to {target}; only you may read it.")
    return EXIT_OK


def list_all(*, scope: str | None, most: int, as_json: bool) -> int:
    from data.suppressions import count_suppressions, latest_suppressions, scope_in_words

    asked = None if scope is None else _scope(scope)
    with open_here(load_settings()) as instance:
        counted = count_suppressions(instance.store, scope=asked)
        latest = latest_suppressions(instance.store, scope=asked, most=most)
    if as_json:
        by_reason = [{"scope": place, "reason": reason, "n": n} for (place, reason), n in counted.items()]
        print_json({"by_reason": by_reason, "latest": [as_dict(one) for one in latest]})
        return EXIT_OK
    for (place, reason), n in counted.items():
        screen.print(f"{n:>9,}  {scope_in_words(place)} · {reason}")
    if not counted:
        screen.print("nobody is suppressed.")
        return EXIT_OK
    screen.print(_table(latest))
    return EXIT_OK


def as_dict(one: StoredSuppression) -> dict[str, Any]:
    """One suppression as the JSON of every command tells it."""
    return {
        "number": one.msisdn,
        "person_key": one.person_key,
        "scope": one.scope,
        "reason": one.reason,
        "source": one.source,
        "at": one.at,
    }


def _table(latest: Sequence[StoredSuppression]) -> Table:
    from data.suppressions import scope_in_words

    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for name in ("number", "suppressed", "reason", "source", "since"):
        table.add_column(name, justify="left", overflow="fold")
    for one in latest:
        who = one.msisdn or "(forgotten)"
        table.add_row(who, scope_in_words(one.scope), one.reason, one.source, shown(one.at))
    return table


def _scope(written: str) -> str:
    """A purpose has one spelling; what else a scope may be is a name of somebody's own."""
    scope = written.strip()
    if scope.startswith("purpose:"):
        try:
            check_purpose(scope.removeprefix("purpose:"))
        except ValueError as error:
            raise BadScope(f"{scope!r} is no scope: {error}.") from None
    return "" if scope == "everywhere" else scope


def _suppressions(n: int) -> str:
    return "1 suppression" if n == 1 else f"{n:,} suppressions"


def _people(n: int) -> str:
    return "1 number is" if n == 1 else f"{n:,} numbers are"
