"""Sound of one device played or mixed at the pace of another. Pure logic; neither side waits for the other.

Two crystals differ by up to some hundred parts per million: what one device gives is soon too much or too little for
the other. A slow proportional loop keeps a small store between them half full by reading a little faster or slower.
"""

from __future__ import annotations

import threading

import numpy as np

from avatar_edge.audio import Pcm
from avatar_edge.timeline import PHASES, Wave, kernels

_MOST = 0.005
"""The pace changes by half a percent at most: a twelfth of a semitone."""
_LOOP_S = 4.0
"""Time constant of the loop: 300 ppm leave the store 1.2 ms off."""
_SMOOTH_S = 1.0
"""The fill is smoothed over this time: blocks come and go in steps."""


class Elastic:
    """A store between the thread that pushes and the thread that pulls.

    It is silent until `target_s` is in it, and again after it ran dry; what is more than `most_s` is skipped.

    Attributes:
        correction: By how much it is read faster than it should be, as a fraction.
        dry: How often it ran dry.
    """

    def __init__(self, rate: int, out_rate: int, *, target_s: float = 0.03, most_s: float = 0.15) -> None:
        """`rate`: samples per second pushed; `out_rate`: samples per second pulled."""
        self.correction = 0.0
        self.dry = 0
        self._rate = rate
        self._out_rate = out_rate
        self._target = target_s * rate
        self._most = most_s * rate
        self._reach, self._kernels = kernels(rate, out_rate)
        self._lock = threading.Lock()
        self._store = np.zeros(round((most_s + 1.0) * rate), np.float32)
        self._filled = 0
        self._place = 0.0
        self._smooth = self._target
        self._running = False

    @property
    def fill_s(self) -> float:
        """Seconds in the store."""
        return (self._filled - self._place) / self._rate

    def push(self, pcm: Pcm) -> None:
        """Add samples."""
        with self._lock:
            wave = pcm[-len(self._store) // 2 :].astype(np.float32) / 32_768.0
            if self._filled + len(wave) > len(self._store):
                self._forget(max(int(self._place) - 2 * self._reach, self._filled + len(wave) - len(self._store)))
            self._store[self._filled : self._filled + len(wave)] = wave
            self._filled += len(wave)

    def pull(self, count: int) -> Pcm:
        """The next `count` samples at `out_rate`, silence where there are none."""
        with self._lock:
            fill = self._filled - self._place
            if not self._running:
                if fill < self._target:
                    return np.zeros(count, np.int16)
                self._running = True
                self._place, self._smooth = self._filled - self._target, self._target
            elif fill > self._most:
                self._place, self._smooth = self._filled - self._target, self._target
            step = self._step(count)
            ready = int(max(0.0, (self._filled - self._reach - self._place) // step))
            wave = np.zeros(count, np.float32)
            wave[:ready] = self._read(min(ready, count), step)
            if ready < count:
                self._running = False
                self.dry += 1
        pcm: Pcm = np.clip(np.rint(wave * 32_768.0), -32_768, 32_767).astype(np.int16)
        return pcm

    def _step(self, count: int) -> float:
        """How far to move in the store for every sample that is pulled."""
        share = min(1.0, count / self._out_rate / _SMOOTH_S)
        self._smooth += share * (self._filled - self._place - self._smooth)
        off_s = (self._smooth - self._target) / self._rate
        self.correction = float(np.clip(off_s / _LOOP_S, -_MOST, _MOST))
        return self._rate / self._out_rate * (1.0 + self.correction)

    def _read(self, count: int, step: float) -> Wave:
        if not count:
            return np.zeros(0, np.float32)
        places = self._place + np.arange(count) * step
        floors = np.floor(places).astype(np.int64)
        first, last = int(floors[0]) - self._reach + 1, int(floors[-1]) + self._reach + 1
        stretch = np.pad(self._store[max(0, first) : last], (max(0, -first), 0))
        windows = np.lib.stride_tricks.sliding_window_view(stretch, 2 * self._reach)[floors - floors[0]]
        phases = ((places - floors) * PHASES).astype(np.int64)
        self._place += count * step
        wave: Wave = np.einsum("ij,ij->i", windows, self._kernels[phases])
        return wave

    def _forget(self, count: int) -> None:
        """Make room by what has been read, and by what nobody came for."""
        count = max(0, min(count, self._filled))
        self._store[: self._filled - count] = self._store[count : self._filled].copy()
        self._filled -= count
        self._place = max(0.0, self._place - count)
