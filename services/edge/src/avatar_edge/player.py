"""The playout clock at work: fed by the loudspeaker's thread, telling the session what was heard."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable

from avatar_contracts import PlaybackProgress
from avatar_edge.audio import AudioOut, Pcm
from avatar_edge.changes import Change
from avatar_edge.gain import Ramp
from avatar_edge.playout import Playout
from avatar_runtime import log, metrics
from avatar_runtime.bus import Bus
from avatar_runtime.session import Session

PROGRESS_S = 0.09
"""A little less than the 100 ms that are promised, for an event loop that wakes late."""
_UNSENT = 64
_LOWER_S = 1.0
_RAISE_S = 4.0
"""The voice follows the room slowly: its level is never heard to change."""

_replies = metrics.counter("avatar_edge_replies_total", "Replies that were heard", ["outcome"])
_underruns = metrics.counter("avatar_edge_underruns_total", "Times a reply ran dry while it sounded")

logger = log.get(__name__)


class Player:
    """Runs the output and publishes playback.progress: at every change, every 100 ms while a reply plays or is held."""

    def __init__(
        self,
        session: Session,
        bus: Bus,
        out: AudioOut,
        playout: Playout,
        on_change: Callable[[Change], None],
        *,
        record: Callable[[Pcm, int, float], None] | None = None,
        played: Callable[[Pcm, float], None] | None = None,
        gain: Callable[[], float] = lambda: 1.0,
        real: Callable[[Pcm, int], Pcm] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`on_change` is told of every change as it comes true, `record` of the voice at its own level.

        `played` is told of what the output is given: the voice at the level that `gain`, asked all the time, wants.
        `real` may exchange the voice for the person's own.
        """
        self._session = session
        self._bus = bus
        self._out = out
        self._playout = playout
        self._on_change = on_change
        self._record = record
        self._played = played
        self._real = real
        self._gain = gain
        self._level = Ramp()
        self._clock = clock
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._announced = 0.0
        self._unsent: deque[PlaybackProgress] = deque(maxlen=_UNSENT)

    async def start(self) -> None:
        """Open the output and begin."""
        self._session.spawn(self._tell(), "progress")
        self._out.open(self._pull)

    def close(self) -> None:
        """End and close the output."""
        self._out.close()

    def wake(self) -> None:
        """Something changed outside the device's thread; called on the event loop."""
        self._wake.set()

    def _pull(self, count: int, plays_at: float) -> Pcm:
        pcm = self._playout.pull(count, plays_at, self._clock())
        if self._real is not None:
            pcm = self._real(pcm, self._out.rate)
        if self._record is not None:
            self._record(pcm, self._out.rate, plays_at)
        gain = self._gain()
        self._level.to(gain, round((_LOWER_S if gain < self._level.level else _RAISE_S) * self._out.rate))
        pcm = self._level.apply(pcm)
        if self._played is not None:
            self._played(pcm, plays_at)
        at = self._playout.next_change_at()
        if at is not None and at != self._announced:
            self._announced = at
            with contextlib.suppress(RuntimeError):  # the loop may be closing
                self._loop.call_soon_threadsafe(self._wake.set)
        return pcm

    async def _tell(self) -> None:
        told_at = 0.0
        while True:
            await self._pause(told_at)
            now = self._clock()
            for change in self._playout.changes(now):
                await self._changed(change)
                told_at = now
            progress = self._playout.progress(now)
            if progress is not None and now - told_at >= PROGRESS_S - 0.005:
                told_at = now
                await self._session.publish(progress)

    async def _pause(self, told_at: float) -> None:
        """Until a change is due, or the next 100 ms while playing."""
        self._wake.clear()
        now = self._clock()
        wait_s = PROGRESS_S - (now - told_at) if self._playout.busy else 1.0
        at = self._playout.next_change_at()
        if at is not None:
            if at <= now:
                return
            wait_s = min(wait_s, at - now)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(wait_s, 0.005)):
                await self._wake.wait()

    async def _changed(self, change: Change) -> None:
        if change.state != "audible":
            self._unsent.append(change.progress)
            await self.flush()
        if change.state in ("finished", "stopped"):
            _replies.labels(change.state).inc()
            _underruns.inc(change.underruns)
        try:
            self._on_change(change)
        except Exception:
            logger.exception("change.failed", state=change.state)  # the sound goes on

    async def flush(self) -> None:
        """Send the changes that could not be sent while the bus was away: the history depends on them."""
        while self._unsent and self._bus.connected:
            await self._session.publish(self._unsent.popleft())
