"""Every command in a page is run, or at least understood, by what it names.

A fenced block marked `bash` holds commands: each `tidings` line must parse as the command line parses it, each `make`
line must name a target, and what is cheap is run in an instance with one finished demo run (curl against a simulator
of our own). A block marked `console` shows what a terminal showed, and is not tested.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import typer

from cli.main import app
from messaging import template_language
from messaging.expectations import KNOWN
from messaging.import_file import parse_import
from messaging.quality import Quality
from messaging.segment_filter import OPERATORS, SUBJECTS, parse_filter
from messaging.segment_words import in_words
from messaging.template import compile_template

CHECKOUT = Path(__file__).resolve().parent.parent
PAGES = sorted([CHECKOUT / "README.md", CHECKOUT / "CHANGELOG.md", *(CHECKOUT / "docs").rglob("*.md")])
TIDINGS = str(Path(sys.executable).with_name("tidings"))

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
TARGETS = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
CHEAP = {"plan", "status", "runs", "audit", "sql", "--help"}  # a second each, and they change nothing
OF_THE_READER = {"--list", "--tag", "--segment"}  # what a name after these means, an earlier command has made
WITH_POINTERS = {".py", ".sql", ".toml", ".yaml", ".md", ".sh"}
SIMULATOR = "127.0.0.1:4280"


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(CHECKOUT)}:{self.line}"

    def commands(self) -> list[list[str]]:
        """Its lines as words, without comments; a line that ends in a backslash goes on in the next."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [words for line in lines if "curl" not in line and (words := shlex.split(line, comments=True))]


