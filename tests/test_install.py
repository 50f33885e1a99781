"""`make install`, with Pythons that only pretend: what is checked, what is asked of pip, and when nothing is done."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent

# Answers as Python does to what the script asks, makes "virtual environments" of itself, and writes down what pip was told.
PRETENDED = """#!/bin/sh
case "$1 $2" in
  "-c import sys"*) case {version} in 3.11.*|3.12.*|3.13.*) exit 0;; *) exit 1;; esac;;
  "-c import platform"*) echo {version};;
  "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python";;
  "-m pip") echo "$@" >> "{log}";;
esac
"""


class Fresh:
    """A checkout with nothing installed, on a machine that has the Pythons it is given and neither uv nor a compiler."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "a checkout"
        self.path = folder / "bin"
        self.log = folder / "pip.log"
        (self.folder / "scripts").mkdir(parents=True)
        self.path.mkdir()
        for name in ("Makefile", "pyproject.toml", "requirements.lock", "scripts/install.sh"):
            shutil.copy(CHECKOUT / name, self.folder / name)
        for tool in ("sh", "make", "awk", "cksum", "cat", "dirname", "rm", "mkdir", "cp", "tail"):
            (self.path / tool).symlink_to(str(shutil.which(tool)))

    def has(self, name: str, version: str) -> Path:
        program = self.path / name
        program.write_text(PRETENDED.format(version=version, log=self.log))
        program.chmod(0o755)
        return program

    def install(self, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {"PATH": str(self.path), "TIDINGS_INSTALLER": "pip", **environment}
        return subprocess.run(
            ["make", "install"], cwd=self.folder, env=clean, capture_output=True, text=True, check=False
        )

    def pip(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def fresh(tmp_path):
    return Fresh(tmp_path)


@pytest.mark.parametrize("version", ["2.7.18", "3.10.13", "3.14.0"])
def test_another_python_gets_one_sentence_before_anything_is_installed(fresh, version):
    fresh.has("python3", version)
    done = fresh.install()
    assert done.returncode != 0
    sentence, *made = done.stderr.splitlines()
    assert sentence == (
        f"tidings: Tidings needs Python 3.11, 3.12 or 3.13, and python3 here is {version}; "
        "install one of them, or name it: make install PYTHON=/path/to/python3.12"
    )
    assert all(line.startswith("make: ***") for line in made)
    assert not (fresh.folder / ".venv").exists()


def test_no_python_at_all_is_one_sentence_too(fresh):
    done = fresh.install()
    assert "python3 here is not to be found" in done.stderr


@pytest.mark.parametrize("beside", ["python3.13", "python3.12", "python3.11"])
def test_a_suitable_python_beside_an_old_one_is_found(fresh, beside):
    fresh.has("python3", "3.9.18")
    fresh.has(beside, beside.removeprefix("python") + ".1")
    done = fresh.install()
    assert done.returncode == 0, done.stderr
    assert beside.removeprefix("python") in done.stdout


def test_a_python_that_is_named_must_be_suitable_itself(fresh):
    fresh.has("python3", "3.12.1")
    old = fresh.has("python3.9", "3.9.18")
    done = fresh.install(PYTHON=str(old))
    assert f"PYTHON={old} is 3.9.18, and Tidings needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert not (fresh.folder / ".venv").exists()


def test_pip_is_asked_for_the_lock_by_hash_and_for_nothing_else(fresh):
    fresh.has("python3", "3.12.1")
    assert fresh.install().returncode == 0
    lock, editable = fresh.pip()
    assert lock.endswith("--no-deps --require-hashes -r requirements.lock")
    assert editable.endswith("--no-deps --no-build-isolation --editable .")


def test_a_second_install_does_nothing(fresh):
    fresh.has("python3", "3.12.1")
    fresh.install()
    fresh.log.unlink()
    done = fresh.install()
    assert (done.returncode, done.stdout, fresh.pip()) == (0, "", [])


def test_a_changed_lock_is_installed(fresh):
    fresh.has("python3", "3.12.1")
    fresh.install()
    fresh.log.unlink()
    with (fresh.folder / "requirements.lock").open("a") as lock:
        lock.write("\n")
    fresh.install()
    assert len(fresh.pip()) == 2


def test_a_checkout_that_was_moved_is_installed_anew(fresh, tmp_path):
    fresh.has("python3", "3.12.1")
    fresh.install()
    fresh.log.unlink()
    fresh.folder = fresh.folder.rename(tmp_path / "moved")
    leftover = fresh.folder / ".venv" / "leftover"
    leftover.touch()
    assert fresh.install().returncode == 0
    assert len(fresh.pip()) == 2
    assert not leftover.exists(), "scripts of a virtual environment name the folder it was made in"


def test_an_install_that_was_cut_off_is_taken_up_again(fresh):
    python = fresh.has("python3", "3.12.1")
    python.write_text(python.read_text().replace('"-m pip")', '"-m pip") exit 1;;\n  "-m nothing")'))
    done = fresh.install()
    assert done.returncode != 0
    assert "check the connection and pip's configuration" in done.stderr
    shutil.copy(fresh.has("python3", "3.12.1"), fresh.folder / ".venv" / "bin" / "python")
    assert fresh.install().returncode == 0
    assert len(fresh.pip()) == 2


def test_an_unknown_installer_is_named(fresh):
    fresh.has("python3", "3.12.1")
    done = fresh.install(TIDINGS_INSTALLER="conda")
    assert "TIDINGS_INSTALLER=conda is neither uv nor pip" in done.stderr


def test_help_lists_every_target():
    makefile = (CHECKOUT / "Makefile").read_text()
    [phony] = [line for line in makefile.splitlines() if line.startswith(".PHONY:")]
    shown = subprocess.run(
        ["make"], cwd=CHECKOUT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[1] for line in shown.splitlines()] == phony.split()[1:]
