import asyncio
import time

import pytest

from avatar_runtime.testing import virtual_time
from avatar_runtime.testing.virtual_time import Deadlock, VirtualTimeLoop


def now():
    return asyncio.get_running_loop().time()


def test_an_hour_of_waiting_takes_no_time():
    async def scenario():
        await asyncio.sleep(3600)
        return now()

    started = time.monotonic()
    assert virtual_time.run(scenario()) == 3600
    assert time.monotonic() - started < 5


def test_timers_fire_in_the_order_of_their_times_every_time():
    async def scenario():
        seen = []

        async def wake(name, after_s):
            await asyncio.sleep(after_s)
            seen.append((name, now()))

        async with asyncio.TaskGroup() as tasks:
            for name, after_s in (("c", 0.3), ("a", 0.1), ("b", 0.1), ("d", 100.0)):
                tasks.create_task(wake(name, after_s))
        return seen

    expected = [("a", 0.1), ("b", 0.1), ("c", 0.3), ("d", 100.0)]
    assert [virtual_time.run(scenario()) for _ in range(3)] == [expected] * 3


def test_a_timeout_comes_at_its_time():
    async def scenario():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        return now()

    assert virtual_time.run(scenario()) == 30


def test_a_deadlock_is_an_error_that_names_the_task():
    async def scenario():
        await asyncio.create_task(asyncio.Event().wait(), name="listener")

    with pytest.raises(Deadlock, match="listener"):
        virtual_time.run(scenario())


def test_work_in_a_thread_takes_no_virtual_time():
    async def scenario():
        await asyncio.gather(asyncio.to_thread(time.sleep, 0.05), asyncio.sleep(5))
        return now()

    assert virtual_time.run(scenario()) == 5


def test_a_thread_answers_before_the_clock_moves():
    async def scenario():
        order = []

        async def work():
            await asyncio.to_thread(time.sleep, 0.05)
            order.append("thread")

        async def wait():
            await asyncio.sleep(0.001)
            order.append("timer")

        await asyncio.gather(work(), wait())
        return order

    assert virtual_time.run(scenario()) == ["thread", "timer"]


@pytest.fixture
async def started_at():
    return now()


@pytest.mark.virtual_time
async def test_the_marker_runs_a_test_and_its_fixtures_on_the_jumping_clock(started_at):
    assert isinstance(asyncio.get_running_loop(), VirtualTimeLoop)
    assert started_at == 0
    await asyncio.sleep(1000)
    assert now() == 1000


async def test_without_the_marker_time_is_real():
    assert not isinstance(asyncio.get_running_loop(), VirtualTimeLoop)
