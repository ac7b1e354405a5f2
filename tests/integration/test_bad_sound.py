"""Microphones as they should not be: every flaw is counted and told once, and good speech after it is understood."""

import asyncio

import numpy as np
import pytest

from avatar_cli import recordings
from avatar_contracts import ErrorRaised, MicFrame, PayloadTooLarge, SpeechStopped, TurnText

RATE = 16_000
FRAME = 320
PACE = 12.0
"""Times real time: what is heard depends on the positions of the samples alone."""


@pytest.fixture(scope="module")
def line() -> np.ndarray:
    """ "It was the age of wisdom," between half a second and one and a half seconds of quiet."""
    (speech,) = recordings.cut("two_cities.wav", [recordings.TWO_CITIES[1]])
    return np.concatenate([np.zeros(RATE // 2), speech, np.zeros(3 * RATE // 2)]).astype(np.float32)


def frames(sound: np.ndarray, start: int = 0) -> list[MicFrame]:
    pcm = (np.clip(sound, -1, 1) * 32_767).astype("<i2")
    return [
        MicFrame(rate=RATE, start=start + at, pcm=pcm[at : at + FRAME].tobytes())
        for at in range(0, len(pcm) - FRAME + 1, FRAME)
    ]


def flat(count: int, *, start: int = 0, rate: int = RATE, size: int = 2 * FRAME, step: int = FRAME) -> list[MicFrame]:
    return [MicFrame(rate=rate, start=start + number * step, pcm=bytes(size)) for number in range(count)]


async def speak(floor, sent: list[MicFrame]) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number, frame in enumerate(sent, 1):
        await floor.peer.publish(frame)
        await asyncio.sleep(began + number * FRAME / RATE / PACE - loop.time())


async def hears(floor, sent: list[MicFrame]) -> TurnText:
    """Speak, and wait until the line has been understood."""
    await speak(floor, sent)
    turn = await floor.peer.wait_for(TurnText, where=lambda turn: turn.end_reason != "typed")
    assert "wisdom" in turn.text.lower()
    return turn


CLIP = np.full(RATE // 2, 1.0, np.float32)
# What is sent first, the flaw of it and how often, and where the good speech after it starts.
FLAWS = {
    "the rate of a studio": (flat(40, rate=48_000), "mic.rate", 40, 0),
    "the rate of a telephone": (flat(40, rate=8_000), "mic.rate", 40, 0),
    "an odd number of bytes": (flat(10, size=641), "mic.length", 10, 0),
    "half a sample": (flat(10, size=1), "mic.length", 10, 0),
    "no samples": (flat(10, size=0), "mic.length", 10, 0),
    "frames of 30 ms": (flat(10, size=960), "mic.length", 10, 0),
    "frames of 2 s": (flat(3, size=64_000), "mic.length", 3, 0),
    "half a second is missing": (flat(10), "mic.gap", 1, 10 * FRAME + RATE // 2),
    "an hour is missing": (flat(10), "mic.gap", 1, 3_600 * RATE),
    "every other frame is missing": (flat(10, step=2 * FRAME), "mic.gap", 9, 19 * FRAME),
    "every frame comes twice": ([frame for frame in flat(10) for _ in range(2)], "mic.stale", 10, 10 * FRAME),
    "frames overlap": (flat(20, step=FRAME // 2), "mic.stale", 19, 21 * FRAME // 2),
    "a start from the end of all numbers": (flat(2, start=2**53 - 1 - 10 * FRAME), "mic.stale", 25, 0),
    "overdriven": (frames(CLIP), "mic.clipped", 25, RATE // 2),
    "overdriven by a square wave": (frames(np.sign(np.sin(np.arange(RATE) / 5))), "mic.clipped", 50, RATE),
}


@pytest.mark.parametrize("flaw", FLAWS)
async def test_a_flaw_is_told_and_counted_and_the_speech_after_it_is_understood(floor, line, flaw):
    bad, code, count, start = FLAWS[flaw]
    await floor.claim("asr")
    before = floor.counted("avatar_asr_frames_total", outcome=code)
    await speak(floor, bad)
    await hears(floor, frames(line, start))
    error = await floor.error(code)
    assert error.hint
    assert floor.counted("avatar_asr_frames_total", outcome=code) == before + count
    assert len([event for event in floor.peer.heard(ErrorRaised) if event.code == code]) == 1
    await floor.answers("asr")


async def test_a_frame_above_the_cap_never_leaves_its_sender_and_is_dropped_when_it_does(floor, line):
    await floor.claim("asr")
    with pytest.raises(PayloadTooLarge, match=r"mic\.pcm is 70\d+ bytes, its cap is 65536: split it"):
        await floor.peer.publish(MicFrame(rate=RATE, start=0, pcm=bytes(70_000)))
    before = floor.outcomes("asr", "mic.pcm")
    await floor.send("mic.pcm", bytes(70_000))
    await hears(floor, frames(line))
    assert (floor.outcomes("asr", "mic.pcm") - before)["oversized"] == 1


RNG = np.random.default_rng(7)
EMPTY = {
    "silence": np.zeros(2 * RATE),
    "the least bit of noise": RNG.choice([-1, 0, 1], 2 * RATE) / 32_768,
    "white noise": 0.1 * RNG.standard_normal(2 * RATE),
    "white noise at full scale": 0.5 * RNG.standard_normal(2 * RATE),
    "mains hum": 0.3 * np.sin(2 * np.pi * 50 * np.arange(2 * RATE) / RATE),
    "a constant voltage": np.full(2 * RATE, 0.4),
    "clicks": np.where(np.arange(2 * RATE) % 4_000 < 8, 0.9, 0.0),
}


@pytest.mark.parametrize("sound", EMPTY)
async def test_what_is_no_speech_becomes_no_turn_and_speech_after_it_does(floor, line, sound):
    await floor.claim("asr")
    bad = frames(EMPTY[sound])
    await speak(floor, bad)
    turn = await hears(floor, frames(line, len(bad) * FRAME))
    assert turn.speech_start >= len(bad) * FRAME
    assert [event.turn for event in floor.peer.heard(TurnText)] == [turn.turn]
    assert all(event.discarded for event in floor.peer.heard(SpeechStopped) if event.at < turn.speech_start)


async def test_a_flood_of_frames_loses_some_and_they_are_counted(floor, line):
    await floor.claim("asr")
    before = floor.outcomes("asr", "mic.pcm")["overflow"] + floor.counted(
        "avatar_asr_frames_total", outcome="mic.overrun"
    )
    flood = flat(4_000)
    for frame in flood:
        await floor.peer.publish(frame)
    await floor.answers("asr")
    after = floor.outcomes("asr", "mic.pcm")["overflow"] + floor.counted(
        "avatar_asr_frames_total", outcome="mic.overrun"
    )
    assert after > before
    await hears(floor, frames(line, len(flood) * FRAME))
