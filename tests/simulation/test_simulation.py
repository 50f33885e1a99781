import asyncio

import pytest

from engine.sender.core import _Sender
from tests.simulation.campaign_simulation import simulate
from tests.simulation.many import Played, play_many, replay_command
from tests.simulation.virtual_time import Deadlock, VirtualTimeLoop
from tests.simulation.world import PromiseBroken

SEEDS = 300


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_promise_is_kept_whatever_breaks():
    played = Played()
    for chunk in play_many(range(SEEDS), n_processes=2):
        played += chunk
    assert [f"{error}; again: {replay_command(seed)}" for seed, error in played.failures] == []
    assert played.n == SEEDS
    assert [trouble for trouble in TROUBLES if not played.counts[trouble]] == []


TROUBLES = [
    "crashes",
    "sleeps",
    "drains",
    "lost words",
    "lost commits",
    "claims given again",
    "settles again",
    "throttle",
    "half an answer",
    "of two minds",
    "lost before it was read",
    "lost after it was taken",
    "held back",
    "late outcomes",
    "settled after the lease",
    "receipts again",
    "unknown receipts",
    "adopted",
    "opt-outs",
    "pause_run",
    "resume_run",
    "cancel_run",
    "assumed sent",
    "send again",
    "sent again though it was out",
    "clock jumps",
    "stopped by its guards",
    "resubmitted",
    "second copies refused",
    "accepted by look-up",
    "unsent by look-up",
    "look-ups failed",
    "proved by a flight record",
    "swept leases",
]


def test_a_seed_plays_the_same_campaign_again_in_this_process_and_in_another():
    first, again, other = simulate(7), simulate(7), simulate(8)
    assert first == again
    assert first.trace != other.trace
    played = Played()
    for chunk in play_many(range(20), n_processes=2):
        played += chunk
    here = Played()
    for chunk in play_many(range(20), n_processes=1):
        here += chunk
    assert (played.counts, played.fingerprint) == (here.counts, here.fingerprint)


def test_history_is_told_line_by_line_and_changes_nothing():
    lines: list[str] = []
    assert simulate(7, lines.append) == simulate(7)
    assert any(" the gateway takes " in line for line in lines)
    assert any(" claim: Claim(" in line for line in lines)


@pytest.fixture
def forgetful(monkeypatch):
    """A sender that does not look at the clock before bytes leave."""
    monkeypatch.setattr(_Sender, "_is_held_back", lambda self, flight: False)


def test_a_broken_promise_is_found_and_its_seed_breaks_it_the_same_way_again(forgetful):
    broken: list[tuple[int, str]] = []
    for seed in range(40):
        try:
            simulate(seed)
        except PromiseBroken as error:
            broken.append((seed, str(error)))
    assert any(" late (at " in how for _, how in broken)
    seed, how = broken[0]
    for _ in range(2):
        with pytest.raises(PromiseBroken) as again:
            simulate(seed)
        assert str(again.value) == how, "down to the trace of all that happened before"


def test_virtual_time_passes_at_once_and_in_order():
    loop = VirtualTimeLoop()
    seen = []

    async def wake(after_s):
        await asyncio.sleep(after_s)
        seen.append(loop.time())

    async def all_of_them():
        async with asyncio.TaskGroup() as group:
            for after_s in (3600, 1, 60):
                group.create_task(wake(after_s))

    loop.run_until_complete(all_of_them())
    loop.close()
    assert seen == pytest.approx([1, 60, 3600])


def test_waiting_for_nothing_is_noticed():
    loop = VirtualTimeLoop()

    async def wait_for_nothing():
        await loop.create_future()

    task = loop.create_task(wait_for_nothing())
    with pytest.raises(Deadlock):
        loop.run_until_complete(task)
    task.cancel()
    loop.run_until_complete(asyncio.wait([task]))
    loop.close()


def test_sets_of_tasks_are_walked_in_the_order_in_which_they_were_made():
    loop = VirtualTimeLoop()

    async def nothing():
        await asyncio.sleep(0)

    async def orders():
        tasks = [asyncio.ensure_future(nothing()) for _ in range(50)]
        await asyncio.wait(tasks)
        return [tasks.index(task) for task in set(tasks)]

    first = loop.run_until_complete(orders())
    loop.close()
    loop = VirtualTimeLoop()
    assert loop.run_until_complete(orders()) == first
    loop.close()
