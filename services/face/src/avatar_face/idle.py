"""The life of a face that does nothing: blinks, glances, breath and a slow sway; a pure function of time and seed."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from avatar_face.controls import Pose

_BLINK_AT = (0.0, 0.070, 0.118, 0.26)  # seconds: open, shut, still shut (more than one frame), open again
_BLINK = (0.0, 1.0, 1.0, 0.0)
_SACCADE_S = 0.05
_MEMORY_S = 20.0  # how far back a pose may be asked for


class Idle:
    """Poses of one person over time.

    `pose(t)` gives the same answer whenever it is asked, as long as `t` is at most `_MEMORY_S` behind the latest
    one: so frames of speech can be drawn ahead, and idle ones again for the same moments when it breaks off.
    """

    def __init__(self, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)
        self._phase = [float(p) for p in self._random.uniform(0, 2 * math.pi, 14)]
        self._blinks: deque[float] = deque([-1.0])
        self._looks: deque[tuple[float, float, float]] = deque([(-1.0, 0.0, 0.0)])
        self._next_blink = float(self._random.uniform(1.0, 2.5))
        self._next_look = float(self._random.uniform(0.8, 2.0))

    def pose(self, time_s: float, energy: float = 0.0, awake_from_s: float = -math.inf) -> Pose:
        """The pose at a time; `energy` 0..1 of speech adds nods and makes the head livelier.

        Blinks that began before `awake_from_s` are left out.
        """
        self._plan(time_s)

        def wave(hz: float, i: int) -> float:
            return math.sin(2 * math.pi * hz * time_s + self._phase[i])

        gaze_x, gaze_y = self._gaze(time_s)
        return Pose(
            blink=self._blink(time_s, awake_from_s),
            gaze_x=gaze_x,
            gaze_y=gaze_y,
            yaw=0.030 * (0.6 * wave(0.11, 0) + 0.4 * wave(0.27, 1)) + 0.022 * energy * wave(0.43, 10),
            pitch=0.020 * (0.6 * wave(0.13, 2) + 0.4 * wave(0.31, 3)) + energy * (0.024 * wave(0.9, 6) + 0.012),
            roll=0.013 * (0.6 * wave(0.09, 4) + 0.4 * wave(0.21, 5)) + 0.012 * energy * wave(0.37, 11),
            shift_x=0.006 * wave(0.07, 7),
            shift_y=0.004 * wave(0.25, 8),
            breath=0.5 + 0.5 * wave(0.25, 9),
        )

    def _plan(self, time_s: float) -> None:
        """Decide blinks and glances up to a little after `time_s`, forget what is long past."""
        while self._next_blink <= time_s + 1:
            self._blinks.append(self._next_blink)
            twice = self._random.uniform() < 0.12
            self._next_blink += 0.34 if twice else float(self._random.gamma(4, 0.9)) + 0.6
        while self._next_look <= time_s + 1:
            away = self._random.uniform() < 0.18  # mostly at the camera, now and then past it
            spread = (0.45, 0.22) if away else (0.14, 0.08)
            x, y = (float(np.clip(self._random.normal(0, s), -0.9, 0.9)) for s in spread)
            self._looks.append((self._next_look, x, y))
            self._next_look += float(self._random.uniform(0.5, 0.9) if away else self._random.uniform(0.9, 3.0))
        while len(self._blinks) > 1 and self._blinks[1] < time_s - _MEMORY_S:
            self._blinks.popleft()
        while len(self._looks) > 2 and self._looks[2][0] < time_s - _MEMORY_S:
            self._looks.popleft()

    def _blink(self, time_s: float, awake_from_s: float) -> float:
        started = max((b for b in self._blinks if b <= time_s), default=-1.0)
        if started < awake_from_s:
            return 0.0
        return float(np.interp(time_s - started, _BLINK_AT, _BLINK))

    def _gaze(self, time_s: float) -> tuple[float, float]:
        before = (0.0, 0.0)
        for at, x, y in self._looks:
            if at > time_s:
                break
            share = min(1.0, (time_s - at) / _SACCADE_S)
            before = (before[0] + (x - before[0]) * share, before[1] + (y - before[1]) * share)
        return before
