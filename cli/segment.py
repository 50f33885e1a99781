"""`tidings segment`: filters over the stored contacts, kept under a name, with a count as of now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from cli.control import this_person
from cli.instance import open_here
from cli.output import EXIT_OK, print_json, screen
from cli.times import shown
from config.settings import load_settings
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from data.behaviour import Standing
    from data.store.engine import Store
    from messaging.segment_filter import SegmentFilter

_FEW = 5


class UnclearSegment(TidingsError):
    """A line that says no filter, or two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What the line says of a filter: a file, or conditions that must all hold."""

    file: Path | None = None
    where: tuple[str, ...] = ()
    in_lists: tuple[str, ...] = ()
    not_in_lists: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    without_tags: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    texted: str | None = None
    not_texted_for: str | None = None
    replied: str | None = None
    clicked: str | None = None
    description: str | None = None
    simulated: bool = False

    @property
    def said(self) -> list[dict[str, Any]]:
        """The conditions in the order of the options."""
        from messaging.segment_words import read_where

        said: list[dict[str, Any]] = [{"list": name} for name in self.in_lists]
        said += [{"not_in_list": name} for name in self.not_in_lists]
        said += [{"tag": name} for name in self.tags]
        said += [{"without_tag": name} for name in self.without_tags]
        said += [{"country": list(self.countries)}] if self.countries else []
        said += [read_where(text) for text in self.where]
        said += [
            {event: _past(text)}
            for event, text in (("texted", self.texted), ("replied", self.replied), ("clicked", self.clicked))
            if text is not None
        ]
        said += [{"texted": {"not_within": self.not_texted_for}}] if self.not_texted_for is not None else []
        return said

    def filter(self) -> SegmentFilter | None:
        """None: the line says none. Raises UnclearSegment and BadFilter."""
        from messaging.segment_filter import parse_filter

        said = self.said
        if self.file is not None:
            if said or self.description is not None or self.simulated:
                raise UnclearSegment(
                    "say what belongs to the segment in the file, or on the line, not in both."
                )
            return _of_file(self.file)
        if not said:
            return None
        whole: dict[str, Any] = {"all": said}
        if self.description is not None:
            whole["description"] = self.description
        if self.simulated:
            whole["simulated"] = True
        return parse_filter(whole)


def add(name: str, said: Conditions, *, replace: bool, as_json: bool) -> int:
    from data.definitions import list_campaigns
    from data.segments import count_segment, save_segment, segment_name
    from messaging.segment_words import in_words

    wanted = said.filter()
    if wanted is None:
        raise UnclearSegment(
            "say who belongs to the segment: --file FILTER.toml, or conditions such as --in LIST --where 'region = north'."
        )
    with open_here(load_settings()) as instance:
        store = instance.store
        now = store.now()
        campaigns = [path.stem for path in list_campaigns()]
        is_new = save_segment(
            store, name, wanted, now=now, by=this_person(), replace=replace, campaigns=campaigns
        )
        n = count_segment(store, wanted, now)
        standing = _standing(store, wanted)
    if as_json:
        print_json({"segment": segment_name(name), "is_new": is_new, **_counted(wanted, n, now, standing)})
        return EXIT_OK
    screen.print(Text(f"segment {segment_name(name)} is kept: {in_words(wanted)}"))
    _print_count(store, wanted, n, standing)
    return EXIT_OK


def count(name: str | None, said: Conditions, *, as_json: bool) -> int:
    from data.definitions import list_campaigns
    from data.segment_names import check_names
    from data.segments import count_segment, read_segment
    from messaging.segment_words import in_words

    wanted = said.filter()
    if (name is None) == (wanted is None):
        raise UnclearSegment(
            "either name a segment or say a filter: --file FILTER.toml, or conditions such as --in LIST."
        )
    with open_here(load_settings()) as instance:
        store = instance.store
        if name is not None:
            kept = read_segment(store, name)
            name, wanted = kept.name, kept.filter
        else:
            assert wanted is not None
            with store.read.connect() as connection:
                check_names(connection, wanted, campaigns=[path.stem for path in list_campaigns()])
        now = store.now()
        n = count_segment(store, wanted, now)
        standing = _standing(store, wanted)
        if as_json:
            print_json({"segment": name, **_counted(wanted, n, now, standing)})
            return EXIT_OK
        _print_count(store, wanted, n, standing)
    screen.print(Text(in_words(wanted), style="dim"))
    return EXIT_OK


def list_all(*, as_json: bool) -> int:
    from data.segments import all_segments
    from messaging.segment_words import in_words

    with open_here(load_settings()) as instance:
        found = all_segments(instance.store)
    if as_json:
        print_json(
            [
                {
                    "segment": one.name,
                    "description": one.filter.description,
                    "in_words": in_words(one.filter),
                    "changed_at": one.changed_at,
                    "changed_by": one.changed_by,
                }
                for one in found
            ]
        )
        return EXIT_OK
    for one in found:
        line = Text(one.name, style="bold")
        screen.print(line.append(f"  {in_words(one.filter)}", style="not bold dim"))
    if not found:
        screen.print("there is no segment yet; `tidings segment add NAME --in LIST` makes one.", markup=False)
    return EXIT_OK


def show(name: str, *, as_json: bool) -> int:
    from data.segments import count_segment, people_in_segment, read_segment
    from messaging.segment_words import as_toml, in_words

    with open_here(load_settings()) as instance:
        store = instance.store
        kept = read_segment(store, name)
        now = store.now()
        n = count_segment(store, kept.filter, now)
        some = people_in_segment(store, kept.filter, now, most=_FEW)
        standing = _standing(store, kept.filter)
        if as_json:
            print_json(
                {
                    "segment": kept.name,
                    "description": kept.filter.description,
                    **_counted(kept.filter, n, now, standing),
                    "people": [person._asdict() for person in some],
                    "created_at": kept.created_at,
                    "changed_at": kept.changed_at,
                    "changed_by": kept.changed_by,
                }
            )
            return EXIT_OK
        screen.print(Text(kept.name, style="bold"), Text(kept.filter.description, style="dim"))
        screen.print(Text(in_words(kept.filter)))
        screen.print()
        screen.print(Text(as_toml(kept.filter)), soft_wrap=True)
        _print_count(store, kept.filter, n, standing)
    for person in some:
        screen.print(
            Text(f"  {person.contact:>9}  {person.msisdn}  {person.region}  {person.language or ''}")
        )
    if n > len(some):
        screen.print(f"  … and {n - len(some):,} more", style="dim")
    screen.print(Text(f"saved {shown(kept.changed_at)} by {kept.changed_by}", style="dim"))
    return EXIT_OK


def delete(name: str, *, as_json: bool) -> int:
    from data.segments import delete_segment, segment_name

    with open_here(load_settings()) as instance:
        delete_segment(instance.store, name)
    if as_json:
        print_json({"segment": segment_name(name), "deleted": True})
    else:
        screen.print(Text(f"segment {segment_name(name)} is deleted; its people stay contacts"))
    return EXIT_OK


def _of_file(path: Path) -> SegmentFilter:
    from data.segment_files import load_filter

    return load_filter(path)


def _past(text: str) -> dict[str, Any]:
    """last, or a run's number, or within how long: 30d."""
    if text == "last":
        return {"run": "last"}
    if text.isascii() and text.isdigit():
        return {"run": int(text)}
    return {"within": text}


