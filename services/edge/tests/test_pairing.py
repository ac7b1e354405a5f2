import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_edge.pairing import Pairing
from avatar_edge.picture import Picture, blank, blended, fitted, from_bgr
from avatar_edge.playhead import Playhead

PERIOD = 0.04


def picture(reply=0, pts_s=0.0, level=100):
    return Picture(np.full((6, 4), level, np.uint8), reply, pts_s)


def head(seconds, reply=1, sounding=True):
    return Playhead(1, reply, seconds, sounding)


class Camera:
    """Ticks of a camera on virtual time."""

    def __init__(self):
        self.pairing = Pairing(PERIOD)
        self.now = 10.0
        self.shown = []

    def tick(self, at=None):
        shown = self.pairing.choose(at, self.now, self.now)
        self.shown.append(shown)
        self.now += PERIOD
        return shown

    def idle(self, count):
        for index in range(count):
            self.pairing.add(picture(level=60 + index % 100))
            self.tick()


def test_the_newest_picture_that_is_due_is_shown_and_older_ones_are_dropped():
    camera = Camera()
    for index in range(5):
        camera.pairing.add(picture(1, index * PERIOD))
    assert camera.tick(head(0.085)).picture.pts_s == pytest.approx(0.08)
    assert camera.pairing.dropped == 2
    assert camera.tick(head(0.095)).source == "held"
    assert camera.tick(head(0.14)).picture.pts_s == pytest.approx(0.16)


def test_steady_play_shows_every_picture_once_at_any_phase():
    for phase in np.linspace(0.0, PERIOD, 41):
        camera = Camera()
        for index in range(100):
            camera.pairing.add(picture(1, index * PERIOD)) if index < 60 else None
        jitter = np.random.default_rng(3).uniform(-0.0015, 0.0015, 50)
        for index in range(50):
            camera.tick(head(phase + index * PERIOD + jitter[index]))
        assert camera.pairing.dropped <= 1
        assert camera.pairing.held <= 1
        assert camera.pairing.skew_ms()["max"] <= 26.0


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 8)), max_size=120),
    st.integers(0, 20),
)
def test_pictures_late_lost_or_early_never_go_back_and_never_lead_the_sound(arrivals, start):
    """Arrival k brings frame number arrivals[k][0], in stream order, after so many ticks."""
    camera = Camera()
    frames = sorted({frame for frame, _ in arrivals})
    waits = [wait for _, wait in arrivals]
    position = start * PERIOD
    last = -1.0
    for frame, wait in zip(frames, waits, strict=False):
        camera.pairing.add(picture(1, frame * PERIOD))
        for _ in range(wait):
            shown = camera.tick(head(position))
            if shown.source == "live":
                assert shown.picture.pts_s > last
                assert shown.picture.pts_s <= position + PERIOD / 2 + 0.0041
                last = shown.picture.pts_s
            position += PERIOD


def test_idle_pictures_come_one_per_tick_whatever_their_jitter():
    camera = Camera()
    camera.idle(4)
    gaps = 0
    for burst in (0, 2, 1, 0, 2, 1, 1, 0, 2) * 5:
        for _ in range(burst):
            camera.pairing.add(picture(level=7))
        gaps += camera.tick().source != "live"
    assert gaps <= 1
    assert camera.pairing.longest_gap_s <= 2 * PERIOD + 0.001


def test_a_face_that_is_faster_than_the_camera_does_not_fall_behind():
    camera = Camera()
    for _ in range(30):
        camera.pairing.add(picture())
        camera.pairing.add(picture())
        camera.tick()
    assert camera.pairing.dropped >= 25


def test_when_frames_stop_the_loop_takes_over_and_the_picture_never_stands_still():
    camera = Camera()
    camera.idle(40)
    for _ in range(100):
        camera.tick()
    stall = camera.shown[41:]
    assert [shown.source for shown in stall[:4]] == ["held"] * 4
    assert all(shown.source == "loop" for shown in stall[4:])
    levels = [int(shown.picture.i420[0, 0]) for shown in stall[5:]]
    assert max(abs(a - b) for a, b in itertools.pairwise(levels)) <= 2
    assert all(a is not b for a, b in itertools.pairwise(stall[5:]))
    assert camera.pairing.longest_gap_s <= 0.2001


