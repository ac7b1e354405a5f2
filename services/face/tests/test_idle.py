from __future__ import annotations

import numpy as np

from avatar_face.idle import Idle

STEP = 1 / 25


def poses(seed: int, seconds: float, energy: float = 0.0):
    idle = Idle(seed)
    return [idle.pose(k * STEP, energy) for k in range(int(seconds / STEP))]


def test_a_seed_fixes_every_pose():
    assert poses(3, 30) == poses(3, 30)
    assert poses(3, 30) != poses(4, 30)


def test_a_moment_asked_again_later_has_the_same_pose():
    idle = Idle(5)
    first = [idle.pose(k * STEP) for k in range(500)]
    idle.pose(15.0)
    assert [idle.pose(k * STEP) for k in range(200, 500)] == first[200:]


def test_people_blink_every_few_seconds_and_shut_their_eyes_in_one_frame_at_least():
    blink = np.array([pose.blink for pose in poses(7, 300)])
    shut = blink >= 1.0
    starts = np.flatnonzero(shut[1:] & ~shut[:-1])
    runs = np.flatnonzero((blink[1:] > 0) & (blink[:-1] == 0))
    assert len(starts) == len(runs)  # every blink closes fully in some frame
    gaps = np.diff(starts) * STEP
    assert 40 <= len(starts) <= 120
    assert gaps.max() < 15


def test_nothing_jumps_and_nothing_stands_still():
    for energy in (0.0, 1.0):
        track = np.array([[p.yaw, p.pitch, p.roll, p.shift_x, p.shift_y] for p in poses(9, 60, energy)])
        assert np.abs(np.diff(track, axis=0)).max() < 0.012
        assert (np.abs(np.diff(track, axis=0)).max(axis=1) > 0).all()


def test_eyes_stay_inside_their_lids():
    gaze = np.array([[p.gaze_x, p.gaze_y] for p in poses(11, 120)])
    assert np.abs(gaze).max() <= 0.9
    assert np.ptp(gaze[:, 0]) > 0.2
