import dataclasses

import pytest

from data.instance import open_instance
from flows.parts import PartResult
from flows.send_campaign import as_state
from messaging.runs import RunState
from tests.data.small_house import NOW, bind, freeze

REASON = "100 messages in a row failed (blocked)"


@pytest.fixture
def run(tmp_path):
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with open_instance(tmp_path, url, sealing=None, pseudonym=None, now=NOW) as instance:
        yield freeze(instance, bind(instance), n=120)


@pytest.mark.parametrize("is_done", [True, False])
def test_a_run_that_its_guards_stopped_has_failed_and_says_why(run, is_done):
    stopped = dataclasses.replace(run, state=RunState.STOPPED, state_reason=REASON)
    state = as_state(stopped, [PartResult(0, is_done, "1 of 1 batches")])
    assert state.is_failed()
    assert state.message.startswith(f"run {run.run} stopped ({REASON}): 120 messages; ")


def test_a_finished_run_says_so(run):
    finished = dataclasses.replace(run, state=RunState.FINISHED)
    state = as_state(finished, [PartResult(0, is_done=True, message="")])
    assert (state.is_completed(), state.message) == (True, f"run {run.run} finished: 120 messages")
