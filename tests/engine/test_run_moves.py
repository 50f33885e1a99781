"""Whatever people, flows and sweeps do to a run, in any order: each of its moves stands in the table."""

from __future__ import annotations

import dataclasses
import itertools
import tempfile
from contextlib import closing, suppress

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data.ledger.deciding import Decision
from data.ledger.records import Claim, Lease
from data.runs import give_way, move_run, read_run
from data.store.engine import open_store
from engine.closing import close_again, close_run, reopen_run
from engine.housekeeping import sweep
from engine.rerunning import Rerun, begin_rerun
from engine.resolving import resolve_run
from engine.run_control import cancel_run, pause_run, resume_run, stop_leftovers
from messaging.errors import TidingsError
from messaging.outcomes import OutcomeStatus
from messaging.runs import TRANSITIONS, RunState, can_go
from tests.data.ledger.conftest import RUN, Bench, accepted, refused
from tests.engine.test_rerunning import ASKED

N = 6


def work(bench: Bench, status: OutcomeStatus) -> None:
    """Claim what can be claimed, and settle it so."""
    lease = bench.try_to_take("a worker")
    if not isinstance(lease, Lease):
        return
    claimed = bench.ask(lease, lease.n_claims, most=4)
    if isinstance(claimed, Claim):
        settled = accepted if status is OutcomeStatus.ACCEPTED else lambda *rows: refused(status, *rows)
        bench.settle(claimed, *settled(*claimed.rows))
    bench.give_back(lease)


def vanish(bench: Bench) -> None:
    """Claim, and never be heard of again."""
    lease = bench.try_to_take("a ghost")
    if isinstance(lease, Lease):
        bench.ask(lease, lease.n_claims, most=2)


def wait(bench: Bench) -> None:
    bench.now += 2_000


def rerun(bench: Bench, asked: Rerun) -> None:
    begin_rerun(bench.store, asked, reconcile=lambda: None, now=bench.now)


ACTS = {
    "pause": lambda bench: pause_run(bench.store, RUN, by="ann", now=bench.now),
    "resume": lambda bench: resume_run(bench.store, RUN, by="ann", now=bench.now),
    "cancel": lambda bench: cancel_run(bench.store, RUN, by="ann", now=bench.now),
    "stop leftovers": lambda bench: stop_leftovers(bench.store, RUN, now=bench.now),
    "stopped by a breaker": lambda bench: move_run(bench.store, RUN, RunState.STOPPED, now=bench.now),
    "retry": lambda bench: reopen_run(bench.store, read_run(bench.store, RUN), now=bench.now),
    "rerun": lambda bench: rerun(bench, ASKED),
    "rerun and send again": lambda bench: rerun(
        bench, dataclasses.replace(ASKED, unconfirmed="send again", asked_as=str(bench.now))
    ),
    "send again": lambda bench: resolve_run(
        bench.store, RUN, Decision.SEND_AGAIN, by="ann", why="asked", now=bench.now
    ),
    "assume sent": lambda bench: resolve_run(
        bench.store, RUN, Decision.ASSUMED_SENT, by="ann", why="asked", now=bench.now
    ),
    "close": lambda bench: close_run(bench.store, RUN, now=bench.now),
    "close again": lambda bench: close_again(bench.store, RUN, now=bench.now),
    "give way": lambda bench: give_way(bench.store, RUN, read_run(bench.store, RUN), now=bench.now),
    "sweep": lambda bench: sweep(bench.store, now=bench.now),
    "accepted": lambda bench: work(bench, OutcomeStatus.ACCEPTED),
    "unsent": lambda bench: work(bench, OutcomeStatus.UNSENT),
    "unconfirmed": lambda bench: work(bench, OutcomeStatus.UNCONFIRMED),
    "vanish": vanish,
    "wait": wait,
}
# What leads on is drawn more often than what leads astray, or most histories would end in "cancelled".
LEAD_ON = ["accepted", "unsent", "unconfirmed", "close", "resume", "sweep"]
OFTEN = [act for act in ACTS if act not in {"cancel", "give way"}] + LEAD_ON * 2


@settings(max_examples=60, deadline=None)
@example(first="sending", acts=["accepted", "unsent", "close", "retry", "accepted", "close"])
@example(
    first="sending", acts=["accepted", "vanish", "wait", "sweep", "close", "send again", "sweep", "close"]
)
@given(
    first=st.sampled_from([state.value for state in RunState] + ["sending"] * 8),
    acts=st.lists(st.sampled_from(OFTEN * 3 + ["cancel", "give way"]), min_size=8, max_size=30),
)
def test_every_move_that_the_code_makes_is_in_the_table(first, acts):
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_store(f"sqlite:///{folder}/store.db")) as store,
    ):
        bench = Bench(store, n=N, rate_mps=None)
        play(bench, first, acts)


def play(bench: Bench, first: str, acts: list[str]) -> None:
    bench.rows(f"update runs set state = '{first}', frozen_at = 1, n_batches = 1 returning run")
    for act in acts:
        with suppress(TidingsError):
            ACTS[act](bench)
        bench.now += 1
        assert bench.audit().balanced
        assert is_said_truly(bench)
    moves = [RunState(first), *history(bench)]
    assert moves[-1] is read_run(bench.store, RUN).state
    for before, after in itertools.pairwise(moves):
        assert can_go(before, after), (before, after, acts)


def history(bench: Bench) -> list[RunState]:
    payloads = bench.rows("select payload from events where kind = 'run' order by event")
    return [RunState(orjson.loads(payload)["state"]) for (payload,) in payloads]


def is_said_truly(bench: Bench) -> bool:
    """Finished means that every message is accounted for: none in flight, unclaimed or unsent, no doubt unless it says so."""
    moves = history(bench)
    if not moves or moves[-1] not in {RunState.FINISHED, RunState.FINISHED_WITH_UNCONFIRMED}:
        return True
    terms = bench.audit().terms
    open_ends = terms["in_flight"] + terms["not_yet_claimed"] + terms["unsent"]
    undecided = terms["unconfirmed"] - terms["assumed_sent"]
    return open_ends == 0 and (undecided == 0 or moves[-1] is RunState.FINISHED_WITH_UNCONFIRMED)


@pytest.mark.parametrize("state", list(RunState))
def test_the_table_says_what_the_design_says_of_a_state(state):
    """design.md §5: back to sending are Retry, rerun, reconcile and resolve; never cancelled; paused by resume."""
    back = {
        RunState.FINISHED_WITH_UNSENT,
        RunState.FINISHED_WITH_UNCONFIRMED,
        RunState.PAUSED,
        RunState.STOPPED,
    }
    onward = {RunState.PLANNING, RunState.AWAITING_APPROVAL, RunState.SCHEDULED, RunState.HELD}
    assert (RunState.SENDING in TRANSITIONS[state]) == (state in back | onward)
