"""What happens to replies as they are played, to be told when it comes true. Pure logic."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

from avatar_contracts import PlaybackProgress
from avatar_edge.track import Track

_FALLBACK_RATE = 16_000

Happening = Literal["started", "audible", "held", "playing", "finished", "stopped"]


@dataclass(frozen=True)
class Change:
    """Something happened to a reply at edge clock `at`.

    ``audible`` is its first sound and ``playing`` its going on after ``held``; the rest is as in the contract. `text`
    is what was heard of it so far, `why` the reason of an early stop.
    """

    state: Happening
    at: float
    progress: PlaybackProgress
    text: str = ""
    why: str = ""
    underruns: int = 0


class Changes:
    """Changes in the order they were made, each with the time it comes true."""

    def __init__(self) -> None:
        self._waiting: deque[Change] = deque()

    def add(self, track: Track, state: Happening, at: float, position: float) -> None:
        """A track is in `state` from edge clock `at` on, `position` samples of its clock having been played."""
        told = progress(track, "started" if state == "audible" else state, position)
        self._waiting.append(Change(state, at, told, track.text_heard(position), track.stopping, track.underruns))

    def due(self, now: float) -> list[Change]:
        """Those that have come true by `now`, each given once."""
        due: list[Change] = []
        while self._waiting and self._waiting[0].at <= now:
            due.append(self._waiting.popleft())
        return due

    @property
    def next_at(self) -> float | None:
        """Edge clock of the earliest one not given yet."""
        return self._waiting[0].at if self._waiting else None


def progress(
    track: Track, state: Literal["started", "playing", "held", "finished", "stopped"], position: float
) -> PlaybackProgress:
    """How far a track has been heard at `position` samples of its clock."""
    sentence, chars = track.heard(position)
    return PlaybackProgress(
        turn=track.turn,
        reply=track.reply,
        state=state,
        played=round(position),
        rate=track.rate or _FALLBACK_RATE,
        sentence=sentence,
        chars=chars,
    )
