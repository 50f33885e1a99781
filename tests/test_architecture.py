"""Who may import whom, what is never imported in vain, and what pure means (docs/adr/0001-rooms.md)."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
ROOMS = PROJECT["tool"]["importlinter"]["root_packages"]

# Beside the rooms: what is larger than one.
ACROSS_ROOMS = {
    "chaos": "processes that are killed, on every layer at once",
    "end_to_end": "the command line as a person uses it",
    "simulation": "the sender in a world of virtual time",
}

# Calls that read a clock or touch the world, as they are written.
IMPURE_CALLS = {
    "open",
    "print",
    "input",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "time.monotonic",
    "time.perf_counter",
    "time.sleep",
}
IMPURE_MODULES = {"time", "os", "io", "random", "secrets", "shutil", "tempfile", "logging", "sys"}
IMPURE_METHODS = {
    "read_text",
    "write_text",
    "read_bytes",
    "write_bytes",
    "exists",
    "is_file",
    "mkdir",
    "unlink",
    "touch",
}
POLARS_DISK = ("pl.read_", "pl.scan_")
POLARS_DISK_METHODS = ("write_", "sink_")


def test_the_rooms_open_inwards_only():
    linter = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(linter, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_room_is_under_contract():
    packages = {path.parent.name for path in CHECKOUT.glob("*/__init__.py")}
    assert packages == set(ROOMS)
    assert set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == packages


@pytest.mark.parametrize(
    "module",
    [
        "cli.main",
        "cli.plan",
        "cli.contact_import",
        "engine.plan",
        "engine.importing",
        "engine.sender.process",
        "data.orchestrator",
    ],
)
def test_what_a_person_waits_for_imports_neither_prefect_nor_great_expectations(module):
    assert imported_by(f"import {module}") & {"prefect", "great_expectations"} == set()


def test_help_imports_nothing_heavy():
    run_help = "import sys; sys.argv = ['tidings', '--help']\nfrom cli.main import main\ntry: main()\nexcept SystemExit: pass"
    heavy = {
        "prefect",
        "great_expectations",
        "polars",
        "duckdb",
        "sqlalchemy",
        "pyarrow",
        "aiohttp",
        "phonenumbers",
    }
    assert imported_by(run_help) & heavy == set()


def test_plan_runs_to_its_end_without_prefect(tmp_path):
    (tmp_path / "people.csv").write_text("first_name,phone\nAnn,+447712345123\n")
    line = [
        "tidings",
        "plan",
        "--file",
        str(tmp_path / "people.csv"),
        "--text",
        "Hi {{ first_name }}",
        "--json",
    ]
    run_plan = f"import sys; sys.argv = {line!r}\nfrom cli.main import main\ntry: main()\nexcept SystemExit as e: assert not e.code, e"
    loaded = imported_by(run_plan, TIDINGS_VAR_DIR=str(tmp_path / "var"))
    assert "polars" in loaded, "the plan did not run"
    assert loaded & {"prefect", "great_expectations"} == set()


def imported_by(code: str, **environment: str) -> set[str]:
    """The top-level modules of a fresh process after `code`."""
    ask = "\nimport json, sys\nsys.stderr.write('\\n' + json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", code + ask],
        cwd=CHECKOUT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("path", sorted((CHECKOUT / "messaging").glob("*.py")), ids=lambda path: path.name)
def test_messaging_could_run_on_paper(path):
    tree = ast.parse(path.read_text())
    assert [*impure_imports(tree), *impure_calls(tree)] == []


def test_an_impure_line_would_be_noticed():
    code = "import time\nfrom datetime import datetime\nnow = datetime.now()\nopen('f')\nframe.write_csv('f')\npl.read_csv('f')"
    tree = ast.parse(code)
    assert impure_imports(tree) == ["line 1: import time"]
    assert impure_calls(tree) == [
        "line 3: datetime.now",
        "line 4: open",
        "line 5: frame.write_csv",
        "line 6: pl.read_csv",
    ]


def impure_imports(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        found += [
            f"line {node.lineno}: import {name}" for name in names if name.partition(".")[0] in IMPURE_MODULES
        ]
    return found


def impure_calls(tree: ast.AST) -> list[str]:
    calls = sorted(
        (node.lineno, ast.unparse(node.func)) for node in ast.walk(tree) if isinstance(node, ast.Call)
    )
    return [f"line {line}: {name}" for line, name in calls if is_impure(name)]


def is_impure(call: str) -> bool:
    _, dot, method = call.rpartition(".")
    return (
        call in IMPURE_CALLS
        or call.startswith(POLARS_DISK)
        or bool(dot and (method in IMPURE_METHODS or method.startswith(POLARS_DISK_METHODS)))
    )


def test_the_tests_mirror_the_rooms():
    modules = sorted((CHECKOUT / "tests").rglob("test_*.py"))
    folders = {path.parent.relative_to(CHECKOUT / "tests") for path in modules} - {Path()}
    strangers = [
        str(folder)
        for folder in sorted(folders)
        if not (CHECKOUT / folder).is_dir() and folder.parts[0] not in ACROSS_ROOMS
    ]
    assert strangers == []


def test_no_init_file_under_tests_hides_a_room():
    assert list((CHECKOUT / "tests").rglob("__init__.py")) == []


def test_flows_are_called_like_their_file():
    for path in sorted((CHECKOUT / "flows").glob("*.py")):
        flows = [node.name for node in ast.parse(path.read_text()).body if is_flow(node)]
        assert flows in ([], [path.stem]), path.name


def is_flow(node: ast.AST) -> bool:
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else []
    return any(ast.unparse(decorator).partition("(")[0] == "flow" for decorator in decorators)
