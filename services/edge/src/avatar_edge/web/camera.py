"""The picture on its way to a browser: the face's own access units wherever they can be passed on as they are."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from avatar_contracts import VideoFrame
from avatar_edge.picture import Picture
from avatar_edge.web.encoder import LocalEncoder
from avatar_edge.web.tracks import PacketTrack
from avatar_runtime import metrics

RATE = 90_000
SKIPPED = 12
"""Units that were not shown and are sent all the same, so that the ones after them can be decoded. More of them would
cost more than a keyframe does."""
SQUEEZED = RATE // 1000
"""Time between two such units: too short for one of them to be seen."""
HELD = 256
"""Units kept for pictures that are still to be shown."""
ASK_EVERY_S = 1.0
FRESH_S = 0.3
"""A browser that cannot decode is given no further keyframe so soon after one."""

_sent = metrics.counter("avatar_edge_peer_frames_total", "Access units sent to browsers", ["outcome"])


class _Unit(NamedTuple):
    number: int
    keyframe: bool
    data: bytes


class PeerCamera:
    """A `CameraOut` for one browser; its `unit` goes to the call as `units`.

    While the face's pictures are shown in the order in which they were encoded, their access units are sent untouched.
    What is no unit, as the idle loop, is encoded here, beginning with a keyframe; the face's own units follow again
    from its next keyframe on, which is asked for. A browser that has just come, or that lost something, gets its
    keyframe in the same way, without waiting for the face.
    """

    def __init__(self, need_keyframe: Callable[[], None], bitrate_bps: int = 0) -> None:
        """`need_keyframe` asks the face for one; it is called from any thread. `bitrate_bps`: 0 for a usual one."""
        self._need_keyframe = need_keyframe
        self._bitrate_bps = bitrate_bps
        self._lock = threading.Lock()
        self._units: deque[_Unit] = deque()
        self._track: PacketTrack | None = None
        self._fps = 25
        self._encoder: LocalEncoder | None = None
        self._passing = False
        self._fresh = True
        self._done = 0
        self._shown: Picture | None = None
        self._stamp = 0
        self._asked_at = 0.0
        self._key_at = 0.0

    def attach(self, track: PacketTrack | None) -> None:
        """Send to `track` from now on, beginning with a keyframe; None: to nobody."""
        with self._lock:
            self._track = track
            self._stamp = -RATE
            self._passing, self._fresh = False, True

    def restart(self) -> None:
        """The browser cannot decode what comes: it needs a keyframe."""
        with self._lock:
            if time.perf_counter() - self._key_at >= FRESH_S:
                self._passing, self._fresh, self._asked_at = False, True, 0.0

    def unit(self, number: int, frame: VideoFrame) -> None:
        """An access unit came from the face; its picture will have this number."""
        with self._lock:
            if frame.keyframe and not self._passing and not self._key_waits():
                self._units.clear()
            if len(self._units) >= HELD:
                self._units.clear()
                self._passing, self._fresh = False, True
            self._units.append(_Unit(number, frame.keyframe, frame.data))

    @property
    def size(self) -> tuple[int, int] | None:
        """See `CameraOut.size`: the browser scales."""
        return None

    def open(self, width: int, height: int, fps: int) -> None:
        """See `CameraOut.open`."""
        self._fps = fps

    def push(self, picture: Picture, at: float) -> None:
        """See `CameraOut.push`."""
        with self._lock:
            track = self._track
            if track is None:
                self._drop(picture.unit)
                return
            stamp = track.stamp(at)
            units = self._pass(picture)
            if units is not None:
                packets = self._stamped(units, stamp)
            else:
                stamp = self._stamp = max(stamp, self._stamp + 1)
                fresh, self._fresh = self._fresh, False
                if fresh:
                    self._key_at = time.perf_counter()
        if units is None:  # not under the lock: whoever brings units must not wait for an encoder
            packets = self._encoded(picture, stamp, fresh=fresh)
        if packets:
            track.feed(packets)

    def close(self) -> None:
        """See `CameraOut.close`."""
        with self._lock:
            self._track = None
            self._units.clear()

    # --- under the lock ----------------------------------------------------------------------------------------

    def _pass(self, picture: Picture) -> list[_Unit] | None:
        """The units that bring the browser to `picture`; None when they cannot and it is to be encoded."""
        if self._passing and picture.unit == self._done:
            return []
        if picture.unit > self._done:
            due = self._due(picture.unit)
            complete = bool(due) and due[-1].number == picture.unit and (due[0].keyframe or self._passing)
            if complete and (due[0].keyframe or len(due) <= SKIPPED + 1):
                self._drop(picture.unit)
                self._passing, self._fresh = True, False
                if due[0].keyframe:
                    self._key_at = time.perf_counter()
                return due
            if not self._key_waits():
                self._ask()
        if self._passing:
            self._passing, self._fresh = False, True
        return None

    def _key_waits(self) -> bool:
        return any(unit.keyframe for unit in self._units)

    def _due(self, number: int) -> list[_Unit]:
        """The units up to `number`, from the last keyframe among them on if there is one."""
        due = [unit for unit in self._units if unit.number <= number]
        key = max((index for index, unit in enumerate(due) if unit.keyframe), default=0)
        return due[key:]

    def _drop(self, upto: int) -> None:
        while self._units and self._units[0].number <= upto:
            self._units.popleft()
        self._done = max(self._done, upto)

    def _stamped(self, units: list[_Unit], stamp: int) -> list[tuple[bytes, int]]:
        """Each with its time stamp: those that are not to be seen squeezed in before the one that is."""
        stamp = max(stamp, self._stamp + len(units))
        step = min(SQUEEZED, (stamp - self._stamp) // max(1, len(units)))
        packets = [
            (unit.data, stamp - step * behind) for behind, unit in zip(range(len(units))[::-1], units, strict=True)
        ]
        if packets:
            self._stamp = stamp
            _sent.labels("passed").inc(len(packets))
        return packets

    def _ask(self) -> None:
        now = time.perf_counter()
        if now - self._asked_at >= ASK_EVERY_S:
            self._asked_at = now
            self._need_keyframe()

    # --- on the screen's thread ----------------------------------------------------------------------------------

    def _encoded(self, picture: Picture, stamp: int, *, fresh: bool) -> list[tuple[bytes, int]]:
        """The picture as an access unit, a keyframe if `fresh`; nothing when it was the last one too."""
        if picture is self._shown and not fresh:
            return []
        size = (picture.width, picture.height)
        if self._encoder is None or self._encoder.size != size:
            self._encoder = LocalEncoder(*size, self._fps, self._bitrate_bps)
        self._shown = picture
        _sent.labels("encoded").inc()
        return [(self._encoder.encode(picture, keyframe=fresh), stamp)]
