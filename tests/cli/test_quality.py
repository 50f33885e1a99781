"""The quality gate at a terminal."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys

import pytest

from config.settings import CHECKOUT

CAMPAIGN = """
[audience]
file = "people.csv"
[message]
text = "Hi {{ first_name }}"
[quality.complete]
first_name = %s
[[quality.expectations]]
name = "expect_column_values_to_match_regex"
column = "first_name"
regex = "^[A-Z]"
"""


@pytest.fixture
def tidings(tmp_path):
    """Runs a command in an instance of its own, beside a campaign of three people of whom one has no name."""
    (tmp_path / "people.csv").write_text(
        "phone,first_name\n+447400123001,Ann\n+447400123002,\n+447400123003,Zoe\n"
    )

    def run(*arguments, complete=0.5):
        (tmp_path / "spring.toml").write_text(CAMPAIGN % complete)
        return subprocess.run(
            [sys.executable, "-c", "from cli.main import main; main()", *arguments],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(CHECKOUT),
                "TIDINGS_VAR_DIR": str(tmp_path / "var"),
                "COLUMNS": "120",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_plan_shows_what_holds_and_leaves_the_rows_to_the_run(tidings):
    shown = tidings("plan", "spring.toml").stdout
    assert "quality · 4 of 4 expectations hold · by exact rates alone" in shown
    assert "66.7 % (2 of 3)" in shown
    assert "judged when it is sent, or with --quality" in shown


def test_plan_has_the_rows_judged_when_it_is_asked_to(tidings):
    answer = json.loads(tidings("plan", "spring.toml", "--quality", "--json").stdout)
    assert answer["quality"]["judge"].startswith("Great Expectations ")
    assert {one["verdict"] for one in answer["quality"]["judgements"]} == {"passed"}
    assert answer["stopped_by"] is None


def test_plan_says_what_would_stop_the_run(tidings):
    answer = json.loads(tidings("plan", "spring.toml", "--json", complete=0.9).stdout)
    assert (
        "Contacts with a first_name: wanted at least 90 %, observed 66.7 % (2 of 3)" in answer["stopped_by"]
    )
    assert "would not be sent" in tidings("plan", "spring.toml", complete=0.9).stdout


def test_plan_writes_the_rows_to_be_mended(tidings, tmp_path):
    with (tmp_path / "people.csv").open("a") as people:
        people.write("nonsense,Cy\n")
    assert tidings("plan", "spring.toml", "--rejects", "wrong.csv").returncode == 0
    wrong = (tmp_path / "wrong.csv").read_text(encoding="utf-8-sig")
    assert "5,phone,nonsense,not_a_number" in wrong
    assert wrong.splitlines()[1].endswith("nonsense,Cy")
    assert stat.S_IMODE((tmp_path / "wrong.csv").stat().st_mode) == 0o600


def test_send_refuses_at_once_and_leaves_no_run(tidings):
    refused = tidings("send", "spring.toml", complete=0.9)
    assert refused.returncode == 2
    assert refused.stderr == (
        "tidings: spring: the quality gate let nothing through. Contacts with a first_name: wanted at least 90 %, "
        "observed 66.7 % (2 of 3). Nothing was sent; correct the source, or [quality] in the campaign.\n"
    )
    assert json.loads(tidings("runs", "--json").stdout) == []
