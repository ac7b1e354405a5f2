"""The way of a frame from the bus to the pairing: credit, gaps, decoding on a thread of its own."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from avatar_contracts import VideoAck, VideoFrame, VideoKeyframe
from avatar_edge.decoder import Decoder
from avatar_edge.pairing import BACKLOG, Pairing
from avatar_runtime import log, metrics
from avatar_runtime.bus import Bus
from avatar_runtime.session import Session

KEYFRAME_EVERY_S = 0.4
"""Least time between two requests for a keyframe."""
UNDECODED = 16
"""Frames waiting for the decoder at most."""
CREDIT_CHECK_S = 0.04

_frames = metrics.counter("avatar_edge_frames_total", "Frames from the face", ["outcome"])

logger = log.get(__name__)


class PictureSession(Session):
    """The session on a connection of its own, for the picture alone.

    What goes wrong is reported on the main one: two ends of one lease must not number the same stream.
    """

    def __init__(self, bus: Bus, main: Session) -> None:
        super().__init__(bus, main.id, main.kind, main.epoch)
        self._main = main

    async def report(self, code: str, message: str, hint: str = "", *, turn: int = 0, reply: int = 0) -> None:
        """See `Session.report`."""
        await self._main.report(code, message, hint, turn=turn, reply=reply)


class VideoReceiver:
    """Takes video.frame, gives credit at once, and hands decoded pictures to the pairing.

    After a gap in the stream, a broken access unit or a change of worker, frames are useless until the next keyframe:
    one is asked for and the picture is held.

    Attributes:
        last_at: Edge clock of the newest frame, None before the first.
        width: Of the newest frame, pixels.
        height: Of the newest frame, pixels.
        lost: Frames that could not be shown: missing, broken, or waiting for a keyframe.
    """

    def __init__(
        self,
        session: Session,
        pairing: Pairing,
        on_frame: Callable[[int, float], None],
        units: Callable[[int, VideoFrame], None] | None = None,
    ) -> None:
        """Both are called on the event loop for every usable frame, in the order of decoding.

        `on_frame(reply, now)`; `units(number, frame)` where H.264 is passed on as it is, with the `Picture.unit` it
        becomes.
        """
        self.last_at: float | None = None
        self.width = self.height = self.lost = 0
        self._session = session
        self._pairing = pairing
        self._on_frame = on_frame
        self._units = units
        self._taken = 0
        self._decoder = Decoder()
        self._undecoded: queue.Queue[tuple[VideoFrame, int] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._decode, name="video-decoder", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._epoch = 0
        self._seq = 0
        self._broken = True
        self._asked_at = 0.0
        self._owed = 0
        session.on(VideoFrame, self.on_frame)

    async def start(self) -> None:
        """Begin to decode."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        self._session.spawn(self._pay_credit(), "video credit")

    def close(self) -> None:
        """End the decoder's thread."""
        self._undecoded.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    async def on_frame(self, frame: VideoFrame) -> None:
        """A frame came: credit first, so that the next one can travel while this one is decoded."""
        now = time.perf_counter()
        self.last_at = now
        self.width, self.height = frame.width, frame.height
        if self._pairing.backlog() < BACKLOG // 2:
            self._owed = 0
            await self._session.publish(VideoAck(upto=frame.seq))
        else:  # a reply far ahead of its sound: no credit until some of it has been shown
            self._owed = frame.seq
        if frame.epoch != self._epoch or frame.seq != self._seq + 1:
            self.lost += max(0, frame.seq - self._seq - 1) if frame.epoch == self._epoch else 0
            self._broken = True
        self._epoch, self._seq = frame.epoch, frame.seq
        if self._broken and not frame.keyframe:
            await self._useless("waiting")
            return
        if self._undecoded.qsize() >= UNDECODED:
            self._broken = True
            await self._useless("overflow")
            return
        self._broken = False
        self._taken += 1
        unit = self._taken if frame.codec == "h264" else 0
        self._undecoded.put((frame, unit))
        if unit and self._units is not None:
            self._units(unit, frame)
        _frames.labels("taken").inc()
        self._on_frame(frame.reply, now)

    async def _useless(self, outcome: str) -> None:
        self.lost += 1
        _frames.labels(outcome).inc()
        await self._ask_keyframe()

    def need_keyframe(self) -> None:
        """Somebody cannot go on without a keyframe; called on the event loop."""
        self._session.spawn(self._ask_keyframe(), "keyframe")

    async def _ask_keyframe(self) -> None:
        now = time.perf_counter()
        if now - self._asked_at >= KEYFRAME_EVERY_S:
            self._asked_at = now
            await self._session.publish(VideoKeyframe())

    async def _pay_credit(self) -> None:
        while True:
            await asyncio.sleep(CREDIT_CHECK_S)
            if self._owed and self._pairing.backlog() < BACKLOG // 2:
                owed, self._owed = self._owed, 0
                await self._session.publish(VideoAck(upto=owed))

    def _decode(self) -> None:
        epoch = 0
        failing = False
        while (taken := self._undecoded.get()) is not None:
            frame, unit = taken
            if frame.epoch != epoch:
                epoch = frame.epoch
                self._decoder.reset()
            try:
                self._pairing.add(replace(self._decoder.decode(frame), unit=unit))
                failing = False
            except Exception as error:  # whatever is in one frame, the ones after it must be shown
                _frames.labels("broken").inc()
                self._decoder.reset()
                if not failing:
                    logger.warning("video.broken", error=str(error), seq=frame.seq)
                failing = True
                self._call(self._on_broken)

    def _call(self, function: Callable[[], None]) -> None:
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function)

    def _on_broken(self) -> None:
        self._broken = True
        self.lost += 1
        self.need_keyframe()
