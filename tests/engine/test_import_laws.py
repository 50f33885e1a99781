"""Whatever files come in whatever order, the store holds what a plain reading of the rules says, and nobody is lost."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.settings import CHECKOUT
from data.consents import ConsentEntry, record_consents
from tests.engine.intake import counts_of, intake_at, key_of

NUMBERS = [f"07400 12300{digit}" for digit in range(6)]
BAD_NUMBERS = ["n/a", "", "07400 123000 / 07400 123001"]
DAYS = ["", "2026-01-01", "2026-02-01", "2026-03-01", "soon"]
INSTANTS = {"2026-01-01": 1767225600.0, "2026-02-01": 1769904000.0, "2026-03-01": 1772323200.0}
FIELDS = ("first_name", "external_id", "city", "plan")
NO_SIGNS = {ord(sign): None for sign in "{}[]:,' "}  # that may not stand in the name of an import
HEADER = "phone,first_name,Customer ID,city,plan,consent,when"

values = st.sampled_from(["", "", "a", "b", "  ", 'q"x', "é\\"])
rows = st.tuples(
    st.sampled_from([*NUMBERS, *NUMBERS, *BAD_NUMBERS]),
    values, values, values, values,
    st.sampled_from(["", "yes", "no", "perhaps"]),
    st.sampled_from(DAYS),
)  # fmt: skip
sources = st.lists(rows.filter(lambda row: any(map(str.strip, row))), min_size=1, max_size=12)
merges = st.sampled_from(
    [
        {"wins": "file"},
        {"wins": "stored"},
        {"wins": "file", "keep": ["city"]},
        {"wins": "file", "keep": ["first_name", "plan"]},
    ]
)
imports = st.tuples(
    st.just("import"), sources, merges, st.sampled_from([None, "A", "B"]), st.booleans(), st.sampled_from([2, 3, 1000])
)  # fmt: skip
by_hand = st.tuples(st.sampled_from(["edit", "delete", "yes", "forget"]), st.sampled_from(NUMBERS), values)
steps = st.lists(st.one_of(imports, imports, by_hand), min_size=1, max_size=6)


@dataclass
class Model:
    """The rules, as docs/contacts.md tells them, row by row in plain Python."""

    contacts: dict[str, dict[str, str]] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=lambda: {"A": set(), "B": set()})
    consents: dict[str, tuple[float, bool]] = field(default_factory=dict)  # when, is it a no
    changes: list[dict[str, list[str | None]]] = field(default_factory=list)
    merged: dict[str, object] = field(default_factory=dict)  # the row that was merged last
    forgotten: set[str] = field(default_factory=set)

    def bring(self, source, merge, onto, now) -> dict[str, int]:
        counts = dict.fromkeys(("new", "changed", "same", "double", "rejects"), 0)
        said = self._said(source)
        seen = set()
        for phone, *cells, _consent, _when in source:
            if phone in BAD_NUMBERS:
                counts["rejects"] += 1
                continue
            if phone in seen:
                counts["double"] += 1
                continue
            seen.add(phone)
            filled = {name: value for name, value in zip(FIELDS, cells, strict=True) if value.strip()}
            counts[self._merge(phone, filled, said.get(phone), merge, onto, now)] += 1
        return counts

    def _said(self, source) -> dict[str, tuple[bool, float | None]]:
        """By number: what all its rows say together."""
        newest: dict[str, tuple[float, bool]] = {}
        for phone, *_, consent, when in source:
            if consent not in {"yes", "no"} or phone in BAD_NUMBERS:
                continue
            is_no = consent == "no"
            at = INSTANTS.get(when, math.inf if is_no else -math.inf)
            newest[phone] = max(newest.get(phone, (at, is_no)), (at, is_no))
        return {phone: (is_no, at if math.isfinite(at) else None) for phone, (at, is_no) in newest.items()}

    def _merge(self, phone, filled, said, merge, onto, now) -> str:
        row = (filled, said, str(merge))
        stored = self.contacts.get(phone)
        if stored is None and phone in self.forgotten:
            return "rejects"
        if onto is not None:
            self.members[onto].add(phone)
        if stored is not None and self.merged.get(phone) == row:
            return "same"
        self.merged[phone] = row
        if said is not None:
            is_no, at = said
            self._say(phone, is_no, at, now)
        if stored is None:
            self.contacts[phone] = filled
            return "new"
        changed = {}
        for name, value in filled.items():
            may_replace = merge["wins"] == "file" and name not in merge.get("keep", [])
            if stored.get(name) != value and (name not in stored or may_replace):
                changed[name] = [stored.get(name), value]
        stored |= {name: after for name, (_, after) in changed.items()}
        if changed:
            self.changes.append(changed)
        return "changed" if changed else "same"

    def _say(self, phone, is_no, at, now) -> None:
        current = self.consents.get(phone)
        if at is None and is_no and current is not None and current[1]:
            return
        if at is None:
            at = now if is_no else 0.0
        self.consents[phone] = max(current or (at, is_no), (at, is_no))

    def edit(self, phone, value) -> None:
        if phone in self.contacts and value.strip():
            self.contacts[phone]["city"] = value
            self.merged.pop(phone, None)

    def delete(self, phone) -> None:
        self.contacts.pop(phone, None)
        self.merged.pop(phone, None)
        for members in self.members.values():
            members.discard(phone)


def written(source) -> str:
    return "\n".join(
        [HEADER, *(",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in source)]
    )


def msisdn(phone: str) -> str:
    return "+44" + phone.replace(" ", "")[1:]


def do_by_hand(intake, model, what, phone, value) -> None:
    """One thing that a person does to the store, and to the model."""
    person, now = key_of(msisdn(phone)), intake.clock()
    if what == "edit" and value.strip():
        model.edit(phone, value)
        stored = intake.contacts().get(msisdn(phone))
        if stored is not None:
            others = {name: text for name, text in stored.items() if name in {"city", "plan"}} | {
                "city": value
            }
            intake.do(
                "update contacts set attributes = :others, source_hash = null where person_key = :person",
                others=orjson.dumps(others).decode(), person=person,
            )  # fmt: skip
    if what in {"delete", "forget"}:
        model.delete(phone)
        intake.do(
            "delete from list_members where contact in (select contact from contacts where person_key = :person)",
            person=person,
        )
        intake.do("delete from contacts where person_key = :person", person=person)
    if what == "forget" and phone not in model.forgotten:
        model.forgotten.add(phone)
        intake.do(
            "insert into suppressions (person_key, scope, reason, source, at) values (:person, '', 'forgotten', 'x', 1)",
            person=person,
        )
    if what == "yes":
        entry = ConsentEntry(
            person_key=person, msisdn=msisdn(phone), purpose="marketing", is_given=True, at=now, source="x",
            evidence=None, by="Eve",
        )  # fmt: skip
        with intake.store.write.begin() as connection:
            record_consents(connection, [entry], now=now)
        model.consents[phone] = max(model.consents.get(phone, (now, False)), (now, False))


def check(intake, model) -> None:
    assert intake.contacts() == {msisdn(phone): filled for phone, filled in model.contacts.items()}
    for name, members in model.members.items():
        assert intake.members(name) == sorted(map(msisdn, members))
    assert intake.consents() == {
        key_of(msisdn(phone)): not is_no for phone, (_, is_no) in model.consents.items()
    }
    withdrawn = {key_of(msisdn(phone)) for phone, (_, is_no) in model.consents.items() if is_no}
    assert (
        set(intake.column("select person_key from suppressions where scope = 'purpose:marketing'"))
        == withdrawn
    )
    stored = [repr(sorted(fields.items())) for _, fields in intake.changes()]
    assert sorted(stored) == sorted(repr(sorted(fields.items())) for fields in model.changes)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_store_is_what_the_rules_say_after_any_imports_and_edits(
    kind, request, tmp_path_factory, monkeypatch
):
    monkeypatch.setattr("data.contacts.merging.FIRST_SLICE", 2)
    monkeypatch.setattr("data.contacts.merging.LONGEST_SLICE", 3)
    server = request.getfixturevalue("postgres") if kind == "postgresql" else None

    @settings(
        max_examples=40 if kind == "sqlite" else 10,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(steps=steps)
    def holds(steps):
        folder = tmp_path_factory.mktemp("law")
        url = f"sqlite:///{folder / 'store.db'}" if server is None else server.new_database()
        with intake_at(url, folder) as intake:
            model = Model()
            for step in steps:
                if step[0] != "import":
                    do_by_hand(intake, model, *step)
                    continue
                _, source, merge, onto, again, rows_per_chunk = step
                intake.source(written(source))
                report = intake.bring(
                    merge=merge, list=onto, again=again, rows_per_chunk=rows_per_chunk, consent={"at": "when"},
                    name=f"{merge} {onto}".translate(NO_SIGNS),
                )  # fmt: skip
                if not report.was_imported_before:
                    assert counts_of(report) == model.bring(source, merge, onto, intake.now)
                assert report.n_rows == len(source)
            check(intake, model)

    holds()


CHILD = """
import sys, time
from pathlib import Path
from tests.engine.intake import Intake
from data.contacts import merging
from data.store.engine import open_store
merging.FIRST_SLICE = merging.LONGEST_SLICE = 40
class Slowly(list):
    def append(self, _): time.sleep(0.02)
