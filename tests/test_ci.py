"""`.ci/run` on a checkout whose make only pretends: it stops at the first failure and does not believe in silence."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
PASSED = "===== 12 passed, 2 skipped in 3.45s ====="
SKIPPED = "SKIPPED [2] tests/data/conftest.py:20: PostgreSQL's programs are not installed (make ci-deps)"


@pytest.fixture
def run(tmp_path):
    """Runs .ci/run where `make test` prints these lines and ends so."""

    def run_it(*printed: str, check: str = "true", test: str = "true") -> subprocess.CompletedProcess[str]:
        (tmp_path / ".ci").mkdir()
        shutil.copy(CHECKOUT / ".ci" / "run", tmp_path / ".ci" / "run")
        (tmp_path / "printed").write_text("\n".join(printed) + "\n")
        (tmp_path / "Makefile").write_text(
            "ci-deps:\n\t@echo fetched\n"
            f"check:\n\t@{check}\n"
            f"test:\n\t@cat printed; {test}\n"
            "simulate:\n\t@echo simulated $(SEEDS)\n"
        )
        line = ["bash", str(tmp_path / ".ci" / "run")]
        return subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    return run_it


def test_all_is_well_and_what_was_skipped_is_told(run):
    done = run(SKIPPED, PASSED)
    assert done.returncode == 0, done.stderr
    assert "simulated 2000" in done.stdout
    told = done.stdout[done.stdout.index("=== skipped, and why") :]
    assert SKIPPED in told
    assert PASSED in told


def test_a_failed_check_ends_it_before_any_test(run):
    done = run(PASSED, check="false")
    assert done.returncode != 0
    assert PASSED not in done.stdout


def test_a_failed_test_ends_it_before_the_simulation(run):
    done = run("===== 1 failed, 11 passed in 3.45s =====", test="false")
    assert done.returncode != 0
    assert "1 failed, 11 passed" in done.stdout
    assert "simulated" not in done.stdout


@pytest.mark.parametrize(
    "closing", ["===== no tests ran in 0.01s =====", "===== 5 skipped in 0.20s =====", "all quiet"]
)
def test_a_run_that_tested_nothing_has_failed(run, closing):
    done = run(closing)
    assert done.returncode != 0
    assert "no test passed: that is a failure" in done.stderr
