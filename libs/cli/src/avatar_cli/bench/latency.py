"""Voice to voice and every stage between, over natural utterances in real time, with and without speculation."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from avatar_cli import recordings
from avatar_cli.bench import words
from avatar_cli.bench.figures import Figure, Limit, spread, value
from avatar_cli.console import say
from avatar_cli.errors import BenchFailed
from avatar_cli.joined import answered, joined
from avatar_cli.stack import Stack
from avatar_edge import Call, FileMic, MemoryCamera, NullOut, TurnReport

UTTERANCES = 24
APART_S = 2.0
_SETTLED_S = 0.6
"""What `answered` has waited already when it returns."""
_ROOM_DBFS = -60.0
"""The level of the reading's own room: it goes on between the lines, as in front of a real microphone."""
_COMMAND = "avatar bench --only latency"
_LIMITS = {
    "voice_to_voice_ms": (Limit("p50", 450.0), Limit("p95", 1150.0)),
    "tts_first_chunk_ms": (Limit("p50", 20.0),),
    "face_first_frame_ms": (Limit("p95", 60.0),),
}
_NAMES = {"asr": "asr_final_ms", "tts": "tts_first_chunk_ms", "face": "face_first_frame_ms"}


class Heard(NamedTuple):
    """One line of the reading and the turns it became, the last of which its latency is counted for."""

    line: recordings.Line
    turns: list[TurnReport]
    speculative: bool


def measure(stack: Stack, count: int) -> list[Figure]:
    """Say `count` lines of the reading, each `APART_S` after the answer to the one before, and each once more.

    Of the two times the mind may think ahead in the first only: what that saves is seen side by side.
    """
    lines = [recordings.TWO_CITIES[index % len(recordings.TWO_CITIES)] for index in range(count)]
    return asyncio.run(_measure(stack.plan.bus_url, lines))


async def _measure(url: str, lines: Sequence[recordings.Line]) -> list[Figure]:
    sounds = await asyncio.to_thread(recordings.cut, "two_cities.wav", lines)
    mic, heard = FileMic(noise_dbfs=_ROOM_DBFS), list[Heard]()
    async with joined(url, mic, NullOut(), MemoryCamera(keep=1)) as call:
        await asyncio.sleep(APART_S)
        for number, (line, sound) in enumerate(zip(lines, sounds, strict=True), 1):
            for speculative in (True, False):
                await call.configure(speculate=speculative)
                turns = await _said(call, mic, sound, f"{number} ({line.text!r})")
                heard.append(Heard(line, turns, speculative))
                ahead = "ahead" if speculative else "     "
                say(f"  {number:2}/{len(lines)}  {ahead}  {_waited(turns[-1])}  {turns[-1].heard}")
                await asyncio.sleep(APART_S - _SETTLED_S)
        return [*_latencies(heard), *_ears(heard), *_picture(call.video_stats(), call.av_skew_ms())]


async def _said(call: Call, mic: FileMic, sound: NDArray[np.float32], name: str) -> list[TurnReport]:
    before = len(call.turns)
    await mic.say(sound)
    try:
        return await answered(call, before)
    except TimeoutError:
        errors = "; ".join(error.message for error in call.errors) or "no error was reported"
        raise BenchFailed(f"Line {name} was not answered: {errors}.") from None


def _waited(turn: TurnReport) -> str:
    return "silent" if turn.first_audio_ms is None else f"{turn.first_audio_ms:4.0f} ms"


def _latencies(heard: Sequence[Heard]) -> list[Figure]:
    last = [each.turns[-1] for each in heard if each.speculative]
    plain = [each.turns[-1] for each in heard if not each.speculative]
    times = {"voice_to_voice_ms": [turn.first_audio_ms for turn in last if turn.first_audio_ms is not None]}
    times["voice_to_voice_unspeculated_ms"] = [turn.first_audio_ms for turn in plain if turn.first_audio_ms is not None]
    times["voice_to_picture_ms"] = [turn.first_frame_ms for turn in last if turn.first_frame_ms is not None]
    for stage in dict.fromkeys(stage for turn in last for stage in turn.stages_ms if stage != "total"):
        name = _NAMES.get(stage, f"stage_{stage}_ms")
        times[name] = [turn.stages_ms[stage] for turn in last if stage in turn.stages_ms]
    return [
        Figure(
            name=name,
            statistics=spread(sample),
            command=_COMMAND,
            limits=_LIMITS.get(name, ()),
            note=_NOTES.get(name, ""),
        )
        for name, sample in times.items()
    ]


_NOTES = {
    "voice_to_voice_ms": "last voiced sample fed to the microphone to first audible sample handed to the output",
    "voice_to_voice_unspeculated_ms": "the same lines without thinking ahead, said in turn with the others",
    "voice_to_picture_ms": "the same origin to the first speaking picture handed to the camera",
    "asr_final_ms": "last voiced sample to turn.text",
    "tts_first_chunk_ms": "first llm.sentence to first tts.chunk, as the edge sees them",
    "face_first_frame_ms": "first tts.chunk to first speaking video.frame, as the edge sees them",
}


def _ears(heard: Sequence[Heard]) -> list[Figure]:
    pairs = [(each.line.text, " ".join(turn.heard for turn in each.turns)) for each in heard]
    split = sum(len(each.turns) > 1 for each in heard)
    unheard = sum(each.turns[-1].first_audio_ms is None for each in heard)
    return [
        Figure(name="word_error_rate", statistics=value(words.error_rate(pairs)), command=_COMMAND),
        Figure(
            name="lines_cut", statistics=value(split), command=_COMMAND, note="lines answered before their end was said"
        ),
        Figure(name="lines_unanswered", statistics=value(unheard), command=_COMMAND, limits=(Limit("value", 0),)),
    ]


def _picture(video: object, skew_ms: dict[str, float]) -> list[Figure]:
    stats = {name: float(getattr(video, name)) for name in ("fps", "longest_gap_ms", "dropped", "frames")}
    return [
        Figure(
            name="picture_fps",
            statistics=value(stats["fps"]),
            command=_COMMAND,
            limits=(Limit("value", 24.8, at_least=True),),
        ),
        Figure(
            name="picture_longest_gap_ms",
            statistics=value(stats["longest_gap_ms"]),
            command=_COMMAND,
            limits=(Limit("value", 80.0),),
        ),
        Figure(
            name="picture_dropped",
            statistics=value(stats["dropped"]),
            command=_COMMAND,
            note=f"of {stats['frames']:.0f} pictures",
        ),
        Figure(
            name="av_skew_ms",
            statistics={name: round(skew_ms[name], 2) for name in ("p50", "p95", "max")},
            command=_COMMAND,
            limits=(Limit("p95", 40.0),),
            note="playhead minus pts of the speaking pictures shown",
        ),
    ]