def blocks(*languages: str) -> list[Block]:
    found = []
    for page in PAGES:
        for fence in re.finditer(r"^```(\w+)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            line = page.read_text()[: fence.start()].count("\n") + 1
            found.append(Block(page, line, fence[1], fence[2]))
    return [block for block in found if block.language in languages]


def calls(program: str, *, only: Callable[[list[str]], bool] = lambda _: True) -> list[Any]:
    """The arguments of each call of `program`, under the place where it stands."""
    return [
        pytest.param(words[1:], id=f"{block} {' '.join(words)[:50]}")
        for block in commanding()
        for words in block.commands()
        if Path(words[0]).name == program and only(words[1:])
    ]


def commanding() -> list[Block]:
    """The blocks that hold commands, unless a block speaks to the simulator as a whole."""
    return [block for block in blocks("bash") if "curl" not in block.text]


def is_cheap(arguments: list[str]) -> bool:
    """Cheap, and not about a thing of the reader's own (`tidings status RUN`)."""
    is_of_the_reader = any(word.isupper() or "<" in word or word in OF_THE_READER for word in arguments)
    return arguments[0] in CHEAP and not is_of_the_reader


@pytest.mark.parametrize("arguments", calls("tidings"))
def test_a_tidings_command_is_one_that_exists_with_arguments_it_takes(arguments):
    name, *rest = arguments
    if name == "--help":
        return
    command = COMMANDS[name]
    while hasattr(command, "commands"):
        name, *rest = rest
        command = command.commands[name]
    assert command.make_context(name, rest).command is command


@pytest.mark.parametrize("arguments", calls("make"))
def test_a_make_command_names_a_target(arguments):
    targets = {word for word in arguments if "=" not in word}
    assert targets
    assert targets <= TARGETS


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[str]], str]:
    """Runs a command in an instance with one finished demo run, in a folder with a `my.csv`; gives back its output."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copy(CHECKOUT / "data" / "samples" / "contacts.csv", folder / "my.csv")
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment = {**outside, "TIDINGS_VAR_DIR": str(folder / "var"), "COLUMNS": "100"}

    def run_it(command: list[str]) -> str:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    run_it([TIDINGS, "demo", "--json"])
    return run_it


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("arguments", calls("tidings", only=is_cheap))
def test_a_cheap_tidings_command_does_what_the_page_says(run, arguments):
    assert run([TIDINGS, *arguments]).strip()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_people_are_kept_filtered_and_planned_for_as_the_readme_says(run):
    [block] = [
        block
        for block in blocks("bash")
        if block.page.name == "README.md" and "contacts import" in block.text
    ]
    imported, _, planned, _ = [run([TIDINGS, *words[1:]]) for words in block.commands()]
    assert "on the list customers" in imported
    assert "regulars · plan · nothing was sent" in planned


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("block", blocks("sql"), ids=str)
def test_each_query_for_analysts_has_an_answer(run, block):
    without_comments = re.sub(r"--.*", "", block.text)
    queries = [query for query in without_comments.split(";") if query.strip()]
    assert queries
    for query in queries:
        run([TIDINGS, "sql", query, "--json"])


@pytest.mark.parametrize("block", [block for block in blocks("bash") if "curl" in block.text], ids=str)
def test_a_conversation_with_the_simulator_goes_as_the_page_says(simulator, block):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    script = block.text.replace(f"http://{SIMULATOR}", simulator.url).replace(SIMULATOR, simulator.url)
    script = script.replace("curl -s ", "curl -sS --fail-with-body ")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


PERSON = {"first_name": "Ann", "last_name": "O'Neill", "points": "1250", "city": "", "plan": "premium"}


@pytest.mark.parametrize(
    "line", [line for block in blocks("jinja") for line in block.text.splitlines() if "→" in line]
)
def test_a_template_renders_as_the_page_says(line):
    template, _, promised = (half.strip() for half in line.partition("→"))
    [(text, rule, detail)] = compile_template(template, fields=PERSON).render(pl.DataFrame([PERSON])).rows()
    why_not = f"({rule}: {detail})" if detail else f"({rule})"
    assert (why_not if text is None else text) == promised


@pytest.mark.parametrize(
    ("row", "known"),
    [("filters", template_language._KNOWN_FILTERS), ("methods", template_language._KNOWN_METHODS)],
)
def test_the_page_on_templates_lists_what_there_is(row, known):
    page = (CHECKOUT / "docs" / "templates.md").read_text()
    [cell] = re.findall(rf"^\| {row} \| (.*) \|$", page, re.MULTILINE)
    assert re.findall(r"`(\w+)`", cell.replace("(`d`)", "")) == [name for name in known if name != "d"]


def test_the_page_on_quality_lists_what_there_is_and_its_example_can_be_read():
    page = (CHECKOUT / "docs" / "quality.md").read_text()
    names = re.findall(r"`(expect_\w+)`", page)
    endings = re.findall(r"`…(\w+)(?:_…)?`", page)
    assert set(names) <= set(KNOWN)
    assert [name for name in KNOWN if name not in names and not any(end in name for end in endings)] == []
    assert set(re.findall(r"^\| `(\w+)` \| [^|]*\|[^|]*\| (?:stops|warns)", page, re.MULTILINE)) == (
        set(Quality.model_fields) - {"severity"}
    )
    [example] = [block for block in blocks("toml") if block.page.name == "quality.md"]
    Quality.model_validate(tomllib.loads(example.text)["quality"])


def test_the_page_on_contacts_shows_import_files_that_can_be_read():
    examples = [
        block for block in blocks("toml") if block.page.name == "contacts.md" and "[source]" in block.text
    ]
    assert [parse_import(tomllib.loads(example.text)).name for example in examples] == [
        "hubspot",
        "customers",
    ]


def test_the_page_on_contacts_shows_a_filter_that_can_be_read_and_every_condition():
    [example] = [
        block for block in blocks("toml") if block.page.name == "contacts.md" and "\nall = [" in block.text
    ]
    assert in_words(parse_filter(tomllib.loads(example.text))).startswith(
        "in list customers, and region is north"
    )
    page = (CHECKOUT / "docs" / "contacts.md").read_text()
    written = set(re.findall(r"`(\w+)(?: = [^`]*)?`", page))
    assert {*SUBJECTS, *OPERATORS} <= written


def test_commands_stand_in_blocks_that_are_tested():
    assert [str(block) for block in blocks("sh", "shell", "zsh")] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_what_a_page_links_to_exists(page):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    gone = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert gone == []


def test_a_page_that_the_code_points_to_exists():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    texts = {
        name: path.read_text()
        for name in listed
        if (path := CHECKOUT / name).suffix in WITH_POINTERS and path.is_file()
    }
    pointers = {
        (name, page)
        for name, text in texts.items()
        for page in re.findall(r"docs/(?:adr/\d{4}|[a-z-]+\.md)", text)
    }
    gone = [
        f"{name} points to {page}" for name, page in sorted(pointers) if not list(CHECKOUT.glob(page + "*"))
    ]
    assert gone == []


def test_every_page_is_reached_from_the_readme():
    linked = set(re.findall(r"\]\((docs/[a-z-]+\.md)\)", (CHECKOUT / "README.md").read_text()))
    assert {str(page.relative_to(CHECKOUT)) for page in (CHECKOUT / "docs").glob("*.md")} <= linked


def test_a_decision_has_a_number_of_its_own():
    numbers = [page.name[:4] for page in sorted((CHECKOUT / "docs" / "adr").glob("*.md"))]
    assert numbers == [f"{n:04d}" for n in range(1, len(numbers) + 1)]