def test_the_loop_fades_out_when_frames_are_back():
    camera = Camera()
    camera.idle(40)
    for _ in range(20):
        camera.tick()
    before = int(camera.shown[-1].picture.i420[0, 0])
    levels = []
    for _ in range(8):
        camera.pairing.add(picture(level=240))
        levels.append(int(camera.tick().picture.i420[0, 0]))
    steps = np.diff([before, *[level for level in levels if level != before]])
    assert levels[-1] == 240
    assert steps.max() < 60


def test_a_stall_in_the_middle_of_a_reply_shows_the_idle_loop_and_then_the_face_in_step_again():
    camera = Camera()
    camera.idle(30)
    for index in range(10):
        camera.pairing.add(picture(1, index * PERIOD))
        camera.tick(head(index * PERIOD))
    for index in range(10, 40):
        camera.tick(head(index * PERIOD))
    assert camera.shown[-1].source == "loop"
    for index in range(20, 45):
        camera.pairing.add(picture(1, index * PERIOD))
    assert camera.tick(head(40 * PERIOD)).picture.pts_s == pytest.approx(1.6)


def test_pictures_of_a_reply_wait_for_its_sound():
    camera = Camera()
    camera.idle(5)
    camera.pairing.add(picture(3, 0.0))
    assert all(camera.tick().picture.reply == 0 for _ in range(3))
    assert camera.tick(head(0.0, reply=3)).picture.reply == 3


def test_after_a_reply_the_idle_face_goes_on_without_a_break_though_it_came_early():
    camera = Camera()
    camera.idle(5)
    for index in range(3):
        camera.pairing.add(picture(1, index * PERIOD))
    camera.tick(head(0.0))
    camera.pairing.add(picture(level=33))  # older than the pictures of the reply that follow it
    camera.pairing.add(picture(1, 3 * PERIOD))
    for index in (1, 2):
        camera.tick(head(index * PERIOD))
    camera.pairing.add(picture(level=44))  # the face is done with the reply before its last picture is shown
    assert camera.tick(head(3 * PERIOD)).picture.reply == 1
    after = camera.tick(head(4 * PERIOD, sounding=False))
    assert after.source == "live"
    assert after.picture.reply == 0
    assert after.picture.i420[0, 0] > 33
    assert camera.pairing.held == 0


def test_after_a_stop_one_picture_bridges_nothing_else_that_waits_is_shown_and_what_comes_is():
    camera = Camera()
    for index in range(20):
        camera.pairing.add(picture(1, index * PERIOD))
    camera.tick(head(0.0))
    camera.pairing.forget(1)
    camera.pairing.add(picture(1, 0.9, level=33))
    camera.pairing.add(picture(1, 0.94, level=34))
    assert camera.tick().picture.pts_s == pytest.approx(0.04)
    assert camera.tick().picture.i420[0, 0] == 33
    assert camera.pairing.held == 0


def test_a_reply_that_is_cancelled_before_it_sounds_is_not_seen():
    camera = Camera()
    camera.idle(5)
    camera.pairing.add(picture(1, 0.0, level=200))
    camera.pairing.forget(1)
    assert all(camera.tick().picture.reply == 0 for _ in range(3))


def test_that_one_reply_is_over_says_nothing_of_those_before_and_after_it():
    camera = Camera()
    camera.idle(5)
    for reply in (4, 5, 6):
        for index in range(5):
            camera.pairing.add(picture(reply, index * PERIOD))
    camera.pairing.forget(5)
    assert camera.tick(head(0.0, reply=4)).picture.reply == 4
    camera.pairing.add(picture(4, 5 * PERIOD))
    assert camera.tick(head(5 * PERIOD, reply=4)).picture.pts_s == pytest.approx(5 * PERIOD)
    camera.pairing.finish(4)
    assert camera.tick(head(0.0, reply=6)).picture.reply == 6
    assert camera.pairing.backlog() == 4


