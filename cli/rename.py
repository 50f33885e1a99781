"""`tidings list|tag|segment rename`: another name; people, segments and what was sent stay with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.contacts import who
from cli.instance import open_here
from cli.output import EXIT_OK, print_json, screen
from config.settings import load_settings

if TYPE_CHECKING:
    from data.former_names import Kind


def rename(kind: Kind, old: str, new: str, *, anyway: bool, by: str | None, as_json: bool) -> int:
    from data.renames import rename as run

    with open_here(load_settings()) as instance:
        renamed = run(instance.store, kind, old, new, by=who(by), now=instance.store.now(), anyway=anyway)
    files = [f"data/{path.parent.name}/{path.name}" for path in renamed.files]
    if as_json:
        told = {"from": renamed.old, kind: renamed.new, "segments": renamed.segments, "files": files}
        print_json(told)
        return EXIT_OK
    say = [f"{kind} {renamed.old} is called {renamed.new} now."]
    if renamed.segments:
        several = renamed.segments[1:]
        say.append(
            f"segment{'s' if several else ''} {_listed(renamed.segments)} ask{'' if several else 's'} for it by its new name."
        )
    if files:
        say.append(f"write the new name into {_listed(files)} before the next start.")
    say.append("what was sent to it lately still counts: the same text by hand needs --again.")
    for line in say:
        screen.print(line, markup=False)
    return EXIT_OK


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