def _standing(store: Store, wanted: SegmentFilter) -> Standing | None:
    """As of when behaviour is known, when the filter asks for any."""
    from data.behaviour import behaviour_standing
    from messaging.segment_filter import asks_for

    if not asks_for(wanted):
        return None
    return behaviour_standing(store, simulated=wanted.simulated)


def _counted(wanted: SegmentFilter, n: int, now: float, standing: Standing | None) -> dict[str, Any]:
    from messaging.segment_filter import as_written
    from messaging.segment_words import in_words

    behaviour = None
    if standing is not None:
        behaviour = {
            "loaded_at": standing.loaded_at,
            "is_current": standing.is_current,
            "waiting_runs": standing.waiting_runs,
            "replies_wait": standing.replies_wait,
        }
    return {
        "count": n,
        "counted_at": now,
        "in_words": in_words(wanted),
        "filter": as_written(wanted),
        "behaviour": behaviour,
    }


def _print_count(store: Store, wanted: SegmentFilter, n: int, standing: Standing | None) -> None:
    screen.print(f"[bold]{n:,}[/bold] {'contact belongs' if n == 1 else 'contacts belong'} to it now")
    if standing is None:
        return
    for sentence in _about_behaviour(store, wanted, standing):
        screen.print(Text(sentence, style="dim"))


def _about_behaviour(store: Store, wanted: SegmentFilter, standing: Standing) -> list[str]:
    """What the count does not know."""
    from data.segments import has_only_simulated_runs
    from messaging.segment_filter import asks_for

    when = (
        "nothing was loaded yet"
        if standing.loaded_at is None
        else f"as of the load of {shown(standing.loaded_at)}"
    )
    said = [f"what people did: {when}"]
    if standing.waiting_runs:
        runs = ", ".join(map(str, standing.waiting_runs[:_FEW]))
        more = f" and {len(standing.waiting_runs) - _FEW} more" if len(standing.waiting_runs) > _FEW else ""
        said.append(
            f"newer outcomes of run {runs}{more} are not in it yet; the next load of the analytics brings them"
        )
    if standing.replies_wait:
        said.append("newer replies are not in it yet; the next load of the analytics brings them")
    if not wanted.simulated and has_only_simulated_runs(store):
        said.append(
            "every run so far went through a simulator, so nobody counts as texted; --simulated (simulated = true in a file) counts them"
        )
    if "clicked" in asks_for(wanted):
        said.append("clicks are not recorded yet, so nobody counts as having clicked")
    return said
