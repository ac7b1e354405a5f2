"""When frames are due: every period of the frame rate, some of them left out on a thin link."""

from __future__ import annotations

import math

IDLE_RATE = 16_000  # of the clock their pts count in


class Thinning:
    """Which of the frames of a face are drawn when fewer a second are wanted than it makes: evenly spread ones.

    Attributes:
        fps: Frames a second it makes.
    """

    def __init__(self, fps: int) -> None:
        self.fps = self._wanted = fps

    def want(self, fps: int) -> None:
        """Draw `fps` frames a second, all when that is more than there are."""
        self._wanted = max(1, min(fps, self.fps))

    def next(self, index: int) -> int:
        """The first frame from `index` on that is drawn."""
        number = -(-index * self._wanted // self.fps)  # drawn frame m is frame m · fps / wanted, rounded down
        return number * self.fps // self._wanted


class Ticks:
    """The clock of idle frames. Times are seconds of the caller's clock."""

    def __init__(self, start: float, fps: int, thinning: Thinning | None = None) -> None:
        self._start, self._fps = start, fps
        self._thinning = thinning or Thinning(fps)
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
        if missed:
            self._next = self._thinning.next(self._next + missed)
        return missed

    def advance(self) -> None:
        """The next frame has been drawn."""
        self._next = self._thinning.next(self._next + 1)
