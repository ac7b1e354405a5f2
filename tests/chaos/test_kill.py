import asyncio
import itertools
import os
import signal
import time
from collections.abc import AsyncIterator, Callable

import pytest

from avatar_cli import recordings
from avatar_cli.joined import joined
from avatar_cli.stack import Stack
from avatar_edge import Call, FileMic, MemoryCamera, NullOut

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(90)]

BACK_S = 5.0
LONG = "How does your voice work?"
SHORT = "What is your name?"


async def until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s:g} s"
        await asyncio.sleep(0.02)


def pids(stack: Stack) -> dict[str, int]:
    return {process.name: process.pid for process in stack.supervisor.processes()}


@pytest.fixture
async def mic() -> FileMic:
    return FileMic(noise_dbfs=-75.0)


@pytest.fixture
async def camera() -> MemoryCamera:
    return MemoryCamera(keep=200)


@pytest.fixture
async def call(stack: Stack, mic: FileMic, camera: MemoryCamera) -> AsyncIterator[Call]:
    async with joined(stack.plan.bus_url, mic, NullOut(), camera) as opened:
        yield opened


async def returned(stack: Stack, name: str, killed: int) -> float:
    """When the supervisor has started `name` again and it answers that it is ready."""
    await until(lambda: pids(stack)[name] not in (0, killed), 8, f"a new {name}")
    await asyncio.to_thread(stack.wait_ready, 15)
    return time.monotonic()


async def check_next_turn(call: Call, back_at: float) -> None:
    """A new question is answered aloud within `BACK_S` of the return of what was killed."""
    await call.ready(timeout_s=BACK_S)
    before = len(call.turns)
    await call.type(SHORT)
    await until(lambda: call.state == "speaking", back_at + BACK_S - time.monotonic(), "a new answer")
    turn = await call.turn_done(before + 1, timeout_s=15)
    assert turn.heard == SHORT
    assert "Alex" in turn.reply
    assert not turn.errors


async def check_picture_lives(camera: MemoryCamera, since: float) -> None:
    """From then on, for a second at least, the camera was fed at its pace, and what it was given moved."""
    await asyncio.sleep(max(0.0, since + 1.0 - time.perf_counter()))
    shown = [(at, picture) for at, picture in camera.pushes if at >= since]
    gaps = [later[0] - earlier[0] for earlier, later in itertools.pairwise(shown)]
    assert len(shown) > 20
    assert max(gaps) < 0.25
    assert len({picture.i420.tobytes() for _, picture in shown}) > len(shown) / 3


@pytest.mark.parametrize("name", ["nats", "llm", "tts", "face"])
async def test_killed_while_the_clone_speaks_nothing_else_exits_and_the_next_turn_works(
    stack: Stack, call: Call, camera: MemoryCamera, name: str
) -> None:
    before, turns = pids(stack), len(call.turns)
    await call.type(LONG)
    await until(lambda: call.state == "speaking", 10, "the answer")
    await asyncio.sleep(0.2)

    killed_at = time.perf_counter()
    os.kill(before[name], signal.SIGKILL)
    back_at = await returned(stack, name, before[name])

    await call.turn_done(turns + 1, timeout_s=20)
    await until(lambda: camera.pushes[-1][1].reply == 0, 1, "the idle face")
    await check_picture_lives(camera, killed_at)
    await check_next_turn(call, max(back_at, time.monotonic()))
    after = pids(stack)
    assert {other: pid for other, pid in after.items() if other != name} == {
        other: pid for other, pid in before.items() if other != name
    }


async def test_the_ears_killed_while_they_listen_come_back_and_hear_the_next_line(
    stack: Stack, call: Call, mic: FileMic, camera: MemoryCamera
) -> None:
    before = pids(stack)
    sound = recordings.cut("two_cities.wav", recordings.TWO_CITIES[:2])
    mic.cue(sound[0])
    await until(lambda: call.state == "hearing", 5, "hearing")
    killed_at = time.perf_counter()
    os.kill(before["asr"], signal.SIGKILL)
    back_at = await returned(stack, "asr", before["asr"])
    await call.ready(timeout_s=BACK_S)
    assert time.monotonic() - back_at < BACK_S

    count = len(call.turns)
    await mic.say(sound[1])
    turn = await call.turn_done(count + 1, timeout_s=20)
    assert "wisdom" in turn.heard
    assert turn.reply
    await check_picture_lives(camera, killed_at)
    after = pids(stack)
    assert {other: pid for other, pid in after.items() if other != "asr"} == {
        other: pid for other, pid in before.items() if other != "asr"
    }
