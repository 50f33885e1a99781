"""A schedule that fires by itself, on a file that is not what its campaign expects."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from config.settings import CHECKOUT
from tests.cli.conftest import wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.prefect,
    pytest.mark.timeout(420),
    pytest.mark.skipif(not os.environ.get("LONG_TESTS"), reason="takes two minutes: LONG_TESTS=1 runs it"),
]

EXPECTATION = """
[[quality.expectations]]
name = "expect_column_values_to_match_regex"
column = "first_name"
regex = "^A"
mostly = 0.8
"""
WHY = "Contacts whose first_name matches ^A: wanted at least 80 %, observed 0 % (0 of 2). Nothing was sent"


def test_an_occurrence_whose_file_fails_the_gate_sends_nothing_and_says_why(instance, simulator, tmp_path):
    instance.ready()
    path = instance.write_campaign(tmp_path, "fussy", n_people=2, schedule='interval = "30s"')
    path.write_text(path.read_text() + EXPECTATION)
    deployed = subprocess.run(
        [sys.executable, "-c", "from cli.main import main; main()", "deploy", str(path)],
        cwd=CHECKOUT,
        env={**os.environ, "TIDINGS_VAR_DIR": str(instance.var_dir), "TIDINGS_PREFECT_PORT": str(instance.prefect_port)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert deployed.returncode == 0, deployed.stderr
    failed = "campaign = 'fussy' and origin = 'schedule' and state = 'failed_in_planning'"
    assert wait_for(lambda: instance.ask(f"select count(*) from runs where {failed}") >= 1, within_s=240)
    reason = instance.ask(f"select state_reason from runs where {failed}")
    assert WHY in reason
    flow_run = instance.ask(f"select flow_run_id from runs where {failed}")
    state = instance.end_of(flow_run)
    assert (state.type, state.message) == ("FAILED", reason)
    assert simulator.ledger()["messages"] == 0
