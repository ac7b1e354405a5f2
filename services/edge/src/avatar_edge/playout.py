"""The playout clock: which sample of which reply sounds when. Pure logic behind one lock; the caller passes the time.

The audio device's thread pulls; the event loop adds replies, holds and stops them; any thread may read the playhead. A
reply plays once it is committed, enough of its sound is there and its first picture has come or has been waited for.
Its clock moves with the samples really played: a gap in the supply is silence during which the clock stands still.

While a turn is held its replies are silent and may go on: what sounded fades out within 10 ms, what had not begun does
not begin. `resume` goes on at the start of the word or phrase that was cut, so the clock goes back a little.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection

import numpy as np

from avatar_contracts import LlmSentence, PlaybackProgress, TtsChunk, TtsDone
from avatar_edge.audio import Pcm
from avatar_edge.changes import Change, progress
from avatar_edge.deck import Deck
from avatar_edge.playhead import Playhead
from avatar_edge.replies import Replies, oldest
from avatar_edge.track import Track

__all__ = ["Change", "Playout"]

_REMEMBERED = 256
_TURNS_HELD = 64


class Playout:
    """See the module.

    Attributes:
        rate: The device's samples per second.
    """

    def __init__(
        self,
        rate: int,
        *,
        frame_wait_s: float = 0.02,
        starve_s: float = 1.5,
        target_s: Callable[[], float] = lambda: 0.0,
        stalled: Callable[[], bool] = lambda: False,
    ) -> None:
        """`target_s`: seconds of sound a reply must have before it starts, and better keeps while it plays.

        `stalled`: the link is; a reply that has run dry is not given up for it.
        """
        self.rate = rate
        self._frame_wait_s = frame_wait_s
        self._target_s = target_s
        self._lock = threading.Lock()
        self._replies = Replies(rate)
        self._deck = Deck(rate, starve_s, self._replies, self._holds, stalled)
        self._held: deque[int] = deque(maxlen=_TURNS_HELD)
        self._framed: deque[int] = deque(maxlen=_REMEMBERED)
        self._silence = np.zeros(rate // 10, np.int16)

    # --- what a reply is made of -------------------------------------------------------------------------------

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
                    self._deck.end(track, "finished", now)

    def commit(self, turn: int, reply: int, now: float, *, interruptible: bool = True) -> bool:
        """The reply may be heard; returns False when it is over already."""
        with self._lock:
            track = self._track(turn, reply)
            if track is None:
                return False
            if track.committed_at is None:
                track.committed_at = now
                track.interruptible = interruptible
                if track.finished:
                    self._deck.end(track, "finished", now)
            return True

    def frame(self, reply: int) -> None:
        """A picture of the reply has come, perhaps before anything else of it."""
        with self._lock:
            if reply not in self._framed:
                self._framed.append(reply)

    # --- who has the floor -------------------------------------------------------------------------------------

    def duck(self, now: float) -> bool:
        """Make what sounds faint; returns False when nothing does that may be interrupted."""
        with self._lock:
            track = self._deck.current
            if track is None or not track.interruptible:
                return False
            track.duck()
            return True

    def unduck(self, now: float) -> None:
        """Give what sounds its level back."""
        with self._lock:
            if self._deck.current is not None:
                self._deck.current.unduck()

    def hold(self, turn: int, now: float) -> None:
        """Replies to `turn` fall silent or do not begin, until `resume` or the end of them."""
        with self._lock:
            if turn not in self._held:
                self._held.append(turn)
            if self._deck.current is not None and self._holds(self._deck.current):
                self._deck.current.hold()

    def resume(self, turn: int, now: float) -> None:
        """Replies to `turn` go on, at full level, or begin."""
        with self._lock:
            if turn in self._held:
                self._held.remove(turn)
            if self._deck.current is not None and self._deck.current.turn == turn:
                self._deck.current.unduck()

    def cancel(self, reply: int, why: str, now: float) -> bool:
        """Nothing more of the reply may be heard: it fades out at once, or is forgotten if it was never committed.

        Returns whether a change will tell of it.
        """
        with self._lock:
            if track := self._replies.get(reply):
                return self._deck.cancel(track, why, now)
            self._replies.end(reply)
            return False

    def cancel_turn(self, turn: int, why: str, now: float) -> bool:
        """The same for every reply to `turn`, also for those that are still to come."""
        with self._lock:
            self._replies.end_turn(turn)
            if turn in self._held:
                self._held.remove(turn)
            told = [self._deck.cancel(track, why, now) for track in self._replies.of(turn)]
            return any(told)

    def cancel_upto(self, turn: int, why: str, now: float) -> None:
        """The same for every reply that is there to `turn` and the turns before it."""
        with self._lock:
            for track in self._replies.in_order():
                if track.turn <= turn:
                    self._deck.cancel(track, why, now)

    def supersede(self, reply: int, now: float) -> None:
        """Cancel every reply before `reply` that may be interrupted."""
        with self._lock:
            for track in self._replies.before(reply):
                if track.interruptible:
                    self._deck.cancel(track, "superseded", now)

    def break_off(self, why: str, now: float, *, spare: Collection[int] = ()) -> list[int]:
        """End every reply whose sound is not all here, because no more will come, but for committed ones in `spare`.

        One that had not begun is forgotten without a word: its turn may be answered by another. Returns the turns of
        those that had.
        """
        with self._lock:
            turns: set[int] = set()
            for track in self._replies.in_order():
                if track.complete or (track.reply in spare and track.committed_at is not None):
                    continue
                if track.started:
                    turns.add(track.turn)
                    self._deck.cancel(track, why, now)
                else:
                    self._replies.end(track.reply)
            return sorted(turns)

    # --- from the device's thread ------------------------------------------------------------------------------

    def pull(self, count: int, plays_at: float, now: float) -> Pcm:
        """`count` device samples, the first of which will sound at `plays_at`; `now` is the edge clock of the call."""
        with self._lock:
            if not len(self._replies):
                return self._silence[:count] if count <= len(self._silence) else np.zeros(count, np.int16)
            out = np.zeros(count, np.int16)
            filled = 0
            while filled < count:
                track = self._deck.current or self._next(now)
                if track is None:
                    break
                track.wanted_s = self._target_s()
                at = plays_at + filled / self.rate
                filled += self._deck.play(track, out[filled:], at, now)
                if self._deck.current is track:  # it ran dry or is held
                    break
            return out

    def _next(self, now: float) -> Track | None:
        """Make the earliest reply that may sound now the current one."""
        for track in self._replies.in_order():
            if track.stopping or not self._ready(track, now):
                continue
            for older in self._replies.before(track.reply):
                self._deck.cancel(older, "a newer reply came first", now)
            self._deck.current = track
            self._replies.newest = track.reply
            return track
        return None

    def _ready(self, track: Track, now: float) -> bool:
        if track.committed_at is None or track.first_chunk_at is None or not track.buffered_s or self._holds(track):
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
            return self._deck.head(now)

    def progress(self, now: float) -> PlaybackProgress | None:
        """How far the reply that plays, or is held, has been heard; None when there is none."""
        with self._lock:
            heard = self._deck.heard(now)
            return progress(heard[0], "held" if heard[0].held else "playing", heard[1]) if heard else None

    def heard_now(self, now: float) -> tuple[int, str]:
        """The turn whose reply plays and what has been heard of it so far; 0 and nothing when none plays."""
        with self._lock:
            heard = self._deck.heard(now)
            return (heard[0].turn, heard[0].text_heard(heard[1])) if heard else (0, "")

    def saying(self, now: float) -> str:
        """The sentence that sounds or is held, empty when there is none."""
        with self._lock:
            heard = self._deck.heard(now)
            return heard[0].script.saying(round(heard[1])) if heard else ""

    def changes(self, now: float) -> list[Change]:
        """The changes that have come true by `now`, each given once."""
        with self._lock:
            return self._deck.changes.due(now)

    def next_change_at(self) -> float | None:
        """Edge clock of the earliest change not given yet."""
        with self._lock:
            return self._deck.changes.next_at

    @property
    def busy(self) -> bool:
        """A reply is playing or held."""
        return self._deck.current is not None

    @property
    def held(self) -> bool:
        """A reply is held."""
        current = self._deck.current
        return current is not None and current.held

    # --- the rest, under the lock ------------------------------------------------------------------------------

    def _track(self, turn: int, reply: int) -> Track | None:
        if self._replies.over(turn, reply):
            return None
        if self._replies.full and self._replies.get(reply) is None:
            giving_way = oldest(track for track in self._replies.before(reply) if track is not self._deck.current)
            if giving_way is None:
                return None
            self._deck.cancel(giving_way, "newer replies came", giving_way.committed_at or 0.0)
        return self._replies.admit(turn, reply)

    def _holds(self, track: Track) -> bool:
        return track.turn in self._held and track.interruptible
