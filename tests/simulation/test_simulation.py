import asyncio
from collections import Counter

import pytest

from tests.simulation.campaign_simulation import simulate
from tests.simulation.virtual_time import Deadlock, VirtualTimeLoop

SEEDS = 50
GROUPS = 5  # so that no single test takes long, and a failing one names few seeds


@pytest.mark.slow
@pytest.mark.parametrize("group", range(GROUPS))
def test_every_promise_is_kept_whatever_breaks(group):
    for seed in range(group, SEEDS, GROUPS):
        try:
            simulate(seed)
        except Exception as error:
            error.add_note(f"again: python tests/simulation/campaign_simulation.py --first {seed} --seeds 1")
            raise


@pytest.mark.slow
def test_a_few_seeds_meet_every_kind_of_trouble():
    counts: Counter[str] = Counter()
    for seed in range(100, 106):
        counts += simulate(seed).counts
    troubles = [
        "crashes",
        "sleeps",
        "lost words",
        "lost commits",
        "opt-outs",
        "pauses",
        "clock jumps",
        "throttle",
    ]
    assert [trouble for trouble in troubles if not counts[trouble]] == []
    assert counts["audits"] > counts["claims"] > 0


def test_a_seed_plays_the_same_campaign_again():
    first, again, other = simulate(7), simulate(7), simulate(8)
    assert first == again
    assert first.trace != other.trace


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
