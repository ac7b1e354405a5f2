"""The playout clock: which sample of which reply sounds when. Pure logic behind one lock; the caller passes the time.

The audio device's thread pulls; the event loop adds replies and stops them; any thread may read the playhead. A reply
plays once it is committed, enough of its sound is there and its first picture has come or has been waited for. Its
clock moves with the samples really played: a gap in the supply is silence during which the clock stands still.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from avatar_contracts import LlmSentence, PlaybackProgress, TtsChunk, TtsDone
from avatar_edge.audio import Pcm
from avatar_edge.playhead import Playhead, Sounded
from avatar_edge.track import AUDIBLE, Track

_MOST_TRACKS = 8
_REMEMBERED = 256
_FALLBACK_RATE = 16_000


@dataclass(frozen=True)
class Change:
    """Something happened to a reply at edge clock `at`: ``audible`` is its first sound, the rest as in the contract.

    `text` is what was heard of it so far, `why` the reason of an early stop.
    """

    state: Literal["started", "audible", "finished", "stopped"]
    at: float
    progress: PlaybackProgress
    text: str = ""
    why: str = ""
    underruns: int = 0


class Playout:
    """See the module.

    Attributes:
        rate: The device's samples per second.
    """

    def __init__(
        self,
        rate: int,
        *,
        frame_wait_s: float = 0.04,
        starve_s: float = 1.5,
        target_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`target_s`: seconds of sound a reply must have before it starts, asked at every start."""
        self.rate = rate
        self._frame_wait_s = frame_wait_s
        self._starve_s = starve_s
        self._target_s = target_s
        self._lock = threading.Lock()
        self._tracks: dict[int, Track] = {}
        self._current: Track | None = None
        self._sounded = Sounded()
        self._changes: deque[Change] = deque()
        self._over: deque[int] = deque(maxlen=_REMEMBERED)
        self._newest = 0
        self._framed: deque[int] = deque(maxlen=_REMEMBERED)
        self._silence = np.zeros(rate // 10, np.int16)

    # --- from the event loop -----------------------------------------------------------------------------------

    def sentence(self, event: LlmSentence) -> None:
        """What a sentence of a reply says."""
        with self._lock:
            if track := self._track(event.turn, event.reply):
                track.script.text(event.sentence, event.text)

    def chunk(self, event: TtsChunk, now: float) -> bool:
        """A piece of a reply's sound; returns False when it was of no use, as those of replies that are over."""
        with self._lock:
            track = self._track(event.turn, event.reply)
            return track is not None and track.put(event, now)

    def done(self, event: TtsDone, now: float) -> None:
        """The length of a reply is known."""
        with self._lock:
            if track := self._track(event.turn, event.reply):
                track.end(event.samples)
                if track.finished and not track.started and track.committed_at is not None:
                    self._end(track, "finished", now)

    def commit(self, turn: int, reply: int, now: float) -> None:
        """The reply may be heard."""
        with self._lock:
            if (track := self._track(turn, reply)) and track.committed_at is None:
                track.committed_at = now
                if track.finished:
                    self._end(track, "finished", now)

    def frame(self, reply: int) -> None:
        """A picture of the reply has come, perhaps before anything else of it."""
        with self._lock:
            if reply not in self._framed:
                self._framed.append(reply)

    def cancel(self, reply: int, why: str, now: float) -> None:
        """Nothing more of the reply may be heard: it fades out at once, or is forgotten if it has not begun."""
        with self._lock:
            self._cancel(reply, why, now)

    def cancel_turn(self, turn: int, why: str, now: float) -> None:
        """The same for every reply to `turn`."""
        with self._lock:
            for track in [track for track in self._tracks.values() if track.turn == turn]:
                self._cancel(track.reply, why, now)

    def supersede(self, reply: int, now: float) -> None:
        """Cancel every reply before `reply`."""
        with self._lock:
            for older in [each for each in sorted(self._tracks) if each < reply]:
                self._cancel(older, "superseded", now)

    def break_off(self, why: str, now: float) -> list[int]:
        """Cancel every reply whose sound is not all here, because no more will come; returns their turns."""
        with self._lock:
            broken = [track for track in self._tracks.values() if not track.complete]
            for track in broken:
                self._cancel(track.reply, why, now)
            return sorted({track.turn for track in broken})

    # --- from the device's thread ------------------------------------------------------------------------------

    def pull(self, count: int, plays_at: float, now: float) -> Pcm:
        """`count` device samples, the first of which will sound at `plays_at`; `now` is the edge clock of the call."""
        with self._lock:
            if not self._tracks:
                return self._silence[:count] if count <= len(self._silence) else np.zeros(count, np.int16)
            out = np.zeros(count, np.int16)
            filled = 0
            while filled < count:
                track = self._current or self._next(now)
                if track is None:
                    break
                at = plays_at + filled / self.rate
                filled += self._play(track, out[filled:], at, now)
                if self._current is track:  # it ran dry
                    break
            return out

    def _play(self, track: Track, out: Pcm, at: float, now: float) -> int:
        """Fill `out` from `track`; ends the track when it is over. Returns the samples filled."""
        before = track.position
        pcm = track.read(len(out))
        out[: len(pcm)] = pcm
        ends_at = at + len(pcm) / self.rate
        if len(pcm):
            track.dry_since = None
            self._sounded.add(track, before, len(pcm) / self.rate, at)
            if not track.started:
                track.started = True
                self._change(track, "started", max(at, now), 0.0)
            if not track.audible:
                self._listen(track, pcm, max(at, now))
        if track.silent:
            self._end(track, "stopped", ends_at)
        elif track.finished:
            self._end(track, "finished", ends_at)
        elif len(pcm) < len(out):
            self._starve(track, now)
        return len(pcm)

    def _listen(self, track: Track, pcm: Pcm, at: float) -> None:
        loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) >= AUDIBLE)
        if len(loud):
            track.audible = True
            self._change(track, "audible", at + int(loud[0]) / self.rate, 0.0)

    def _starve(self, track: Track, now: float) -> None:
        if track.dry_since is None:
            track.dry_since = now
            track.underruns += 1
        elif now - track.dry_since > self._starve_s:
            track.stopping = "its sound stopped coming"
            self._end(track, "stopped", now)

    def _next(self, now: float) -> Track | None:
        """Make the earliest reply that may sound now the current one."""
        for number in sorted(self._tracks):
            track = self._tracks[number]
            if track.stopping or not self._ready(track, now):
                continue
            for older in [self._tracks[each] for each in sorted(self._tracks) if each < number]:
                self._cancel(older.reply, "a newer reply came first", now)
            self._current = track
            self._newest = number
            return track
        return None

    def _ready(self, track: Track, now: float) -> bool:
        if track.committed_at is None or track.first_chunk_at is None or not track.buffered_s:
            return False
        waited_s = now - max(track.committed_at, track.first_chunk_at)
        if track.reply not in self._framed and waited_s < self._frame_wait_s:
            return False
        target_s = self._target_s()
        return track.buffered_s >= target_s or track.complete or now - track.first_chunk_at >= target_s

    # --- from any thread ---------------------------------------------------------------------------------------

    def playhead(self, now: float) -> Playhead | None:
        """What sounds at edge clock `now`; None when nothing does."""
        with self._lock:
            return self._sounded.head(self._current, now)

    def progress(self, now: float) -> PlaybackProgress | None:
        """How far the reply that plays has been heard; None when none plays."""
        with self._lock:
            track = self._current
            position = self._sounded.position(track, now) if track is not None else None
            if track is None or position is None:
                return None
            return self._progress(track, "playing", position)

    def heard_now(self, now: float) -> tuple[int, str]:
        """The turn whose reply plays and what has been heard of it so far; 0 and nothing when none plays."""
        with self._lock:
            track = self._current
            position = self._sounded.position(track, now) if track is not None else None
            if track is None or position is None:
                return 0, ""
            return track.turn, track.script.text_heard(round(position))

    def changes(self, now: float) -> list[Change]:
        """The changes that have come true by `now`, each given once."""
        with self._lock:
            due: list[Change] = []
            while self._changes and self._changes[0].at <= now:
                due.append(self._changes.popleft())
            return due

    def next_change_at(self) -> float | None:
        """Edge clock of the earliest change not given yet."""
        with self._lock:
            return self._changes[0].at if self._changes else None

    @property
    def busy(self) -> bool:
        """A reply is playing."""
        return self._current is not None

    # --- the rest, under the lock ------------------------------------------------------------------------------

    def _track(self, turn: int, reply: int) -> Track | None:
        if reply in self._over or reply < self._newest:
            return None
        track = self._tracks.get(reply)
        if track is None:
            if len(self._tracks) >= _MOST_TRACKS and not self._make_room(reply):
                return None
            track = self._tracks[reply] = Track(turn, reply, self.rate)
        return track

    def _make_room(self, reply: int) -> bool:
        """Give up the oldest reply before `reply` that is not playing, first among those nobody committed."""
        older = [track for track in self._tracks.values() if track.reply < reply and track is not self._current]
        if not older:
            return False
        oldest = min(older, key=lambda track: (track.committed_at is not None, track.reply))
        self._cancel(oldest.reply, "newer replies came", oldest.committed_at or 0.0)
        return True

    def _cancel(self, reply: int, why: str, now: float) -> None:
        track = self._tracks.get(reply)
        if track is None:
            if reply not in self._over:
                self._over.append(reply)
        elif track is self._current:
            track.stopping = track.stopping or why
        elif track.committed_at is None:
            self._forget(reply)
        else:
            track.stopping = why
            self._end(track, "stopped", now)

    def _end(self, track: Track, state: Literal["finished", "stopped"], at: float) -> None:
        self._change(track, state, at, track.position)
        if track.started and state == "finished":
            self._sounded.end(track, at)
        self._forget(track.reply)

    def _forget(self, reply: int) -> None:
        track = self._tracks.pop(reply, None)
        self._over.append(reply)
        if track is not None and track is self._current:
            self._current = None

    def _change(
        self, track: Track, state: Literal["started", "audible", "finished", "stopped"], at: float, position: float
    ) -> None:
        contract = "started" if state == "audible" else state
        progress = self._progress(track, contract, position)
        text = track.script.text_heard(round(position))
        self._changes.append(Change(state, at, progress, text, track.stopping, track.underruns))

    @staticmethod
    def _progress(
        track: Track, state: Literal["started", "playing", "finished", "stopped"], position: float
    ) -> PlaybackProgress:
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
