import asyncio

import pytest

from engine.sender.lanes import Lanes, Permits, StopSign, Window


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
    lanes.hold(10, now_s=0)
    lanes.hold(5, now_s=0)
    assert lanes.held_until_s == 10


def test_a_throttle_that_let_little_in_is_followed_by_a_hold_twice_as_long():
    lanes = Lanes(8)
    held_s = []
    for n_good in (0, 5, 5, 6, 3):
        now_s = lanes.held_until_s
        lanes.went_well(n_good)
        lanes.throttled(0.02, now_s=now_s)
        lanes.throttled(0.02, now_s=now_s)  # the next answer of the same burst
        held_s.append(lanes.held_until_s - now_s)
    assert held_s == pytest.approx([0.25, 0.5, 1.0, 0.02, 0.25])


def test_a_hold_never_grows_without_end_and_the_gateways_wish_is_never_cut_short():
    lanes = Lanes(8)
    for _ in range(20):
        lanes.throttled(0.02, now_s=lanes.held_until_s)
    for wish_s, held_s in ((0.02, 4.0), (600.0, 600.0)):
        before_s = lanes.held_until_s
        lanes.throttled(wish_s, now_s=before_s)
        assert lanes.held_until_s - before_s == pytest.approx(held_s)


def test_a_window_lets_in_as_many_as_it_is_wide_in_the_order_they_came():
    async def watch():
        window, seen, gates = Window(4), [], [asyncio.Event() for _ in range(6)]

        async def request(number):
            async with window:
                seen.append(number)
                await gates[number].wait()

        async def settle_down():
            for _ in range(5):
                await asyncio.sleep(0)

        window.narrow()
        requests = [asyncio.ensure_future(request(number)) for number in range(6)]
        await settle_down()
        assert seen == [0, 1], "half of four"
        requests[2].cancel()
        gates[0].set()
        await settle_down()
        assert seen == [0, 1, 3], "who gave up waiting is passed over"
        for _ in range(3):
            window.widen()
        await settle_down()
        assert seen == [0, 1, 3, 4], "about one wider for a whole round that went well"
        for _ in range(100):
            window.widen()
        await settle_down()
        assert seen == [0, 1, 3, 4, 5]
        for gate in gates:
            gate.set()
        await asyncio.wait(requests)
        assert window._n_open == 0
        assert window._width == 4

    asyncio.run(watch())


def test_who_is_cancelled_in_the_moment_it_is_let_in_leaves_its_place_to_the_next():
    async def ask():
        window = Window(1)
        async with window:
            waiting = asyncio.ensure_future(window.__aenter__())
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        async with asyncio.timeout(1), window:
            pass

    asyncio.run(ask())


def test_a_stop_sign_is_set_once():
    stop = StopSign()
    assert not stop.is_set
    stop.set(5)
    stop.set(50)
    assert (stop.is_set, stop.give_up_at_s) == (True, 5)
