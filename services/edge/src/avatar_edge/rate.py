"""What the face may send: bitrate and frames a second that the link carries without a queue. Pure logic.

The bus runs over TCP: what does not fit is not lost, it is late. So the queue on the way is what is watched:

- A link carries too much when even the least delayed of the newest frames is late: a standing queue, which a large
  frame or a burst does not make (Nichols and Jacobson, "Controlling Queue Delay", ACM Queue 10(5), 2012).
- Down at once, to a share of what really came through, and up slowly while there is no queue, slower where it broke
  last time (Carlucci et al., "Analysis and Design of the Google Congestion Control for WebRTC", MMSys 2016).

The voice has a connection of its own and its round trips are watched the same way: the picture gives way to it.
"""

from __future__ import annotations

import math
from collections import deque

FLOOR_BPS = 300_000
CEILING_BPS = 4_000_000
START_BPS = 1_500_000
"""What a face sends that was told nothing."""
FAR_START_BPS = 900_000
"""The same where the round trip is long: the link may be thin, and the voice is still to come."""
FAR_S = 0.02
_TALK_S = 1.5
"""On such a link more is tried only this soon after sound of the voice: what fits beside it fits."""
BITS_A_PIXEL = 0.25
"""More than this shows nothing more of a face: 1.6 Mbit/s at 512 x 512 and 25 a second."""
FEWER_FPS = (20, 15)
"""Frames a second once there are no more bits to save."""

PICTURE_LATE_S = 0.05
"""A standing queue of this much is too much. A busy machine at one end delays single frames by more."""
VOICE_LATE_S = 0.06
SEVERE_S = 0.2
_CLEAR = 0.6
"""There is room for more below this share of the limits."""
_BACK_OFF = 0.85
_SEVERE_BACK_OFF = 0.6
_EPISODE_BACK_OFF = 0.5
"""Down to this share of what was asked before, and no further, unless the queue is still there after …"""
_EPISODE_S = 1.2
"""… this long: sentences of the voice and stalls, in which little comes through, are over by then."""
_SETTLE_S = 0.4
"""A smaller rate shows after a round trip and this: until then the queue says nothing new."""
_GROW_AFTER_S = 1.0
_GROWTH = 0.08
_CAREFUL_GROWTH = 0.02
_NEAR = (0.95, 1.15)
"""Between these shares of the rate that was last too much the growth is careful …"""
_KNEE_S = 30.0
"""… for this long."""
_USED = 1.5
"""What is asked for is at most this much more than what is sent: an encoder with nothing to say proves nothing."""
_SHORT = 0.75
"""Fewer frames than this share of those asked for: they cannot come, whatever is in the way."""
_FPS_DOWN_S = 1.2
_FPS_UP_S = (4.0, 32.0)
"""As smooth as before again after this long without a queue; the second after it was tried in vain."""
_RECENT_S = 0.5
_ENOUGH = 4
_BASE_S = 30.0
_BASE_PARTS = 6


class Queue:
    """How long a queue stands on the way, from the delays of what went through it.

    Delays may have any constant offset, as those between two clocks have: only what is above the least of the last
    half minute counts, which also keeps clocks that drift apart from being taken for a queue.
    """

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque()
        self._parts: deque[tuple[float, float]] = deque(maxlen=_BASE_PARTS)

    def add(self, delay_s: float, now: float) -> None:
        """Something came through, `delay_s` after it was sent."""
        self._recent.append((now, delay_s))
        self._forget(now)
        if not self._parts or now - self._parts[-1][0] >= _BASE_S / _BASE_PARTS:
            self._parts.append((now, delay_s))
        else:
            began, least = self._parts[-1]
            self._parts[-1] = (began, min(least, delay_s))

    def standing_s(self, now: float) -> float:
        """Seconds that even the luckiest of the newest waited; 0 when little came lately."""
        self._forget(now)
        if len(self._recent) < _ENOUGH:
            return 0.0
        return min(delay for _, delay in self._recent) - self.least_s

    @property
    def least_s(self) -> float:
        """The least delay of the last half minute; 0 when there is none."""
        return min((least for _, least in self._parts), default=0.0)

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0][0] < now - _RECENT_S:
            self._recent.popleft()


class Flow:
    """Frames and bytes that came in the last second and a half."""

    WINDOW_S = 1.5

    def __init__(self) -> None:
        self._frames: deque[tuple[float, int]] = deque()
        self._bytes = 0

    def add(self, size: int, now: float) -> None:
        """A frame of `size` bytes came."""
        self._frames.append((now, size))
        self._bytes += size
        self._forget(now)

    def bps(self, now: float) -> float:
        """Bits a second."""
        self._forget(now)
        return 8.0 * self._bytes / self.WINDOW_S

    def fps(self, now: float) -> float:
        """Frames a second."""
        self._forget(now)
        return len(self._frames) / self.WINDOW_S

    def _forget(self, now: float) -> None:
        while self._frames and self._frames[0][0] < now - self.WINDOW_S:
            self._bytes -= self._frames.popleft()[1]


def ceiling_bps(width: int, height: int, fps: int, chosen_bps: int = 0) -> int:
    """The most a picture of this size is worth, or what the person chose."""
    worth = min(CEILING_BPS, round(BITS_A_PIXEL * width * height * fps))
    return max(FLOOR_BPS, chosen_bps or worth)


