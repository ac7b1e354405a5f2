"""How many frames may be under way to the edge: a window, and a trickle while nothing comes back."""

from __future__ import annotations

WINDOW = 4
SILENCE_S = 1.0  # without an acknowledgement for this long, frames only trickle
TRICKLE_S = 0.25


class Credit:
    """Counts frames sent and acknowledged. Has no clock: callers pass the time in seconds."""

    def __init__(self, now: float = 0.0) -> None:
        self._sent = 0
        self._acked = 0
        self._heard_at = now
        self._sent_at = now

    @property
    def unacked(self) -> int:
        """Frames under way."""
        return self._sent - self._acked

    def allows(self, now: float) -> bool:
        """Whether one more frame may be sent."""
        if self.unacked < WINDOW:
            return True
        return now - self._heard_at >= SILENCE_S and now - self._sent_at >= TRICKLE_S

    def sent(self, now: float) -> None:
        """A frame was handed over."""
        if self.unacked == 0:
            self._heard_at = now  # silence counts from when there is something to acknowledge
        self._sent += 1
        self._sent_at = now

    def withdrawn(self) -> None:
        """A frame handed over never got a number: it was too large to publish."""
        self._sent = max(self._acked, self._sent - 1)

    def acked(self, upto: int, now: float) -> None:
        """The edge has received frames up to number `upto`."""
        if self._acked < upto <= self._sent:
            self._acked = upto
            self._heard_at = now
