import asyncio
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_contracts import Lane
from avatar_runtime.lanes import LaneQueue


async def drained(queue):
    return [await queue.get() for _ in range(len(queue))]


async def test_a_control_lane_never_drops():
    queue = LaneQueue(Lane.CONTROL)
    assert all(queue.put(number) for number in range(5000))
    assert await drained(queue) == list(range(5000))
    assert queue.dropped == 0


async def test_an_ordered_lane_drops_its_oldest():
    queue = LaneQueue(Lane.ORDERED, ordered_depth=3)
    assert [queue.put(number) for number in range(5)] == [True, True, True, False, False]
    assert await drained(queue) == [2, 3, 4]
    assert queue.dropped == 2


async def test_a_latest_lane_keeps_only_the_newest():
    queue = LaneQueue(Lane.LATEST)
    for number in range(5):
        queue.put(number)
    assert await drained(queue) == [4]
    assert queue.dropped == 4


@pytest.mark.virtual_time
async def test_a_consumer_waits_for_the_next_item():
    queue = LaneQueue(Lane.ORDERED)
    asyncio.get_running_loop().call_later(60, queue.put, "late")
    assert await queue.get() == "late"
    assert asyncio.get_running_loop().time() == 60


@given(st.sampled_from(Lane), st.lists(st.booleans(), max_size=60))
def test_any_mix_of_puts_and_gets_is_a_queue_that_forgets_its_oldest(lane, steps):
    async def scenario():
        queue = LaneQueue(lane, ordered_depth=5)
        model = deque(maxlen={Lane.CONTROL: None, Lane.ORDERED: 5, Lane.LATEST: 1}[lane])
        put = taken = 0
        for is_put in steps:
            if is_put:
                queue.put(put)
                model.append(put)
                put += 1
            elif model:
                assert await queue.get() == model.popleft()
                taken += 1
        assert put == taken + len(queue) + queue.dropped

    asyncio.run(scenario())