class RateControl:
    """Decides what to ask of the face; call `decide` about ten times a second.

    Attributes:
        bitrate_bps: Bits a second.
        fps: Frames a second.
        backed_off: Times it went down.
        flow: What comes.
        picture: The queue of the picture.
        voice: The queue of the voice.
    """

    def __init__(self, ceiling_bps: int, fps: int) -> None:
        """`fps`: frames a second of a face that leaves none out."""
        self.bitrate_bps = min(START_BPS, ceiling_bps)
        self.fps = fps
        self.backed_off = 0
        self.flow = Flow()
        self.picture, self.voice = Queue(), Queue()
        self._ceiling_bps = ceiling_bps
        self._steps = (fps, *(min(fps, fewer) for fewer in FEWER_FPS))
        self._step = 0
        self._exact_bps = float(self.bitrate_bps)
        self._knee = (self._exact_bps, -math.inf)  # the rate that was too much, and when
        self._trip_s = 0.0
        self._trips = 0
        self._talk_at = -math.inf
        self._blind_until = 0.0
        self._crowded_at = -math.inf
        self._episode: tuple[float, float] | None = None  # the rate before the queue came, and when
        self._short_since: float | None = None
        self._stepped_at = -math.inf
        self._fps_up_s = _FPS_UP_S[0]
        self._decided_at: float | None = None

    def frame(self, sent_s: float | None, size: int, now: float) -> None:
        """A frame of `size` bytes came that was sent at `sent_s` of the face's clock, None if that is not known."""
        self.flow.add(size, now)
        if sent_s is not None:
            self.picture.add(now - sent_s, now)

    def round_trip(self, seconds: float, now: float) -> None:
        """A round trip to the voice."""
        self.voice.add(seconds, now)
        self._trip_s = seconds if not self._trip_s else 0.9 * self._trip_s + 0.1 * seconds
        self._trips += 1
        if self._trips == _ENOUGH and self._far:
            self._exact_bps = min(self._exact_bps, FAR_START_BPS)

    @property
    def _far(self) -> bool:
        return self.voice.least_s > FAR_S

    def sound(self, now: float) -> None:
        """Sound of the voice came."""
        self._talk_at = now

    def anew(self) -> None:
        """Another face, perhaps on another machine: its clock has nothing to do with the last one's."""
        self.picture = Queue()

    def decide(self, now: float) -> None:
        """Judge the link and set `bitrate_bps` and `fps`."""
        passed_s = 0.0 if self._decided_at is None else now - self._decided_at
        self._decided_at = now
        excess = max(self.picture.standing_s(now) / PICTURE_LATE_S, self.voice.standing_s(now) / VOICE_LATE_S)
        if excess > 1.0:
            self._crowded_at = now
            if now >= self._blind_until:
                self._down(severe=excess > SEVERE_S / PICTURE_LATE_S, now=now)
        elif excess < _CLEAR and now - self._crowded_at > _GROW_AFTER_S:
            self._episode = None
            self._up(passed_s, now)
        self._notice_shortage(now, crowded=excess > 1.0)
        self.bitrate_bps = round(self._exact_bps)
        self.fps = self._steps[self._step]

    def _down(self, *, severe: bool, now: float) -> None:
        if self._episode is None:
            self._episode = (self._exact_bps, now)
        before_bps, since = self._episode
        came_bps = self.flow.bps(now)
        self._knee = (min(self._exact_bps, came_bps) if came_bps else self._exact_bps, now)
        self._blind_until = now + _SETTLE_S + min(self._trip_s, 1.0)
        least_bps = _EPISODE_BACK_OFF * before_bps if now - since < _EPISODE_S else FLOOR_BPS
        lower_bps = max(FLOOR_BPS, least_bps, (_SEVERE_BACK_OFF if severe else _BACK_OFF) * self._knee[0])
        if lower_bps < self._exact_bps:
            self._exact_bps = lower_bps
            self.backed_off += 1

    def _notice_shortage(self, now: float, *, crowded: bool) -> None:
        """Ask for fewer frames when those asked for do not come, or there are no more bits to save."""
        came_fps = self.flow.fps(now)
        short = 0.0 < came_fps < _SHORT * self.fps or (crowded and self._exact_bps <= FLOOR_BPS)
        if not short:
            self._short_since = None
        elif self._short_since is None:
            self._short_since = now
        elif now - max(self._short_since, self._stepped_at) >= _FPS_DOWN_S and self._step < len(self._steps) - 1:
            if now - self._stepped_at < 2.0 * _FPS_UP_S[0]:
                self._fps_up_s = _FPS_UP_S[1]
            self._step += 1
            self._stepped_at = now
            self.backed_off += 1

    def _up(self, passed_s: float, now: float) -> None:
        if self._step and now - self._stepped_at >= self._fps_up_s:  # first as smooth as before, then as sharp
            self._step -= 1
            self._stepped_at = now
        if not self._step and now - self._stepped_at > _FPS_UP_S[1]:
            self._fps_up_s = _FPS_UP_S[0]
        untried = self._far and now - self._talk_at > _TALK_S
        if untried or self._exact_bps > _USED * self.flow.bps(now):
            return
        knee_bps, at = self._knee
        near = now - at < _KNEE_S and _NEAR[0] < self._exact_bps / knee_bps < _NEAR[1]
        growth = _CAREFUL_GROWTH if near else _GROWTH
        self._exact_bps = min(self._ceiling_bps, self._exact_bps * (1.0 + growth * passed_s))
