"""segment add, count, list, show and delete, as a person types them."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from cli.main import app
from cli.output import screen
from data.contacts.lists import UnknownList
from data.instance import Instance, open_instance
from data.segment_names import UnknownName
from data.segments import SegmentExists, UnknownSegment
from data.store.tables import attributes, events
from messaging.errors import TidingsError
from messaging.segment_filter import BadFilter
from tests.data.segment_model import NOW, Person, Run, World

PEOPLE = World(
    [
        Person({"region": "north", "first_name": "Ann"}, lists=frozenset({0}), did={1: {"texted": 1.0}}),
        Person({"region": "north"}, lists=frozenset({0, 2}), did={1: {"texted": 1.0}}),
        Person({"region": "south"}, lists=frozenset({0})),
    ],
    [Run(1, "spring", 1.0)],
)
FILTER = """
description = "Up there"
all = [{ list = "A" }, { field = "region", is = "north" }]
"""


def opened(var_dir: Path) -> AbstractContextManager[Instance]:
    return open_instance(var_dir, f"sqlite:///{var_dir / 'store.db'}", sealing=None, pseudonym=None, now=NOW)


@pytest.fixture
def var_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDINGS_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("TIDINGS_STORE_URL", "")
    monkeypatch.setattr(screen, "_width", 200)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "north.toml").write_text(FILTER)
    with opened(tmp_path / "var") as instance:
        PEOPLE.fill(instance.store)
        with instance.store.write.begin() as connection:
            connection.execute(sa.insert(attributes).values(attribute="region", header="Region"))
    return tmp_path / "var"


def ask(*words: str) -> Result:
    return CliRunner().invoke(app, ["segment", *words])


def answer(*words: str) -> Any:
    asked = ask(*words, "--json")
    assert asked.exit_code == 0, asked.exception
    return json.loads(asked.stdout)


def test_a_segment_is_added_from_a_file_counted_shown_listed_and_deleted(var_dir):
    added = answer("add", "north", "--file", "north.toml")
    assert (added["segment"], added["is_new"], added["count"]) == ("north", True, 2)
    assert added["in_words"] == "in list A, and region is north"
    assert added["behaviour"] is None
    assert answer("count", "north")["count"] == 2
    shown = answer("show", "north")
    assert shown["filter"]["all"] == [{"list": "A"}, {"field": "region", "is": "north"}]
    assert shown["people"] == [
        {"contact": 1, "msisdn": "+4477…000", "region": "GB", "language": None},
        {"contact": 2, "msisdn": "+4477…001", "region": "GB", "language": None},
    ]
    assert [(one["segment"], one["description"]) for one in answer("list")] == [("north", "Up there")]
    assert answer("delete", "north") == {"segment": "north", "deleted": True}
    assert answer("list") == []


def test_a_segment_is_said_on_the_line_and_replaced_only_when_told(var_dir):
    said = (
        "add",
        "north",
        "--in",
        "A",
        "--without-tag",
        "vip",
        "--country",
        "GB",
        "--where",
        "region = north",
    )
    assert answer(*said)["filter"]["all"] == [
        {"list": "A"},
        {"without_tag": "vip"},
        {"country": ["GB"]},
        {"field": "region", "is": "north"},
    ]
    assert isinstance(ask(*said).exception, SegmentExists)
    replaced = answer("add", "north", "--not-in", "A", "--replace", "--description", "Nobody")
    assert (replaced["is_new"], replaced["count"]) == (False, 0)


def test_a_count_that_asks_for_behaviour_says_as_of_when_and_what_is_missing(var_dir):
    counted = answer("count", "--texted", "last")
    assert counted["count"] == 2
    assert counted["behaviour"] == {
        "loaded_at": None, "is_current": True, "waiting_runs": [], "replies_wait": False,
    }  # fmt: skip
    with opened(var_dir) as instance, instance.store.write.begin() as connection:  # fmt: skip
        connection.execute(sa.insert(events).values(run=1, batch=0, kind="outcomes", at=NOW, payload="{}"))
        connection.execute(sa.insert(events).values(kind="reply", at=NOW, payload="{}"))
    assert answer("count", "--not-texted-for", "10000d", "--replied", "1")["behaviour"]["waiting_runs"] == [1]
    words = ask("count", "--clicked", "last").stdout
    assert "what people did: nothing was loaded yet" in words
    assert "newer outcomes of run 1 are not in it yet" in words
    assert "newer replies are not in it yet" in words
    assert "clicks are not recorded yet" in words


def test_numbers_and_names_of_people_are_masked_for_a_reader_too(var_dir):
    ask("add", "north", "--file", "north.toml")
    words = ask("show", "north").stdout
    assert "+4477…000" in words
    assert "447700900000" not in words
    assert "Ann" not in words
    assert '{ field = "region", is = "north" }' in words


@pytest.mark.parametrize(
    ("words", "error", "sentence"),
    [
        (("add", "x"), TidingsError, "say who belongs to the segment"),
        (("add", "x", "--file", "north.toml", "--in", "A"), TidingsError, "not in both"),
        (("add", "x", "--where", "regoin = north"), UnknownName, "did you mean region?"),
        (("add", "x", "--in", "B"), UnknownList, "there is no list 'B'"),
        (("add", "x", "--where", "region north"), BadFilter, "write a field, a comparison and a value"),
        (("add", "x", "--texted", "soon"), BadFilter, "all[1].texted.within"),
        (("add", "x", "--file", "gone.toml"), BadFilter, "gone.toml: no such file"),
        (("count",), TidingsError, "either name a segment or say a filter"),
        (("count", "x", "--in", "A"), TidingsError, "either name a segment or say a filter"),
        (("count", "--texted", "12"), UnknownName, "there is no run 12"),
        (("show", "x"), UnknownSegment, "there is no segment 'x'; known: none"),
        (("delete", "x"), UnknownSegment, "there is no segment 'x'"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_sentence(var_dir, words, error, sentence):
    raised = ask(*words).exception
    assert isinstance(raised, error)
    assert sentence in str(raised)
    assert "\n" not in str(raised)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"all = [", "bad.toml: is neither TOML nor JSON"),
        (b'{"all": [', "bad.toml: is neither TOML nor JSON"),
        (b"\xff\xfe", "bad.toml: is not UTF-8"),
        (b"all = 5", "bad.toml: all: "),
        (b"[" * 100_000, "bad.toml: is neither TOML nor JSON"),
        (b'{"not":' * 100_000, "bad.toml: goes too deep"),
        (b" " * 1_000_001, "bad.toml: is no filter"),
        (b'[[all]]\nlist = "A"\ncampaign = "spring"', "bad.toml: all[1].campaign: unknown key"),
    ],
)
def test_a_bad_file_is_one_sentence_that_names_it(var_dir, content, sentence):
    (var_dir.parent / "bad.toml").write_bytes(content)
    raised = ask("count", "--file", "bad.toml").exception
    assert isinstance(raised, BadFilter)
    assert sentence in str(raised)


def test_json_says_the_same_as_toml(var_dir):
    (var_dir.parent / "north.json").write_text(json.dumps({"all": [{"field": "region", "is_not": "north"}]}))
    assert answer("count", "--file", "north.json")["count"] == 1
