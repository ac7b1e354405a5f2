"""The microphone's way to the bus, and its clock."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from avatar_contracts import MicFrame
from avatar_edge.aec import MicCleaner
from avatar_edge.audio import FRAME, MIC_RATE, AudioIn, MicBlock, Pcm
from avatar_runtime import log, metrics
from avatar_runtime.session import Session

HELD = 50
"""Frames (1 s) waiting for a busy event loop, or for the cleaner, at most; older ones are lost audio."""
_PLAYED_WAIT_S = 0.02
"""How long a frame waits for what an output that is late plays meanwhile."""
_PLAYED_LOOK_S = 0.002
_STOP_S = 2.0

_failures = metrics.counter("avatar_edge_uncleaned_frames_total", "Microphone frames whose cleaning failed")

logger = log.get(__name__)


class _Heard(NamedTuple):
    block: MicBlock
    guard: bool


class MicPublisher:
    """Sends mic.pcm every 20 ms, cleaned of echo and noise if there is a cleaner.

    The device's thread only puts frames into a ring; cleaning has a thread of its own. What is recorded is what is
    sent: with the echo in it, a recording would hold the clone's voice twice.

    Attributes:
        cleaner: Set before `start`, or never.
    """

    def __init__(self, session: Session, mic: AudioIn, record: Callable[[Pcm, int, float], None] | None = None) -> None:
        self.cleaner: MicCleaner | None = None
        self._session = session
        self._mic = mic
        self._record = record
        self._captured: deque[MicBlock] = deque(maxlen=HELD)
        self._heard: deque[_Heard] = deque(maxlen=HELD)
        self._more = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._newest = MicBlock(-FRAME, 0.0, None)  # type: ignore[arg-type]
        self._guarded_to = 0
        self._silent: frozenset[str] = frozenset()

    async def start(self) -> None:
        """Open the microphone and begin."""
        self._session.spawn(self._send(), "microphone")
        if self.cleaner is not None:
            self._thread = threading.Thread(target=self._clean, args=(self.cleaner,), name="mic-cleaner", daemon=True)
            self._thread.start()
        self._mic.open(self._deliver)

    def close(self) -> None:
        """End and close the microphone."""
        self._mic.close()
        self._closing = True
        self._more.set()
        if self._thread is not None:
            self._thread.join(_STOP_S)

    def played(self, pcm: Pcm, at: float) -> None:
        """The output plays `pcm` from edge clock `at` on; called from its thread, returns at once."""
        if self.cleaner is not None:
            self.cleaner.played(pcm, at)

    def silence(self, why: str, *, on: bool) -> None:
        """Send silence in place of what is captured until nothing asks for it any more: the clock goes on."""
        self._silent = self._silent | {why} if on else self._silent - {why}

    def voice_gain(self) -> float:
        """Factor for what is to be played, for the sake of the ears; from any thread."""
        return 1.0 if self.cleaner is None else self.cleaner.voice_gain

    def guarded(self, sample: int) -> bool:
        """Whether a frame with guard has been sent since `sample`: what was heard there may be the clone itself."""
        return sample < self._guarded_to

    def voiced_end(self, heard: int, margin: int) -> float:
        """Edge clock of the last voiced sample of speech that the ears heard end at sample `heard`.

        A microphone that knows the truth, give or take `margin`, is believed; otherwise the ears are.
        """
        captured = heard - (self.cleaner.lag if self.cleaner is not None else 0)
        known = self._mic.voiced_end(captured, margin)
        return self._time_of(captured if known is None else known)

    def _time_of(self, sample: int) -> float:
        return self._newest.at + (sample - self._newest.start) / MIC_RATE

    # --- from the device's thread ------------------------------------------------------------------------------

    def _deliver(self, block: MicBlock) -> None:
        self._newest = block
        if self.cleaner is None:
            self._hand_over(block, guard=False)
        else:
            self._captured.append(block)
            self._more.set()

    def _hand_over(self, block: MicBlock, *, guard: bool) -> None:
        if self._silent:
            block = block._replace(pcm=np.zeros(FRAME, np.int16))
        self._heard.append(_Heard(block, guard))
        if self._record is not None:
            self._record(block.pcm, MIC_RATE, block.at)
        with contextlib.suppress(RuntimeError):  # the loop may be closing
            self._loop.call_soon_threadsafe(self._wake.set)

    # --- on the cleaner's thread -----------------------------------------------------------------------------

    def _clean(self, cleaner: MicCleaner) -> None:
        failing = False
        while not self._closing:
            self._more.wait()
            self._more.clear()
            while self._captured and not self._closing:
                block = self._captured.popleft()
                self._await_played(cleaner, block)
                try:
                    cleaned, guard = cleaner.clean(block)
                    failing = False
                except Exception:
                    _failures.inc()
                    if not failing:
                        logger.exception("microphone.failed")
                    failing = True
                    cleaned, guard = block, True
                self._hand_over(cleaned, guard=guard)

    def _await_played(self, cleaner: MicCleaner, block: MicBlock) -> None:
        """Once a frame is captured, what was played meanwhile is known, unless the output's thread is late."""
        deadline = time.perf_counter() + _PLAYED_WAIT_S
        while cleaner.lacks(block, now := time.perf_counter()) and now < deadline and not self._closing:
            time.sleep(_PLAYED_LOOK_S)

    # --- on the event loop -------------------------------------------------------------------------------------

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._heard:
                block, guard = self._heard.popleft()
                if guard:
                    self._guarded_to = block.start + FRAME
                await self._session.publish(
                    MicFrame(rate=MIC_RATE, start=block.start, pcm=block.pcm.tobytes(), guard=guard)
                )
