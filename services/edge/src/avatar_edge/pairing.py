"""Which picture goes with the sound that plays now. Pure logic behind one lock; the caller passes playhead and time.

Audio is the master: of the reply that sounds the newest picture that is due is shown, older ones are dropped, the last
one is held when none is due. The idle face is shown as it comes. When nothing new has come for 200 ms, whatever the
reason, the idle loop takes over, so that the picture never freezes; after a reply fell silent early it does so sooner.

Which replies are over is told one by one. Only that a reply sounds says that those numbered before it will not.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from avatar_edge.idle_loop import IdleLoop
from avatar_edge.picture import Picture, blended
from avatar_edge.playhead import Playhead
from avatar_runtime.over import Over

STALL_S = 0.2
YIELD_S = 0.08
"""The same after a reply fell silent early: the mouth must not stand open."""
IDLE_AHEAD = 4
"""Idle pictures waiting at most: more means that the face's clock runs faster than the camera's."""
MARGIN_EVERY_S = 2.0
"""The idle face is slowed for one period to gain a picture of margin against jitter, at most this often."""
BACKLOG = 75
"""Speaking pictures (3 s) held at most for replies that wait for their sound."""
SLACK_S = 0.004
"""A picture this little ahead of its time is shown rather than the last one twice."""
_SKEWS = 20_000
_REMEMBERED = 64


class Shown(NamedTuple):
    """What to show: a ``live`` picture, the last one ``held``, or one of the idle ``loop``."""

    picture: Picture | None
    source: Literal["live", "held", "loop"]


@dataclass
class Spoken:
    """How a reply was seen: edge clock of its first picture, and how many were shown."""

    first_at: float
    frames: int = 0


class Pairing:
    """See the module.

    Attributes:
        shown: Live pictures shown.
        dropped: Live pictures that came too late for their sound, or faster than the camera shows them.
        held: Ticks at which the last picture stayed.
        looped: Ticks at which the idle loop played.
        longest_gap_s: Longest time between two changes of the picture, from the first live one on.
    """

    def __init__(self, period_s: float) -> None:
        """`period_s`: time for which a picture stays on the camera."""
        self._early_s = period_s / 2
        self._lock = threading.Lock()
        self._idle: deque[Picture] = deque()
        self._speaking: dict[int, deque[Picture]] = {}
        self._over = Over(0)
        self._finished: set[int] = set()
        self._held = 0
        self._bridge: Picture | None = None
        self._sounding = self._newest = 0
        self._stall_s = STALL_S
        self._margin_at = 0.0
        self._loop = IdleLoop()
        self._current: Picture | None = None
        self._changed_at: float | None = None
        self._live_at: float | None = None
        self._skews: deque[float] = deque(maxlen=_SKEWS)
        self._spoken: dict[int, Spoken] = {}
        self.shown = self.dropped = self.held = self.looped = 0
        self.longest_gap_s = 0.0

    def add(self, picture: Picture) -> None:
        """A picture was decoded; they come in the order of their stream."""
        with self._lock:
            if self._waits(picture.reply):
                self._add_speaking(picture)
                return
            self._idle.append(picture)
            while len(self._idle) > IDLE_AHEAD:
                self._idle.popleft()
                self.dropped += 1

    def forget(self, reply: int) -> None:
        """The reply is over without having been played to its end: what waits of it will not be shown.

        Of the one that sounds the next picture still is, so that the face does not stand still until it is idle again.
        """
        with self._lock:
            self._yield(reply)
            self._end(reply)

    def finish(self, reply: int) -> None:
        """The reply was played to its end: it is over as soon as its mouth has closed."""
        with self._lock:
            self._finished.add(reply)

    def hold(self, reply: int) -> None:
        """The reply is silent for now. What waits of it is dropped, since its pictures will come again."""
        with self._lock:
            self._yield(reply)
            self._speaking.pop(reply, None)
            self._held = reply

    def resume(self, reply: int) -> None:
        """The reply sounds again, perhaps from a little earlier on."""
        with self._lock:
            if self._held == reply:
                self._held = 0

    def choose(self, head: Playhead | None, due: float, now: float) -> Shown:
        """What to show for the period that begins at `due`, while the sound is at `head`; `now` is the real time."""
        with self._lock:
            picture = self._due(head, due)
            if picture is not None:
                self._live_at = due
                if picture.reply in (0, self._sounding):
                    self._stall_s = STALL_S
                if picture.reply == 0:
                    self._loop.keep(picture)
                self._change(self._loop.leave(picture), now)
                self.shown += 1
                return Shown(self._current, "live")
            if self._current is not None and self._stalled(due):
                looped = self._loop.next(self._current)
                if looped is not None:
                    self._change(looped, now)
                    self.looped += 1
                    return Shown(looped, "loop")
            if self._current is not None:
                self.held += 1
            return Shown(self._current, "held")

    @property
    def live(self) -> bool:
        """Whether a live picture has ever been shown."""
        return self._live_at is not None

    def backlog(self) -> int:
        """Speaking pictures that wait for their sound."""
        with self._lock:
            return sum(map(len, self._speaking.values()))

    def spoken(self, reply: int) -> Spoken | None:
        """How a reply was seen, None when nothing of it was."""
        with self._lock:
            return self._spoken.get(reply)

    def skew_ms(self) -> dict[str, float]:
        """Playhead minus pts of the speaking pictures shown: median; 95th percentile and maximum of its size."""
        with self._lock:
            skews = np.array(self._skews) * 1000.0
        if not len(skews):
            return {"p50": 0.0, "p95": 0.0, "max": 0.0, "frames": 0}
        size = np.abs(skews)
        return {
            "p50": float(np.median(skews)),
            "p95": float(np.quantile(size, 0.95)),
            "max": float(size.max()),
            "frames": len(skews),
        }

    def _due(self, head: Playhead | None, due: float) -> Picture | None:
        self._sounding = head.reply if head is not None else 0
        self._newest = max(self._newest, self._sounding)
        silent = self._finished - {self._sounding}
        for reply in silent | {reply for reply in self._speaking if reply < self._newest}:
            self._end(reply)
        bridge, self._bridge = self._bridge, None
        if head is None:
            return bridge or self._next_idle(due)
        queue = self._speaking.get(head.reply)
        picture = self._speak(queue, head, due) if queue else None
        if picture is None and not queue and self._idle:  # the face has no more of this reply, or never had
            return self._next_idle(due)
        return picture

    def _next_idle(self, due: float) -> Picture | None:
        """The next idle picture; one is kept back, so that a late one does not show.

        That one is gained by showing, for one period, a picture half way to it.
        """
        steady = self._live_at is None or due - self._live_at < 3 * self._early_s
        if len(self._idle) == 1 and steady and due >= self._margin_at:
            self._margin_at = due + MARGIN_EVERY_S
            if self._current is None:
                return None
            half_way = blended(self._current, self._idle[0], 0.5)
            return replace(half_way, unit=self._current.unit)  # where units are passed on, this one stands longer
        return self._idle.popleft() if self._idle else None

    def _speak(self, queue: deque[Picture], head: Playhead, now: float) -> Picture | None:
        # The picture stands for one period: what is due in its middle fits best.
        limit_s = head.seconds + self._early_s
        picture: Picture | None = None
        while queue and queue[0].pts_s <= limit_s:
            if picture is not None:
                self.dropped += 1
            picture = queue.popleft()
        if picture is None and queue and queue[0].pts_s <= limit_s + SLACK_S:
            picture = queue.popleft()
        if picture is not None:
            if head.sounding:
                self._skews.append(head.seconds - picture.pts_s)
            if head.reply not in self._spoken:
                self._spoken[head.reply] = Spoken(now)
                while len(self._spoken) > _REMEMBERED:
                    del self._spoken[next(iter(self._spoken))]
            self._spoken[head.reply].frames += 1
        return picture

    def _stalled(self, due: float) -> bool:
        # A quarter of a period of tolerance: ticks are exact multiples of it, their sums are not.
        return self._live_at is not None and due - self._live_at >= self._stall_s - self._early_s / 2

    def _waits(self, reply: int) -> bool:
        """Whether its pictures wait for its sound; those of a reply that is over or held are shown as they come."""
        return reply >= max(1, self._newest) and reply != self._held and reply not in self._over

    def _add_speaking(self, picture: Picture) -> None:
        if picture.reply == self._sounding:
            self._idle.clear()  # they came before it in the stream: older than what is shown now
        queue = self._speaking.setdefault(picture.reply, deque())
        if queue and picture.pts_s <= queue[-1].pts_s:  # it went back: these were drawn before it was held
            self.dropped += len(queue)
            queue.clear()
        if sum(map(len, self._speaking.values())) >= BACKLOG:
            oldest = self._speaking[min(reply for reply, waiting in self._speaking.items() if waiting)]
            self.dropped += 1
            if oldest is queue:
                return
            oldest.popleft()
        queue.append(picture)

    def _yield(self, reply: int) -> None:
        """The reply falls silent: if it is the one that sounds, its next picture is the last."""
        if reply and reply == self._sounding:
            self._stall_s = YIELD_S
            self._idle.clear()  # older than what is shown now
            if queue := self._speaking.get(reply):
                self._bridge = queue[0]

    def _end(self, reply: int) -> None:
        self._speaking.pop(reply, None)
        self._finished.discard(reply)
        self._over.add(reply)

    def _change(self, picture: Picture, now: float) -> None:
        if self._changed_at is not None:
            self.longest_gap_s = max(self.longest_gap_s, now - self._changed_at)
        self._changed_at = now
        self._current = picture
