"""Another name for a list, a tag or a segment: it stays what it is, and whatever the store says of it follows.

Segments that ask for it are rewritten in the same commit. Files are their writer's, so they are only found: a campaign or
an import that still has the old name is told the new one, and does nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa

from data.contacts.lists import find_list, list_id, list_name
from data.definitions import list_campaigns, list_imports
from data.former_names import Kind, Rename, composed, log_rename
from data.segments import find_segment, has_segment, segment_name
from data.sql import sql
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.contacts.lists import Kind as ListKind
    from data.store.engine import Store

_GROUPS = {"all", "any", "not"}
_KEYS = {"list": {"list", "not_in_list"}, "tag": {"tag", "without_tag"}}


class NameTaken(TidingsError):
    """There is a list 'regulars' already; nothing was renamed."""


class StillNamed(TidingsError):
    """Campaign or import files speak of the old name, and nobody said --anyway."""


@dataclass(frozen=True, slots=True)
class Renamed:
    """The names as they are kept. segments: whose filters ask for it, now by its new name. files: that still say the old one."""

    old: str
    new: str
    segments: list[str]
    files: list[Path] = field(default_factory=list)


def rename(
    store: Store, kind: Kind, old: str, new: str, *, by: str, now: float, anyway: bool = False
) -> Renamed:
    """anyway: also while files of the house name it. Nothing is written into these.

    Raises UnknownList or UnknownSegment, NameTaken, BadListName or BadSegmentName, and StillNamed.
    """
    files = files_naming(kind, old)
    try:
        with store.write.begin() as connection:
            if kind == "segment":
                renamed = _rename_segment(connection, old, new, by, now)
            else:
                renamed = _rename_list(connection, kind, old, new, by, now)
            if files and not anyway:
                raise StillNamed(_still_named(kind, renamed, files))
            log_rename(connection, Rename(kind=kind, old=renamed.old, new=renamed.new, at=now, by=by))
    except sa.exc.IntegrityError:  # somebody made it at this very moment
        raise NameTaken(_taken(kind, new)) from None
    return replace(renamed, files=files)


def _rename_list(connection: Connection, kind: ListKind, old: str, new: str, by: str, now: float) -> Renamed:
    list_no, name = list_id(connection, kind, old), list_name(kind, new)
    taken = find_list(connection, kind, name)
    if taken is not None:
        raise NameTaken(_is_it(kind, name) if taken == list_no else _taken(kind, name))
    connection.execute(_statement("lists/rename"), {"list": list_no, "name": name})
    return Renamed(composed(old), name, _rewrite_segments(connection, kind, composed(old), name, by, now))


def _rename_segment(connection: Connection, old: str, new: str, by: str, now: float) -> Renamed:
    segment, name = find_segment(connection, old).name, segment_name(new)
    if has_segment(connection, name):
        raise NameTaken(_is_it("segment", name) if name == segment else _taken("segment", name))
    connection.execute(_statement("segments/rename"), {"old": segment, "new": name, "at": now, "by": by})
    return Renamed(segment, name, [])


def _rewrite_segments(
    connection: Connection, kind: ListKind, old: str, new: str, by: str, now: float
) -> list[str]:
    changed = []
    for row in connection.execute(_statement("segments/all")).all():
        told = orjson.loads(row.filter)
        if _rewrite(told, _KEYS[kind], old, new):
            asked = {"segment": row.segment, "filter": orjson.dumps(told).decode(), "at": now, "by": by}
            connection.execute(_statement("segments/refilter"), asked)
            changed.append(row.segment)
    return changed


def _rewrite(told: Any, keys: set[str], old: str, new: str) -> bool:
    """Put the new name in the place of the old one, wherever a condition of a filter says it. Whether one did."""
    does = False
    for condition in told if isinstance(told, list) else [told]:
        for key in keys & condition.keys():
            if composed(condition[key]) == old:
                condition[key] = new
                does = True
        for group in _GROUPS & condition.keys():
            does |= _rewrite(condition[group], keys, old, new)
    return does


def _taken(kind: Kind, name: str) -> str:
    return (
        f"there is a {kind} {name!r} already; nothing was renamed. Choose another name, or delete that one first "
        f"(`tidings {kind} delete`)."
    )


def _is_it(kind: Kind, name: str) -> str:
    return f"this {kind} is called {name!r} already; nothing was renamed."


def _still_named(kind: Kind, renamed: Renamed, files: Sequence[Path]) -> str:
    shown = ", ".join(f"{path.parent.name}/{path.name}" for path in files)
    return (
        f"nothing was renamed: in data/, {shown} {'name' if files[1:] else 'names'} the {kind} {renamed.old!r}. Write "
        f"{renamed.new!r} there and ask again, or give --anyway and write it there before the next start, which would fail."
    )


def files_naming(kind: Kind, name: str) -> list[Path]:
    """The campaign and import files of data/campaigns/ and data/imports/ that have it in their [audience] or as what they fill."""
    wanted = composed(name)
    campaigns = [path for path in list_campaigns() if wanted in _named(_read(path).get("audience"), kind)]
    imports = [path for path in list_imports() if wanted in _filled(_read(path), kind)]
    return [*campaigns, *imports]


def _named(audience: Any, kind: Kind) -> list[str]:
    return _texts([audience.get(kind)]) if isinstance(audience, dict) else []


def _filled(told: dict[str, Any], kind: Kind) -> list[str]:
    tags = told.get("tags")
    return {
        "list": _texts([told.get("list")]),
        "tag": _texts(tags if isinstance(tags, list) else [tags]),
        "segment": [],
    }[kind]


def _texts(values: Sequence[Any]) -> list[str]:
    return [composed(value) for value in values if isinstance(value, str)]


def _read(path: Path) -> dict[str, Any]:
    """One that cannot be read names nothing here; whoever starts it is told what is wrong."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(name))
