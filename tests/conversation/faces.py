"""The face of a scripted call: the genuine planning of its frames, with a grey square for every picture of a person."""

from __future__ import annotations

import asyncio

import numpy as np

from avatar_contracts import PlaybackProgress, ReplyCancelled, TtsChunk, TtsDone, TurnCancel
from avatar_edge.dialogue import Dialogue
from avatar_edge.pairing import Pairing
from avatar_edge.picture import Picture
from avatar_edge.playout import Playout
from avatar_face.idle import Idle
from avatar_face.timeline import Timeline
from avatar_runtime.session import Session

FPS = 25
_DRAWN_S = 0.02
"""From planning a frame to its picture at the edge: drawn, encoded, sent, decoded."""
_TICK_S = 0.005
_GREY = np.full((3, 2), 128, np.uint8)


class ScriptedFace:
    """A worker like `Animator`, which draws nothing."""

    def __init__(self, session: Session, pairing: Pairing, dialogue: Dialogue) -> None:
        loop = asyncio.get_running_loop()
        self._clock, self._loop = loop.time, loop
        self._timeline = Timeline(Idle(seed=3), FPS, loop.time())
        self._pairing, self._dialogue = pairing, dialogue
        session.on(TtsChunk, self._on_chunk)
        session.on(TtsDone, self._on_done)
        session.on(ReplyCancelled, self._on_reply_cancelled)
        session.on(TurnCancel, self._on_turn_cancel)
        session.on(PlaybackProgress, self._on_progress)
        session.spawn(self._draw(), "draw")

    async def close(self) -> None:
        """Nothing to free."""

    async def _draw(self) -> None:
        while True:
            while shot := self._timeline.shot(self._clock()):
                picture = Picture(_GREY, shot.reply, shot.pts / shot.rate)
                self._loop.call_later(_DRAWN_S, self._arrive, picture)
            await asyncio.sleep(_TICK_S)

    def _arrive(self, picture: Picture) -> None:
        self._pairing.add(picture)
        self._dialogue.on_frame(picture.reply, self._clock())

    async def _on_chunk(self, event: TtsChunk) -> None:
        self._timeline.chunk(event, self._clock())

    async def _on_done(self, event: TtsDone) -> None:
        self._timeline.done(event.reply, event.samples)

    async def _on_reply_cancelled(self, event: ReplyCancelled) -> None:
        self._timeline.cancel_reply(event.reply, self._clock())

    async def _on_turn_cancel(self, event: TurnCancel) -> None:
        self._timeline.cancel_turn(event.turn, self._clock())

    async def _on_progress(self, event: PlaybackProgress) -> None:
        self._timeline.progress(event.reply, event.state, event.played / event.rate, self._clock())


class Screen:
    """Shows one picture every 40 ms, as the camera does.

    Attributes:
        shown: When which reply was seen to speak; 0 for the idle face.
    """

    def __init__(self, pairing: Pairing, playout: Playout) -> None:
        self.shown: list[tuple[float, int]] = []
        self._pairing, self._playout = pairing, playout

    async def run(self) -> None:
        """Until it is cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            now = loop.time()
            shown = self._pairing.choose(self._playout.playhead(now), due, now)
            if shown.picture is not None:
                speaks = shown.picture.reply if shown.source != "loop" else 0
                self.shown.append((now, speaks))
            due += 1 / FPS
            await asyncio.sleep(max(0.0, due - loop.time()))

    def idle_after(self, moment: float) -> float:
        """How long after `moment` the idle face is seen, for three pictures at least."""
        later = [(at, reply) for at, reply in self.shown if at >= moment]
        for number in range(len(later) - 2):
            if not any(reply for _, reply in later[number : number + 3]):
                return later[number][0] - moment
        return float("inf")
