"""Which position of which reply sounds at a moment: the record the playout clock is read from. Pure logic."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from avatar_edge.track import Track

TAIL_S = 0.6
"""After its last sample a reply's clock runs on this long, for the pictures in which the mouth closes."""
_KEPT_S = 2.0


class Playhead(NamedTuple):
    """Where playing stands: `seconds` of the reply have sounded; not `sounding` in the tail after its end."""

    turn: int
    reply: int
    seconds: float
    sounding: bool


@dataclass
class _Segment:
    """`length_s` of a track that sound from edge clock `at` on, beginning at `position` samples of its clock.

    The clock moves at `speed` over it.
    """

    at: float
    length_s: float
    track: Track
    position: float
    speed: float = 1.0

    def played_s(self, now: float) -> float:
        """Seconds of the track's clock that have sounded of it by `now`."""
        return min(now - self.at, self.length_s) * self.speed


class Sounded:
    """Remembers for two seconds what was handed to the device and when it sounds."""

    def __init__(self) -> None:
        self._segments: deque[_Segment] = deque()
        self._tail: tuple[Track, float] | None = None

    def add(self, track: Track, position: float, length_s: float, at: float, speed: float = 1.0) -> None:
        """`length_s` seconds of a track, from `position` samples of its clock on, sound from edge clock `at` on."""
        self._segments.append(_Segment(at, length_s, track, position, speed))
        while len(self._segments) > 2 and self._segments[0].at < at - _KEPT_S:
            self._segments.popleft()

    def end(self, track: Track, at: float) -> None:
        """The last sample of a track sounds at `at`: its tail begins."""
        self._tail = (track, at)

    def position(self, track: Track, now: float) -> float | None:
        """Samples of the track that have sounded by `now`; None unless it is what sounded last."""
        segment = self._last(now)
        if segment is None or segment.track is not track:
            return None
        return segment.position + segment.played_s(now) * track.rate

    def head(self, current: Track | None, now: float) -> Playhead | None:
        """What sounds at `now`, when `current` is the track being handed over; None when nothing does."""
        segment = self._last(now)
        if segment is None:
            return None
        track = segment.track
        seconds = segment.position / track.rate + segment.played_s(now)
        if track is current or now < segment.at + segment.length_s:
            return Playhead(track.turn, track.reply, seconds, sounding=True)
        if self._tail is not None and self._tail[0] is track and now < self._tail[1] + TAIL_S:
            return Playhead(track.turn, track.reply, seconds + now - self._tail[1], sounding=False)
        return None

    def _last(self, now: float) -> _Segment | None:
        return next((segment for segment in reversed(self._segments) if segment.at <= now), None)
