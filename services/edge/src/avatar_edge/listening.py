"""The microphone's way to the bus, and its clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

from avatar_contracts import MicFrame
from avatar_edge.audio import FRAME, MIC_RATE, AudioIn, MicBlock, Pcm
from avatar_runtime.session import Session

HELD = 50
"""Frames (1 s) waiting for a busy event loop at most; older ones are lost audio."""


class MicPublisher:
    """Sends mic.pcm every 20 ms. The device's thread only puts frames into a ring."""

    def __init__(self, session: Session, mic: AudioIn, record: Callable[[Pcm, int, float], None] | None = None) -> None:
        self._session = session
        self._mic = mic
        self._record = record
        self._ring: deque[MicBlock] = deque(maxlen=HELD)
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._newest = MicBlock(-FRAME, 0.0, None)  # type: ignore[arg-type]

    async def start(self) -> None:
        """Open the microphone and begin."""
        self._session.spawn(self._send(), "microphone")
        self._mic.open(self._deliver)

    def close(self) -> None:
        """End and close the microphone."""
        self._mic.close()

    def voiced_end(self, heard: int, margin: int) -> float:
        """Edge clock of the last voiced sample of speech that the ears heard end at sample `heard`.

        A microphone that knows the truth, give or take `margin`, is believed; otherwise the ears are.
        """
        known = self._mic.voiced_end(heard, margin)
        return self._time_of(heard if known is None else known)

    def _time_of(self, sample: int) -> float:
        return self._newest.at + (sample - self._newest.start) / MIC_RATE

    def _deliver(self, block: MicBlock) -> None:
        self._newest = block
        self._ring.append(block)
        if self._record is not None:
            self._record(block.pcm, MIC_RATE, block.at)
        with contextlib.suppress(RuntimeError):  # the loop may be closing
            self._loop.call_soon_threadsafe(self._wake.set)

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._ring:
                block = self._ring.popleft()
                await self._session.publish(MicFrame(rate=MIC_RATE, start=block.start, pcm=block.pcm.tobytes()))
