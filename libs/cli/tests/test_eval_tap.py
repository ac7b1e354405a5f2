import asyncio
import time

import numpy as np
import pytest

from avatar_cli.eval.tap import Tap
from avatar_contracts import MicFrame, PlaybackProgress, TtsChunk, TtsDone, TurnText, Word, ids
from avatar_runtime.memory_bus import MemoryBus
from avatar_runtime.session import Session

VOICE = 16_000


async def tapped() -> tuple[Tap, Session]:
    bus, session_id = MemoryBus(), ids.new_session_id()
    tap = Tap(bus)
    await tap.listen(session_id)
    return tap, Session(bus, session_id, "edge", epoch=1)


def progress(state: str, played: int, reply: int = 1) -> PlaybackProgress:
    return PlaybackProgress(turn=1, reply=reply, state=state, played=played, rate=VOICE)  # type: ignore[arg-type]


async def test_events_are_kept_with_the_moment_they_came_and_media_are_not() -> None:
    tap, session = await tapped()
    before = time.perf_counter()
    await session.publish(MicFrame(rate=16_000, start=0, pcm=bytes(640)))
    await session.publish(TurnText(turn=1, text="Hello.", language="en", end_reason="silence"))
    await asyncio.sleep(0.02)
    (seen,) = tap.events
    assert isinstance(seen.event, TurnText)
    assert before <= seen.at_s <= before + 0.02
    (counted,) = tap.between(before, before + 1)
    assert counted.at_s == pytest.approx(seen.at_s - before)
    assert tap.between(before - 2, before - 1) == []


async def test_the_sound_of_an_answer_is_put_together_from_its_chunks() -> None:
    tap, session = await tapped()
    for index in (0, 1):
        pcm = np.full(100, index + 1, "<i2").tobytes()
        words = (Word(start=index * 100, end=index * 100 + 80, chars=1),)
        await session.publish(
            TtsChunk(turn=1, reply=3, sentence=index, rate=VOICE, start=index * 100, pcm=pcm, words=words)
        )
    await asyncio.sleep(0.02)
    answer = tap.answers()[3]
    assert answer.pcm.tolist() == [1] * 100 + [2] * 100
    assert answer.words == ((0.0, 80 / VOICE), (100 / VOICE, 180 / VOICE))
    assert tap.answer(4) is None


async def test_what_plays_is_known_between_two_reports_and_how_long_it_has_gone_on() -> None:
    tap, session = await tapped()
    assert tap.playing() is None
    await session.publish(progress("started", 0))
    await session.publish(TtsDone(turn=1, reply=1, samples=10 * VOICE))
    await asyncio.sleep(0.05)
    playing = tap.playing()
    assert playing is not None
    assert playing.since_s >= 0.05
    assert playing.position_s == pytest.approx(playing.since_s, abs=0.005)
    assert playing.left_s == pytest.approx(10 - playing.position_s, abs=0.001)


async def test_an_answer_that_was_held_has_gone_on_only_since_then() -> None:
    tap, session = await tapped()
    await session.publish(progress("started", 0))
    await asyncio.sleep(0.05)
    await session.publish(progress("held", 800))
    await asyncio.sleep(0.1)
    assert tap.playing() is None
    again_at = time.perf_counter()
    await session.publish(progress("playing", 800))
    await asyncio.sleep(0.02)
    playing = tap.playing()
    assert playing is not None
    assert playing.since_s <= time.perf_counter() - again_at
    await session.publish(progress("stopped", 900))
    await asyncio.sleep(0.02)
    assert tap.playing() is None
