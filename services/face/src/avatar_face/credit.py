"""How many frames may be under way to the edge: a window, and a trickle while nothing comes back."""

from __future__ import annotations

import math
from collections import deque

WINDOW = 4
MOST = 16
SILENCE_S = 1.0  # without an acknowledgement for this long, frames only trickle
TRICKLE_S = 0.25
_TRIPS = 64  # acknowledgements remembered: 2.5 s of them
_FAR = 0.9  # all but one in ten come back within `trip_s`


class Credit:
    """Counts frames sent and acknowledged. Has no clock: callers pass the time in seconds.

    The window holds what a link of that length carries without any queue, and three frames more: on a short one that
    is `WINDOW`. A queue does not widen it, because the shortest of the newest round trips decides.
    """

    def __init__(self, now: float = 0.0, fps: int = 25) -> None:
        self._fps = fps
        self._sent = 0
        self._acked = 0
        self._heard_at = now
        self._sent_at = now
        self._under_way: deque[float] = deque()
        self._trips: deque[float] = deque(maxlen=_TRIPS)
        self._window = WINDOW

    @property
    def unacked(self) -> int:
        """Frames under way."""
        return self._sent - self._acked

    @property
    def window(self) -> int:
        """Frames that may be under way."""
        return self._window

    @property
    def trip_s(self) -> float:
        """From sending a frame to hearing that it has come, for all but the slowest tenth; 0 before it is known."""
        if not self._trips:
            return 0.0
        return sorted(self._trips)[min(len(self._trips) - 1, int(_FAR * len(self._trips)))]

    def allows(self, now: float) -> bool:
        """Whether one more frame may be sent."""
        if self.unacked < self._window:
            return True
        return now - self._heard_at >= SILENCE_S and now - self._sent_at >= TRICKLE_S

    def sent(self, now: float) -> None:
        """A frame was handed over."""
        if self.unacked == 0:
            self._heard_at = now  # silence counts from when there is something to acknowledge
        self._sent += 1
        self._sent_at = now
        self._under_way.append(now)

    def withdrawn(self) -> None:
        """A frame handed over never got a number: it was too large to publish."""
        if self._sent > self._acked:
            self._sent -= 1
            self._under_way.pop()

    def acked(self, upto: int, now: float) -> None:
        """The edge has received frames up to number `upto`."""
        if self._acked < upto <= self._sent:
            for _ in range(upto - self._acked):
                sent_at = self._under_way.popleft()
            self._acked = upto
            self._heard_at = now
            self._trips.append(now - sent_at)
            self._window = min(MOST, max(WINDOW, math.ceil(min(self._trips) * self._fps) + WINDOW - 1))
