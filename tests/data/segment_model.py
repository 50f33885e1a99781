"""What a segment's filter means, said once more in plain Python; and a small world of people to ask it about."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson
import sqlalchemy as sa

from data.store.engine import Store
from data.store.tables import (
    attributes,
    behaviour,
    consents,
    contacts,
    list_members,
    lists,
    runs,
)

NOW = 1_800_000_000.0
DAY_S = 86_400.0
STANDARD = ("first_name", "last_name", "language", "time_zone", "external_id")
LISTS = (("list", "A"), ("list", 'B\'s "best"'), ("tag", "vip"), ("tag", "A"))


@dataclass(frozen=True)
class Person:
    """One contact. fields: standard ones and attributes; lists: places in LISTS; ages in days."""

    fields: dict[str, str | None] = field(default_factory=dict)
    region: str = "GB"
    lists: frozenset[int] = frozenset()
    created: float = 10.0
    changed: float = 5.0
    consents: dict[str, bool] = field(default_factory=dict)  # purpose → given
    past_consents: dict[str, bool] = field(default_factory=dict)  # what was said before
    did: dict[int, dict[str, float]] = field(default_factory=dict)  # run → event → days ago


@dataclass(frozen=True)
class Run:
    """One run. started: days ago; None: it has not begun."""

    run: int
    campaign: str
    started: float | None
    is_simulated: bool = False


@dataclass(frozen=True)
class World:
    """Everybody, and every run."""

    people: list[Person]
    runs: list[Run]

    def fill(self, store: Store) -> None:
        """In the place of whatever the store held."""
        everything = (attributes, behaviour, consents, contacts, list_members, lists, runs)
        with store.write.begin() as connection:
            for table in everything:
                connection.execute(sa.delete(table))
            for table, rows in self._rows().items():
                if rows:
                    connection.execute(sa.insert(table), rows)

    def _rows(self) -> dict[sa.Table, list[dict[str, Any]]]:
        rows: dict[sa.Table, list[dict[str, Any]]] = {table: [] for table in (lists, runs, contacts, list_members, consents, behaviour, attributes)}  # fmt: skip
        rows[lists] = [
            {"list": i + 1, "kind": kind, "name": name, "created_at": 0}
            for i, (kind, name) in enumerate(LISTS)
        ]
        rows[runs] = [
            {
                "run": run.run, "campaign": run.campaign, "state": "finished", "origin": "hand", "account": "sim",
                "is_simulated": run.is_simulated, "created_at": 0,
                "started_at": None if run.started is None else NOW - run.started * DAY_S,
            }
            for run in self.runs
        ]  # fmt: skip
        for i, person in enumerate(self.people):
            key = f"key {i:04}"
            others = {
                name: text
                for name, text in person.fields.items()
                if name not in STANDARD and text is not None
            }
            rows[contacts].append(
                {
                    "contact": i + 1, "person_key": key, "msisdn": f"+44770090{i:04}", "region": person.region,
                    "number_type": "MOBILE", **{name: person.fields.get(name) for name in STANDARD},
                    "attributes": orjson.dumps(others).decode(), "changed_by": "test",
                    "created_at": NOW - person.created * DAY_S, "changed_at": NOW - person.changed * DAY_S,
                }
            )  # fmt: skip
            rows[list_members] += [
                {"list": place + 1, "contact": i + 1, "added_at": 0, "added_by": "test"}
                for place in person.lists
            ]
            for said, is_current in ((person.past_consents, False), (person.consents, True)):
                rows[consents] += [
                    {
                        "person_key": key, "purpose": purpose, "is_given": is_given, "at": 1, "source": "test",
                        "recorded_at": 1, "recorded_by": "test", "is_current": is_current,
                    }
                    for purpose, is_given in said.items()
                ]  # fmt: skip
            events = ("texted", "delivered", "failed", "replied", "clicked")
            rows[behaviour] += [
                {
                    "person_key": key,
                    "run": run,
                    **{f"{event}_at": NOW - did[event] * DAY_S if event in did else None for event in events},
                }
                for run, did in person.did.items()
            ]
        return rows

    def belonging(self, definition: dict[str, Any]) -> list[int]:
        """The contact numbers of those who pass, in order. definition: as a file says it."""
        simulated = definition.get("simulated", False)
        return [
            i + 1
            for i, person in enumerate(self.people)
            if self._passes_group(definition, person, simulated=simulated)
        ]

    def _passes_group(self, group: dict[str, Any], person: Person, *, simulated: bool) -> bool:
        def passes(one: dict[str, Any]) -> bool:
            return self._passes(one, person, simulated=simulated)

        denied = group.get("not", [])
        return (
            all(map(passes, group.get("all", [])))
            and (any(map(passes, group["any"])) if "any" in group else True)
            and not any(map(passes, [denied] if isinstance(denied, dict) else denied))
        )

    def _passes(self, one: dict[str, Any], person: Person, *, simulated: bool) -> bool:
        subject = next(iter(one))
        if subject in ("all", "any", "not"):
            return self._passes_group(one, person, simulated=simulated)
        if subject in ("list", "tag"):
            return LISTS.index((subject, one[subject])) in person.lists
        if subject in ("not_in_list", "without_tag"):
            kind = "list" if subject == "not_in_list" else "tag"
            return LISTS.index((kind, one[subject])) not in person.lists
        if subject == "field":
            return _field_passes(one, person.fields.get(one["field"]) or "")
        if subject == "country":
            return person.region in one["country"]
        if subject == "language":
            spoken = (person.fields.get("language") or "").replace("_", "-")
            ascii_lower = "".join(char.lower() if char.isascii() else char for char in spoken)
            return f"{ascii_lower}-".startswith(f"{one['language'].lower()}-")
        if subject in ("created", "changed"):
            [(how, span)] = one[subject].items()
            age = person.created if subject == "created" else person.changed
            is_recent = age <= int(span.removesuffix("d"))
            return is_recent if how == "within" else not is_recent
        if subject == "consent":
            found = person.consents.get(one.get("purpose", "marketing"))
            return {"given": found is True, "withdrawn": found is False, "unknown": found is None}[
                one["consent"]
            ]
        return self._behaved(subject, one[subject], person, simulated=simulated)

    def _behaved(self, event: str, asked: dict[str, Any] | str, person: Person, *, simulated: bool) -> bool:
        if isinstance(asked, str):
            asked = {"never": True} if asked == "never" else {}
        span = asked.get("within") or asked.get("not_within")
        since = float("inf") if span is None else int(span.removesuffix("d"))
        those = self._those(asked, simulated=simulated)
        happened = any(
            event in did and did[event] <= since for run, did in person.did.items() if run in those
        )
        return happened != (asked.get("never", False) or "not_within" in asked)

    def _those(self, asked: dict[str, Any], *, simulated: bool) -> set[int]:
        if isinstance(asked.get("run"), int):
            return {asked["run"]}
        counted = [run for run in self.runs if simulated or not run.is_simulated]
        if "campaign" in asked:
            counted = [run for run in counted if run.campaign == asked["campaign"]]
        if asked.get("run") == "last":
            begun = [(-run.started, run.run) for run in counted if run.started is not None]
            return {max(begun)[1]} if begun else set()
        return {run.run for run in counted}


def _field_passes(one: dict[str, Any], text: str) -> bool:
    how = next(key for key in one if key != "field")
    if how in ("at_least", "at_most"):
        return _is_between(text, one.get("at_least"), one.get("at_most"))
    asked = one[how]
    passes: dict[str, bool] = {
        "is": text == asked,
        "is_not": text != asked,
        "one_of": text in asked if isinstance(asked, list) else False,
        "contains": isinstance(asked, str) and asked in text,
        "starts_with": isinstance(asked, str) and text.startswith(asked),
        "is_empty": (text == "") == asked,
    }
    return passes[how]


def _is_between(text: str, low: Any, high: Any) -> bool:
    if isinstance(low if low is not None else high, str):
        found = re.fullmatch(
            r"(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))(?:[T ].*)?", text, re.ASCII | re.DOTALL
        )
        return found is not None and (low is None or found[1] >= low) and (high is None or found[1] <= high)
    if not re.fullmatch(r"[+-]?\d+(\.\d+)?", text, re.ASCII) or len(re.sub(r"\D", "", text)) > 15:
        return False
    number = Decimal(text)
    return (low is None or number >= Decimal(str(low))) and (high is None or number <= Decimal(str(high)))