intake = Intake(Path(sys.argv[2]), open_store(sys.argv[1]), paused=Slowly())
intake.bring(list="Spring", tags=["vip"], rows_per_chunk=300)
"""


def many(n: int, city: str) -> str:
    rows = [f"07400 {200_000 + one},P{one},{city},{'no' if one % 10 == 0 else 'yes'}\n" for one in range(n)]
    return "phone,first_name,city,consent\n" + "".join(rows) + "n/a,X,Y,yes\n" + rows[0]


def held(intake):
    """Everything but numbers and instants."""
    return (
        intake.contacts(),
        sorted(intake.column("select source_hash from contacts")),
        intake.members("Spring"),
        intake.members("vip", "tag"),
        intake.consents(),
        intake.rows("select person_key, is_given, at = 0 from consents order by 1"),
        intake.rows("select person_key, scope from suppressions order by 1"),
        sorted((fields["city"][0], fields["city"][1]) for _, fields in intake.changes()),
    )


def killed_half_way(intake, url: str) -> int:
    """An import in a process that is killed once it has stored something. Returns how many new people that were."""
    line = [sys.executable, "-c", CHILD, url, str(intake.base)]
    newest = "select count(*) from contacts where changed_by = 'import 2'"
    with subprocess.Popen(line, cwd=CHECKOUT, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}) as child:
        ends_at = time.monotonic() + 60
        while not intake.column(newest)[0]:
            assert child.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < ends_at
            time.sleep(0.005)
        os.kill(child.pid, signal.SIGKILL)
    return int(intake.column(newest)[0])


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_import_that_was_killed_goes_on_and_ends_as_one_that_was_not(kind, request, tmp_path):
    places = {}
    for name in ("killed", "whole"):
        (tmp_path / name).mkdir()
        at = f"sqlite:///{tmp_path / name / 'store.db'}"
        places[name] = request.getfixturevalue("postgres").new_database() if kind == "postgresql" else at
    with (
        intake_at(places["killed"], tmp_path / "killed") as killed,
        intake_at(places["whole"], tmp_path / "whole") as whole,
    ):
        for intake in (killed, whole):
            intake.source(many(400, "Leeds"))
            intake.bring(list="Spring", tags=["vip"])
            intake.source(many(2_000, "York"))
        n_done = killed_half_way(killed, places["killed"])
        assert 0 < n_done < 2_000, "it was killed on its way"
        assert killed.imports() == [(1, "finished"), (2, "running")]
        again = killed.bring(list="Spring", tags=["vip"])
        at_once = whole.bring(list="Spring", tags=["vip"])
        assert again.n_same == n_done
        assert again.n_same + again.n_new + again.n_changed == at_once.n_new + at_once.n_changed == 2_000
        assert (again.n_double, again.n_rejects) == (at_once.n_double, at_once.n_rejects) == (1, 1)
        assert held(killed) == held(whole)
        assert killed.imports() == [(1, "finished"), (2, "failed"), (3, "finished")]


def test_a_reading_that_is_killed_leaves_nothing(tmp_path: Path):
    """What is read and not stored yet lies in files without names."""
    with intake_at(f"sqlite:///{tmp_path / 'store.db'}", tmp_path) as intake:
        intake.source(many(20, "Leeds"))
        intake.bring()
        assert sorted(path.name for path in intake.var_dir.iterdir()) == ["imports"]
        assert sorted(path.name for path in (intake.var_dir / "imports").iterdir()) == [
            ".people.lock",
            "000001",
        ]
