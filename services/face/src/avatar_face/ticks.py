"""When idle frames are due: every period of the frame rate, counted from the beginning."""

from __future__ import annotations

import math

IDLE_RATE = 16_000  # of the clock their pts count in


class Ticks:
    """The clock of idle frames. Times are seconds of the caller's clock."""

    def __init__(self, start: float, fps: int) -> None:
        self._start, self._fps = start, fps
        self._next = 0

    @property
    def due(self) -> float:
        """When the next frame is seen."""
        return self._start + self._next / self._fps

    @property
    def pts(self) -> int:
        """The number it travels with."""
        return self._next * IDLE_RATE // self._fps

    def catch_up(self, now: float) -> int:
        """Leave out the frames that time has passed; returns how many."""
        missed = max(0, math.ceil((now - self._start) * self._fps - 1e-6) - self._next)
        self._next += missed
        return missed

    def advance(self) -> None:
        """The next frame has been drawn."""
        self._next += 1
