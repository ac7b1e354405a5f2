"""How the head is held: the life of the moment at which a frame is seen, without a jump where one plan follows another.

Every frame shows the life of the moment at which it is seen, so frames of speech and of idle life that take turns
agree by themselves. Only frames that are seen later than planned do not: where they end, what is left of the
difference fades away.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, replace

from avatar_face.controls import Pose
from avatar_face.idle import Idle

_FADE_S = 0.8  # time constant with which a difference goes away
_STILL = 0.08  # share of its sway that a head about to speak keeps
_SETTLE_SHARE = 0.08  # of the way to that, and back, per frame
_FOLLOW_SHARE = 0.15  # of the way to another pose to begin in, per frame


@dataclass(frozen=True, slots=True)
class _Held:
    """The part of a pose that must not jump: eyes may, they do so all the time."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    breath: float = 0.0

    @classmethod
    def between(cls, pose: Pose, other: Pose) -> _Held:
        """What is missing from `other` to `pose`."""
        return cls(
            pose.yaw - other.yaw,
            pose.pitch - other.pitch,
            pose.roll - other.roll,
            pose.shift_x - other.shift_x,
            pose.shift_y - other.shift_y,
            pose.breath - other.breath,
        )

    def added(self, pose: Pose, share: float) -> Pose:
        """`pose` with a share of this on top."""
        yaw, pitch, roll, shift_x, shift_y, breath = (share * value for value in astuple(self))
        return replace(
            pose,
            yaw=pose.yaw + yaw,
            pitch=pose.pitch + pitch,
            roll=pose.roll + roll,
            shift_x=pose.shift_x + shift_x,
            shift_y=pose.shift_y + shift_y,
            breath=min(max(pose.breath + breath, 0.0), 1.0),
        )


class Bearing:
    """Poses at moments of the caller's clock, in seconds."""

    def __init__(self, idle: Idle, start: float) -> None:
        """Life begins at `start`."""
        self._idle, self._start = idle, start
        self._rest, self._since = _Held(), start

    def pose(self, at: float, energy: float, awake_from: float = -math.inf) -> Pose:
        """The pose seen at a moment; blinks that began before `awake_from` are left out."""
        pose = self._idle.pose(at - self._start, energy, awake_from - self._start)
        return self._rest.added(pose, math.exp(-max(0.0, at - self._since) / _FADE_S))

    def go_on(self, pose: Pose, at: float, energy: float) -> None:
        """`pose` is what is seen at a moment: what comes after it follows from it."""
        self._rest, self._since = _Held.between(pose, self._idle.pose(at - self._start, energy)), at


class Poise:
    """A head about to speak stays near the pose in which the speech begins, so that it can begin at any moment.

    Call `pose` once for each idle frame.
    """

    def __init__(self) -> None:
        self._near = Pose()
        self._share = 0.0

    def pose(self, pose: Pose, first: Pose | None) -> Pose:
        """The idle `pose` drawn toward the `first` one of what is to be said; without one it moves freely again."""
        if first is None:
            self._share = max(0.0, self._share - _SETTLE_SHARE)
        else:
            self._near = _Held.between(first, self._near).added(self._near, _FOLLOW_SHARE if self._share else 1.0)
            self._share = min(1 - _STILL, self._share + _SETTLE_SHARE)
        return _Held.between(self._near, pose).added(pose, self._share)

    def release(self) -> None:
        """It speaks."""
        self._share = 0.0