def test_a_held_reply_is_idle_and_its_pictures_come_again_in_step():
    camera = Camera()
    camera.idle(5)
    for index in range(12):
        camera.pairing.add(picture(1, index * PERIOD))
    for index in range(10):
        camera.tick(head(index * PERIOD))
    camera.pairing.hold(1)
    assert camera.pairing.backlog() == 0
    camera.tick()  # one more bridges
    camera.pairing.add(picture(1, 12 * PERIOD, level=222))  # was on its way
    assert camera.tick().picture.i420[0, 0] == 222
    for _ in range(5):
        camera.pairing.add(picture(level=77))
        camera.tick()
    assert camera.shown[-1].picture.i420[0, 0] == 77
    camera.pairing.resume(1)
    for index in range(4, 10):
        camera.pairing.add(picture(1, index * PERIOD))
    shown = [camera.tick(head(index * PERIOD)).picture.pts_s for index in range(4, 10)]
    assert shown == pytest.approx([index * PERIOD for index in range(4, 10)])
    assert camera.pairing.skew_ms()["max"] < 1


def test_pictures_drawn_before_a_reply_went_back_give_way_to_the_new_ones():
    camera = Camera()
    camera.idle(5)
    for index in (10, 11, 4, 5):
        camera.pairing.add(picture(1, index * PERIOD))
    assert camera.tick(head(4 * PERIOD)).picture.pts_s == pytest.approx(4 * PERIOD)
    assert camera.pairing.backlog() == 1
    assert camera.pairing.dropped == 2


@pytest.mark.parametrize("how", ["forget", "hold"])
def test_when_a_reply_falls_silent_the_mouth_is_shut_within_160_ms_even_if_the_face_sends_nothing(how):
    camera = Camera()
    camera.idle(30)
    for index in range(20):
        camera.pairing.add(picture(1, index * PERIOD, level=222))
    for index in range(5):
        camera.tick(head(index * PERIOD))
    getattr(camera.pairing, how)(1)
    sources = [camera.tick().source for _ in range(8)]
    assert sources[3:] == ["loop"] * 5


def test_after_a_stop_the_next_reply_has_the_usual_patience():
    camera = Camera()
    camera.idle(30)
    for index in range(3):
        camera.pairing.add(picture(1, index * PERIOD))
    camera.tick(head(0.0))
    camera.pairing.forget(1)
    camera.tick()
    camera.pairing.add(picture(2, 0.0))
    camera.tick(head(0.0, reply=2))
    assert [camera.tick(head(index * PERIOD, reply=2)).source for index in range(1, 5)] == ["held"] * 4


def test_pictures_nobody_will_ask_for_give_way_to_newer_ones():
    camera = Camera()
    for index in range(80):
        camera.pairing.add(picture(7, index * PERIOD))
    camera.pairing.add(picture(9, 0.0))
    assert camera.pairing.backlog() == 75
    assert camera.tick(head(0.0, reply=9)).picture.reply == 9


def test_when_the_face_does_not_speak_the_idle_face_goes_on_under_the_voice():
    camera = Camera()
    for index in range(20):
        camera.pairing.add(picture())
        camera.tick(head(index * PERIOD))
    assert camera.pairing.shown >= 19


def test_a_reply_far_ahead_of_its_sound_is_bounded():
    camera = Camera()
    for index in range(500):
        camera.pairing.add(picture(1, index * PERIOD))
    assert camera.pairing.backlog() == 75


@pytest.mark.parametrize(("width", "height"), [(8, 4), (4, 8), (64, 36), (2, 2), (640, 480)])
def test_a_picture_of_any_shape_is_fitted_with_black_bars(width, height):
    source = Picture(from_bgr(np.full((height, width, 3), 255, np.uint8)))
    out = fitted(source, 128, 72)
    assert out.i420.shape == (108, 128)
    bgr = out.bgr()
    assert bgr[36, 64].min() > 245
    bars = [bgr[0, 64], bgr[36, 0]]
    narrow = width / height < 128 / 72
    assert bars[1 if narrow else 0].max() < 10 or width / height == pytest.approx(128 / 72)


def test_blending_pictures_of_different_sizes_takes_the_new_one():
    new = blank(8, 8)
    assert blended(blank(4, 4), new, 0.5) is new
