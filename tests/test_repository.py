"""What is committed: one lock that installs anywhere, and nothing that belongs to one machine or to a to-do list."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
LOCK = (CHECKOUT / "requirements.lock").read_text()

CODE = {".py", ".sql", ".sh", ".toml", ".yaml", ".yml", ".mako", ".j2", ".js", ".json"}
# Spelled in pieces, so that this file does not hold what it looks for.
LEFT_TO_DO = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")
HOSTS = (
    "py" + "pi.org",
    "python" + "hosted",
    "npm" + "js.",
    "yarn" + "pkg",
    "index." + "crates",
    "index." + "golang",
    "deb." + "debian",
    "/simple" + "/",
)
INDEX_HOSTS = re.compile("|".join(map(re.escape, HOSTS)))
PLACES_OF_ONE_MACHINE = re.compile(r"(?<![\w.~$}*-])/(?:home|Users|root|work|workspace|mnt)/[\w.]")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return [path for name in listed if name and (path := CHECKOUT / name).is_file()]


def lines_with(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(CHECKOUT)}:{n}" for n, line in enumerate(lines, 1) if pattern.search(line)
        ]
    return found


def test_nothing_is_left_to_do_in_the_code():
    code = [path for path in tracked() if path.suffix in CODE or path.name in {"Makefile", "run"}]
    assert lines_with(LEFT_TO_DO, code) == []


def test_no_file_names_a_package_index():
    assert lines_with(INDEX_HOSTS, tracked()) == []


def test_no_file_names_a_place_of_one_machine():
    assert lines_with(PLACES_OF_ONE_MACHINE, tracked()) == []


@pytest.mark.parametrize("line", ["see {}home/ann/tidings", 'cd "{}root/x"', "={}Users/ann"])
def test_a_place_of_one_machine_would_be_noticed(line):
    assert PLACES_OF_ONE_MACHINE.search(line.format("/"))


def test_nothing_that_the_running_system_writes_is_committed():
    written = [str(path.relative_to(CHECKOUT)) for path in tracked()]
    assert [
        name
        for name in written
        if name.startswith("var/") or name == ".env" or name.endswith((".db", ".duckdb"))
    ] == []


def test_a_commit_stays_small_enough_to_be_cloned_in_a_second():
    large = {
        str(path.relative_to(CHECKOUT)): path.stat().st_size
        for path in tracked()
        if path.stat().st_size > 1_000_000
    }
    assert large == {}


def test_every_package_of_the_lock_has_a_version_and_hashes():
    entries = lock_entries()
    assert len(entries) > 100
    for requirement, hashes in entries:
        assert re.fullmatch(r"==[\w.+!]+", str(requirement.specifier)), str(requirement)
        assert requirement.url is None
        assert hashes, f"{requirement} has no hash"


def test_the_lock_holds_what_the_project_asks_for_and_within_its_caps():
    locked: dict[str, list[str]] = {}
    for requirement, _ in lock_entries():
        locked.setdefault(canonicalize_name(requirement.name), []).append(
            str(requirement.specifier).removeprefix("==")
        )
    extras = [line for extra in PROJECT["project"]["optional-dependencies"].values() for line in extra]
    for line in (*PROJECT["project"]["dependencies"], *extras, *PROJECT["dependency-groups"]["dev"]):
        asked = Requirement(line)
        versions = locked.get(canonicalize_name(asked.name), [])
        assert versions, f"{asked.name} is not in the lock: make lock"
        assert all(asked.specifier.contains(version) for version in versions), f"{asked}: locked {versions}"


@pytest.mark.parametrize(
    "pin",
    ["prefect==3.8.8", "fastapi<0.151,>=0.139", "sqlalchemy<2.1,>=2.0", "polars==2.1.*", "duckdb==2.0.*"],
)
def test_the_pins_that_were_paid_for_stand(pin):
    asked = {str(Requirement(line)) for line in PROJECT["project"]["dependencies"]}
    assert pin in asked


@pytest.mark.parametrize("tool", ["hatchling", "editables", "uv"])
def test_what_the_editable_install_needs_is_in_the_lock(tool):
    assert tool in {requirement.name for requirement, _ in lock_entries()}


@pytest.mark.parametrize("platform", ["linux", "darwin"])
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_a_package_is_locked_once_for_each_machine(platform, python):
    machine = {"sys_platform": platform, "python_version": python, "python_full_version": f"{python}.1"}
    names = [
        requirement.name
        for requirement, _ in lock_entries()
        if requirement.marker is None or requirement.marker.evaluate(machine)
    ]
    assert len(names) == len(set(names))
    assert {"prefect", "polars", "numpy", "uvloop"} <= set(names)


def lock_entries() -> list[tuple[Requirement, list[str]]]:
    """Each requirement of the lock with its hashes."""
    entries = []
    for block in re.split(r"\n(?=[A-Za-z0-9])", LOCK):
        head, *rest = block.splitlines()
        hashes = [line.strip(" \\") for line in rest if line.lstrip().startswith("--hash=sha256:")]
        entries.append((Requirement(head.rstrip(" \\")), hashes))
    return entries
