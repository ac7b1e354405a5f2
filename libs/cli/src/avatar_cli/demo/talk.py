"""The conversation itself: each line is said after the answer to the one before it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from avatar_cli.console import say
from avatar_cli.demo.script import Line
from avatar_cli.errors import DemoFailed
from avatar_cli.joined import answered, joined
from avatar_cli.movie import Clapper
from avatar_edge import Call, CallNotReady, FileMic, NullOut, Recorder, TurnReport, VideoStats

IDLE_S = 2.0
_BREATH_S = 0.8
_ROOM_DBFS = -75.0
"""The faint noise of a quiet room: no microphone is truly silent."""


@dataclass(frozen=True)
class Said:
    """One line and what came of it; times are seconds since the recording began.

    Attributes:
        line: What was said.
        started_s: When its first sample was captured.
        ended_s: When its last voiced sample was captured.
        turns: What was heard and answered; more than one when the ears cut the line at a pause.
    """

    line: Line
    started_s: float
    ended_s: float
    turns: tuple[TurnReport, ...]


@dataclass(frozen=True)
class Talk:
    """A whole conversation.

    Attributes:
        said: Every line.
        video: What the camera was given.
        skew_ms: Playhead minus pts of the speaking frames shown: p50, p95, max.
        errors: What went wrong on the way, in plain sentences.
    """

    said: tuple[Said, ...]
    video: VideoStats
    skew_ms: dict[str, float]
    errors: tuple[str, ...]

    @property
    def turns(self) -> list[tuple[str | None, TurnReport]]:
        """Every turn with the line it answers; None for the further turns of one line."""
        return [
            (said.line.said if first else None, turn)
            for said in self.said
            for first, turn in zip([True] + [False] * len(said.turns), said.turns, strict=False)
        ]


async def talk(bus_url: str, lines: Sequence[Line], recording: Path) -> Talk:
    """Say every line on a call over `bus_url`, recording it as MP4.

    Raises:
        DemoFailed: The call could not begin, or a line was not heard at all.
    """
    mic, clapper = FileMic(noise_dbfs=_ROOM_DBFS), Clapper()
    recorder = Recorder(recording, width=512, height=512, fps=25)
    said: list[Said] = []
    try:
        async with joined(bus_url, mic, NullOut(), clapper, recorder) as call:
            await asyncio.sleep(IDLE_S)
            for line in lines:
                said.append(await _say(line, call, mic, clapper))
                await asyncio.sleep(_BREATH_S)
            errors = tuple(error.message for error in call.errors)
            return Talk(tuple(said), call.video_stats(), call.av_skew_ms(), errors)
    except CallNotReady as error:
        raise DemoFailed(f"The call did not begin: {error}.") from error


async def _say(line: Line, call: Call, mic: FileMic, clapper: Clapper) -> Said:
    say(f"  person ({line.voice}): {line.said}")
    before = len(call.turns)
    utterance = await mic.say(line.samples, line.rate)
    try:
        turns = await answered(call, before)
    except TimeoutError:
        raise DemoFailed(_unheard(line, [error.message for error in call.errors])) from None
    for turn in turns:
        say(f"  clone, {_waited(turn)}: {turn.reply}", style="cyan")
    began_at = clapper.began_at or 0.0
    started_s, ended_s = (mic.time_of(sample) - began_at for sample in (utterance.start, utterance.voiced_end))
    return Said(line, started_s, ended_s, tuple(turns))


def _unheard(line: Line, errors: list[str]) -> str:
    why = f" Reported: {'; '.join(errors)}." if errors else ""
    return f"{line.said!r} was said, and no turn came of it.{why}"


def _waited(turn: TurnReport) -> str:
    return f"after {turn.first_audio_ms:.0f} ms" if turn.first_audio_ms is not None else "silent"
