import asyncio

import pytest

from engine.sender.lanes import Lanes, Permits, StopSign


def test_permits_are_given_in_the_order_they_were_asked_for():
    async def ask():
        permits, order = Permits(3), []

        async def worker(name, n):
            await permits.take(n)
            order.append(name)

        await permits.take(3)
        tasks = [asyncio.ensure_future(worker(*who)) for who in (("large", 3), ("small", 1))]
        await asyncio.sleep(0)
        permits.give_back(1)
        await asyncio.sleep(0)
        assert order == [], "the small one does not overtake"
        permits.give_back(3)
        await asyncio.wait(tasks)
        return order

    assert asyncio.run(ask()) == ["large", "small"]


def test_a_cancelled_wait_for_permits_keeps_none():
    async def ask():
        permits = Permits(2)
        await permits.take(2)
        waiting = asyncio.ensure_future(permits.take(2))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        permits.give_back(2)
        await asyncio.wait_for(permits.take(2), 1)

        waiting = asyncio.ensure_future(permits.take(1))
        await asyncio.sleep(0)
        permits.give_back(2)
        waiting.cancel()  # it was given its permit in this very turn
        await asyncio.wait([waiting])
        await asyncio.wait_for(permits.take(2), 1)

    asyncio.run(ask())


def test_more_permits_than_there_are_is_a_mistake():
    with pytest.raises(ValueError, match="3 permits"):
        asyncio.run(Permits(2).take(3))


def test_a_hold_is_only_ever_extended():
    lanes = Lanes(1)
    lanes.hold(10)
    lanes.hold(5)
    assert lanes.held_until_s == 10


def test_a_stop_sign_is_set_once():
    stop = StopSign()
    assert not stop.is_set
    stop.set(5)
    stop.set(50)
    assert (stop.is_set, stop.give_up_at_s) == (True, 5)
