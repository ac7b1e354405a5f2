"""Where one reply at a time is played: started, run dry, held, ended. Pure logic under the lock of `Playout`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from avatar_edge.audio import Pcm
from avatar_edge.changes import Changes
from avatar_edge.playhead import Playhead, Sounded
from avatar_edge.replies import Replies
from avatar_edge.track import AUDIBLE, Track


class Deck:
    """Takes samples from the current track and notes what becomes of it.

    Attributes:
        current: The track that plays or is held, None when there is none.
        changes: What has happened to replies.
    """

    def __init__(
        self,
        rate: int,
        starve_s: float,
        replies: Replies,
        holds: Callable[[Track], bool],
        stalled: Callable[[], bool] = lambda: False,
    ) -> None:
        """`holds(track)`: it is to be silent for now. `stalled()`: so is the link, no sound can come."""
        self.current: Track | None = None
        self.changes = Changes()
        self._rate = rate
        self._starve_s = starve_s
        self._replies = replies
        self._holds = holds
        self._stalled = stalled
        self._sounded = Sounded()

    def play(self, track: Track, out: Pcm, at: float, now: float) -> int:
        """Fill `out` from `track`; its first sample will sound at edge clock `at`. Returns the samples filled."""
        if track.held:
            if self._holds(track):
                return 0
            track.go_on()
            self.changes.add(track, "playing", max(at, now), track.position)
        before = track.position
        pcm = track.read(len(out))
        out[: len(pcm)] = pcm
        ends_at = at + len(pcm) / self._rate
        if len(pcm):
            track.dry_since = None
            self._sounded.add(track, before, len(pcm) / self._rate, at, track.speed)
            if not track.started:
                track.started = True
                self.changes.add(track, "started", max(at, now), 0.0)
            if not track.audible:
                self._listen(track, pcm, max(at, now))
        self._settle(track, ends_at, now, missing=len(out) - len(pcm))
        return len(pcm)

    def cancel(self, track: Track, why: str, now: float) -> bool:
        """Nothing more of a track may be heard: it fades out when it sounds, otherwise it is over at once.

        Returns whether a change tells of it: of one that nobody committed there is nothing to tell.
        """
        if track.committed_at is None:
            self._replies.end(track.reply)
            return False
        track.stop(why)
        if track is not self.current or track.held:
            self.end(track, "stopped", now)
        return True

    def end(self, track: Track, state: Literal["finished", "stopped"], at: float) -> None:
        """A track is over at edge clock `at`."""
        self.changes.add(track, state, at, track.position)
        if track.started and state == "finished":
            self._sounded.end(track, at)
        self._replies.end(track.reply)
        if track is self.current:
            self.current = None

    def head(self, now: float) -> Playhead | None:
        """What sounds at edge clock `now`; None when nothing does."""
        track = self.current
        return self._sounded.head(None if track is not None and track.held else track, now)

    def heard(self, now: float) -> tuple[Track, float] | None:
        """The current track and the position until which it has been heard at edge clock `now`."""
        track = self.current
        position = self._sounded.position(track, now) if track is not None else None
        return None if track is None or position is None else (track, position)

    def _settle(self, track: Track, ends_at: float, now: float, *, missing: int) -> None:
        """What has become of a track whose last sample given so far sounds at `ends_at`."""
        if track.stopping and track.silent:
            self.end(track, "stopped", ends_at)
        elif track.finished:
            self.end(track, "finished", ends_at)
        elif track.silent:
            track.held = True
            self.changes.add(track, "held", max(ends_at, now), track.position)
        elif missing:
            track.starved(missing)
            self._starve(track, now)

    def _listen(self, track: Track, pcm: Pcm, at: float) -> None:
        loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) >= AUDIBLE)
        if len(loud):
            track.audible = True
            self.changes.add(track, "audible", at + int(loud[0]) / self._rate, 0.0)

    def _starve(self, track: Track, now: float) -> None:
        if track.dry_since is None:
            track.dry_since = now
            track.underruns += 1
        elif self._stalled():
            track.dry_since = now
        elif now - track.dry_since > self._starve_s:
            track.stop("its sound stopped coming")
            self.end(track, "stopped", now)
