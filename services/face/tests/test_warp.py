from __future__ import annotations

import dataclasses
import itertools

import cv2
import numpy as np
import pytest

from avatar_face import portrait
from avatar_face.controls import REST, STILL, Mouth, Pose
from avatar_face.errors import PackError
from avatar_face.visemes import SHAPES

MAGENTA = (255, 0, 255)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b).mean())


def lips_region(face, picture: np.ndarray) -> np.ndarray:
    x, y = face.mouth_centre
    w, h = face.mouth_width * 0.8, face.height * 0.28
    return picture[int(y - h / 2) : int(y + h), int(x - w) : int(x + w)]


def test_rest_is_the_picture_itself(face, pack):
    assert np.array_equal(face.render(REST, STILL), pack.image)


def test_the_same_controls_give_the_same_picture(engine, pack):
    mouth, pose = SHAPES["E"], Pose(blink=0.4, gaze_x=0.3, yaw=0.02, roll=0.01, breath=0.7)
    one, two = engine.open(pack), engine.open(pack)
    two.render(SHAPES["aa"], Pose(blink=1.0, yaw=-0.03))  # what was drawn before leaves no trace
    assert np.array_equal(one.render(mouth, pose), two.render(mouth, pose))


def test_every_viseme_looks_different_from_rest_and_from_the_others(face, pack):
    drawn = {name: lips_region(pack.face, face.render(shape, STILL)) for name, shape in SHAPES.items()}
    for (a, left), (b, right) in itertools.combinations(drawn.items(), 2):
        if {a, b} != {"TH", "DD"}:  # these differ by the tongue, which hides behind the teeth
            assert distance(left, right) > 0.6, (a, b)


def test_small_openings_do_not_pop(face):
    shapes = [SHAPES["aa"].scaled(k / 60) for k in range(61)]
    frames = [face.render(shape, STILL) for shape in shapes]
    steps = [distance(a, b) for a, b in itertools.pairwise(frames)]
    assert max(steps) < 4 * float(np.median(steps))


def test_a_blink_covers_the_eye_without_a_sliver(engine, pack):
    image = pack.image.copy()
    opening = np.zeros(image.shape[:2], np.uint8)
    for upper, lower in (
        (pack.face.left_upper_lid, pack.face.left_lower_lid),
        (pack.face.right_upper_lid, pack.face.right_lower_lid),
    ):
        cv2.fillPoly(opening, [np.round(np.vstack([upper, lower[::-1]])).astype(np.int32)], 255)
    inner = cv2.erode(opening, np.ones((3, 3), np.uint8)) > 0
    lash = np.roll(inner, 1, axis=0)  # the lid's own edge, one pixel of lashes, moves with it
    image[inner & lash] = MAGENTA
    marked = engine.open(engine.prepare(image, pack.face))
    count = [(marked.render(REST, Pose(blink=b)) == MAGENTA).all(axis=2).sum() for b in (0.0, 0.3, 0.6, 1.0)]
    assert count[0] > 200
    assert count == sorted(count, reverse=True)
    shut = marked.render(REST, Pose(blink=1.0)).astype(int)
    glow = np.minimum(shut[..., 0], shut[..., 2]) - shut[..., 1]  # any trace of magenta in the open eye's place
    below = inner & ~np.roll(inner, 4, axis=0)
    assert (glow[inner & ~below] > 90).sum() == 0


def test_the_eyes_open_again_as_they_were(face, pack):
    face.render(REST, Pose(blink=1.0))
    assert np.array_equal(face.render(REST, STILL), pack.image)


def test_f_shows_upper_teeth_and_p_shows_none(face, pack):
    def bright(name: str) -> int:
        x, y = pack.face.inner_upper[5]
        size = pack.face.height
        part = face.render(SHAPES[name], STILL)[
            int(y - 0.04 * size) : int(y + 0.02 * size), int(x - 0.1 * size) : int(x + 0.1 * size)
        ].astype(int)
        return int(((part.min(axis=2) > 90) & (np.ptp(part, axis=2) < 60)).sum())  # pale, hardly coloured

    assert bright("FF") > bright("PP") + 60


def test_the_picture_never_tears(face):
    for name in ("aa", "ou", "FF", "SS", "PP"):
        frame = face.render(SHAPES[name], Pose(yaw=0.05, pitch=-0.04, roll=0.03, shift_x=0.01, breath=1.0))
        assert frame.shape == (512, 512, 3)
        border = np.concatenate([frame[0], frame[-1], frame[:, 0], frame[:, -1]])
        assert border.min() > 5  # no black where the warp reached outside


@pytest.mark.parametrize("size", [(1280, 720), (360, 640)])
def test_other_sizes_are_drawn_natively(engine, size):
    width, height = size
    image, outlines = portrait.draw(width, height)
    animator = engine.open(engine.prepare(image, outlines))
    assert animator.render(SHAPES["oh"], Pose(yaw=0.02)).shape == (height, width, 3)


def test_a_pack_of_another_engine_or_version_is_refused(engine, pack):
    for change in ({"engine": "musetalk"}, {"version": 999}):
        with pytest.raises(PackError, match="prepare the photo again"):
            engine.open(dataclasses.replace(pack, **change))


def test_jaw_moves_exactly_as_its_control_says(face, pack):
    """The lower lip's edge falls in proportion to the jaw: what a sync measurement reads back."""
    edges = []
    x, y = (int(v) for v in pack.face.inner_lower[5])
    for jaw in (0.1, 0.2, 0.3, 0.4):
        column = face.render(Mouth(jaw=jaw), STILL)[y - 5 : y + 60, x - 3 : x + 4].mean(axis=(1, 2))
        dark = np.flatnonzero(column < 75)
        edges.append(dark.max() - dark.min())
    assert edges == sorted(edges)
    assert edges[-1] > edges[0] + 4
