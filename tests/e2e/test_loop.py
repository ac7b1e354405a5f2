import asyncio
from collections import Counter

import numpy as np
import pytest

from avatar_cli import recordings
from avatar_cli.joined import answered, joined
from avatar_cli.stack import Stack
from avatar_edge import FileMic, MemoryCamera, MemoryOut, NullCamera, NullMic, NullOut

AUDIBLE = 200
"""Of 32,768: far below speech, far above rounding."""


@pytest.mark.timeout(60)
async def test_a_typed_line_is_answered_with_a_voice_and_a_speaking_face(stack: Stack) -> None:
    out, camera = MemoryOut(), MemoryCamera(keep=400)
    async with joined(stack.plan.bus_url, NullMic(), out, camera) as call:
        await call.type("What is your name?")
        turn = await call.turn_done(1, timeout_s=20)
        workers = set(call.workers)
    assert workers == {"asr", "llm", "tts", "face"}
    assert turn.typed
    assert turn.heard == "What is your name?"
    assert "Alex" in turn.reply
    assert not turn.errors
    assert np.abs(out.samples().astype(int)).max() > 10 * AUDIBLE
    assert turn.frames > 0.8 * 25 * turn.played_ms / 1000
    shown = Counter(picture.reply for _, picture in camera.pushes)
    assert sum(count for reply, count in shown.items() if reply) > 0.8 * turn.frames


@pytest.mark.timeout(60)
async def test_a_spoken_line_is_heard_and_answered_and_its_latency_agrees_with_the_sound_itself(stack: Stack) -> None:
    line = recordings.TWO_CITIES[1]
    mic, out = FileMic(noise_dbfs=-75.0), MemoryOut()
    async with joined(stack.plan.bus_url, mic, out, NullCamera()) as call:
        await asyncio.sleep(0.5)
        utterance = await mic.say(recordings.cut("two_cities.wav", [line])[0])
        (turn,) = await answered(call, 0)
    assert turn.heard.lower().rstrip(".,") == line.text.rstrip(",")
    assert turn.reply
    assert turn.first_audio_ms is not None
    first_audible = int(np.flatnonzero(np.abs(out.samples().astype(int)) > AUDIBLE)[0])
    sounded_at = out.began_at + first_audible / out.rate
    measured_ms = (sounded_at - mic.time_of(utterance.voiced_end)) * 1000
    assert turn.first_audio_ms == pytest.approx(measured_ms, abs=30)
    assert sum(ms for stage, ms in turn.stages_ms.items() if stage not in ("total", "face")) == pytest.approx(
        turn.first_audio_ms, abs=1
    )


@pytest.mark.timeout(60)
async def test_a_follow_up_is_understood_from_the_turn_before_it(stack: Stack) -> None:
    async with joined(stack.plan.bus_url, NullMic(), NullOut(), NullCamera()) as call:
        await call.type("How does your voice work?")
        first = await call.turn_done(1, timeout_s=25)
        await call.type("Can you tell me more about that?")
        second = await call.turn_done(2, timeout_s=25)
    assert second.turn > first.turn
    assert not second.errors
    assert second.reply != first.reply
    assert "did not understand" not in second.reply


@pytest.mark.timeout(60)
async def test_two_calls_at_once_get_their_own_answers(stack: Stack) -> None:
    url = stack.plan.bus_url
    async with (
        joined(url, NullMic(), NullOut(), NullCamera()) as one,
        joined(url, NullMic(), NullOut(), NullCamera(), persona="") as other,
    ):
        await asyncio.gather(one.type("What is your name?"), other.type("What time is it?"))
        named, told = await asyncio.gather(one.turn_done(1, timeout_s=25), other.turn_done(1, timeout_s=25))
        await asyncio.sleep(0.5)
        counts = len(one.turns), len(other.turns)
    assert "Alex" in named.reply
    assert any(character.isdigit() for character in told.reply)
    assert counts == (1, 1)
