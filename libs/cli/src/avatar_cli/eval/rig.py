"""A call under observation: what is said into it, what it plays, what is decided, all on one clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import numpy as np

from avatar_cli.errors import EvalFailed
from avatar_cli.eval import sound
from avatar_cli.eval.material import RATE, SPEECH_DBFS, Speech
from avatar_cli.eval.take import Condition, Pcm, Span, Take
from avatar_cli.eval.tap import Playing, Tap
from avatar_cli.joined import joined
from avatar_edge import Call, FileMic, MemoryOut, NullCamera
from avatar_edge.rooms import HALL_SPEAKER, LAPTOP, MEETING_ROOM, Room, RoomMic
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.settings import BusSettings

ROOMS: dict[str, Room] = {"laptop": LAPTOP, "meeting room": MEETING_ROOM, "hall speaker": HALL_SPEAKER}
QUIET_DBFS = -60.0
"""The noise of a quiet room, as in the readings themselves."""
LEAD_S = 0.3
"""A case begins this long before its first sound."""
_BEFORE_S = 0.5
_NO_ECHO_DB = -120.0
_TICK_S = 0.02
_PICTURE = 128
"""Pixels of the picture's side where the time to the first picture is not at stake: the full size costs more."""
_AHEAD_S = 0.3
_SPOKEN_SHARE = 0.8
_BUSY = ("hearing", "thinking", "speaking")


class Rig:
    """One call and everything that can be seen of it.

    Attributes:
        call: The call.
        tap: Its events.
        condition: Under what the cases are held now.
    """

    def __init__(self, call: Call, mic: FileMic, out: MemoryOut, tap: Tap, condition: Condition) -> None:
        self.call = call
        self.tap = tap
        self.condition = condition
        self._mic = mic
        self._out = out
        self._asked = 0

    async def speculate(self, wanted: bool) -> None:
        """Let the mind think ahead from now on, or not."""
        if wanted is not self.condition.speculate:
            self.condition = msgspec.structs.replace(self.condition, speculate=wanted)
            await self.call.configure(speculate=wanted)

    async def say(self, speech: Speech) -> tuple[float, list[Span]]:
        """Say it; returns when its last sample was captured, with when it began and its spans, on the edge clock."""
        utterance = await self._mic.say(speech.samples, RATE)
        return self._mic.time_of(utterance.start), [
            Span(self._at(utterance.start, span.start_s), self._at(utterance.start, span.end_s), span.text)
            for span in speech.spans
        ]

    def _at(self, start: int, offset_s: float) -> float:
        return self._mic.time_of(start + round(offset_s * RATE))

    async def settled(self, still_s: float, timeout_s: float) -> None:
        """Return when nothing has been heard, thought or said for `still_s`.

        Raises:
            EvalFailed: Not within `timeout_s`.
        """
        deadline = time.perf_counter() + timeout_s
        still_since = time.perf_counter()
        while time.perf_counter() - still_since < still_s:
            if self.call.state in _BUSY:
                still_since = time.perf_counter()
            if time.perf_counter() > deadline:
                raise EvalFailed(f"the call was still {self.call.state} after {timeout_s:.0f} s")
            await asyncio.sleep(_TICK_S)

    async def quiet_since(self, moment: float, for_s: float) -> None:
        """Return `for_s` after edge clock `moment`."""
        await asyncio.sleep(max(0.0, moment + for_s - time.perf_counter()))

    async def until(self, true: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until `true()`; False when it was not within `timeout_s`."""
        deadline = time.perf_counter() + timeout_s
        while not true():
            if time.perf_counter() > deadline:
                return False
            await asyncio.sleep(_TICK_S)
        return True

    async def speaking(self, since_s: float = 1.8, left_s: float = 6.0, timeout_s: float = 30.0) -> Playing:
        """Return in the middle of a word of an answer that has sounded for `since_s`; asks for one when none does.

        Raises:
            EvalFailed: No answer could be had.
        """
        deadline = time.perf_counter() + timeout_s
        idle_since = time.perf_counter()
        while time.perf_counter() < deadline:
            playing = self.tap.playing()
            if playing is not None or self.call.state in _BUSY:
                idle_since = time.perf_counter()
            if playing is not None and playing.left_s is not None and playing.left_s < left_s:
                await self.call.stop()
                await asyncio.sleep(0.3)
            elif playing is not None and playing.since_s >= since_s and self._in_a_word(playing):
                return playing
            elif time.perf_counter() - idle_since > 0.4:
                self._asked += 1
                await self.call.type(f"Please tell me chapter {self._asked} of your story.")
                idle_since = time.perf_counter() + 1.0
            await asyncio.sleep(_TICK_S)
        raise EvalFailed(f"no answer was speaking after {timeout_s:.0f} s")

    def _in_a_word(self, playing: Playing) -> bool:
        """What comes next is sound, so that it can be seen whether it is turned down."""
        answer = self.tap.answer(playing.reply)
        if answer is None:
            return False
        start = round(playing.position_s * answer.rate)
        ahead = sound.levels(answer.pcm[start : start + round(_AHEAD_S * answer.rate)], answer.rate)
        return len(ahead) > 0 and float(np.mean(ahead > sound.SPOKEN_DBFS)) >= _SPOKEN_SHARE

    async def take(self, name: str, kind: str, began: float, voice: Sequence[Span], pause_s: float = 0.0) -> Take:
        """All that happened from `LEAD_S` before `began` (edge clock) until now."""
        start, end = began - LEAD_S, time.perf_counter()
        return Take(
            name=name,
            condition=msgspec.structs.replace(self.condition, kind=kind, pause_s=pause_s),
            voice=[Span(span.start_s - start, span.end_s - start, span.text) for span in voice],
            events=self.tap.between(start, end),
            output=await asyncio.to_thread(self._played, start, end),
            rate=self._out.rate,
            answers=self.tap.answers(),
        )

    def _played(self, start: float, end: float) -> Pcm:
        first, last = (round((moment - self._out.began_at) * self._out.rate) for moment in (start, end))
        output = self._out.samples()[max(0, first) : last]
        return np.concatenate([np.zeros(max(0, -first), np.int16), output])


@asynccontextmanager
async def observed(bus_url: str, condition: Condition) -> AsyncIterator[Rig]:
    """A call on `bus_url` with the devices and settings of `condition`, ready and watched."""
    mic, out, chosen = _devices(condition)
    bus = await NatsBus.connect(BusSettings(url=bus_url, connect_timeout_s=5.0), name="eval")
    try:
        settings: dict[str, Any] = {
            **({} if condition.group == "natural" else {"width": _PICTURE, "height": _PICTURE}),
            **chosen,
        }
        async with joined(bus_url, mic, out, NullCamera(), **settings) as call:
            tap = Tap(bus)
            await tap.listen(call.session_id)
            await call.configure(patience=condition.patience, speculate=condition.speculate)
            await asyncio.sleep(_BEFORE_S)
            yield Rig(call, mic, out, tap, condition)
    finally:
        await bus.close()


def _devices(condition: Condition) -> tuple[FileMic, MemoryOut, dict[str, Any]]:
    if condition.room:
        mic = RoomMic(ROOMS[condition.room])
        return mic, mic.speaker, {}
    if condition.snr_db is not None:
        # A headset in a noisy room: nothing of the clone comes back.
        mic = RoomMic(Room(level_db=_NO_ECHO_DB, noise_dbfs=SPEECH_DBFS - condition.snr_db))
        return mic, mic.speaker, {"aec": "off"}
    return FileMic(noise_dbfs=QUIET_DBFS), MemoryOut(), {}
