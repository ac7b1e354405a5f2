"""The rate on links that are simulated frame by frame: one bottleneck, one queue, a voice that shares it."""

import random

import pytest

from avatar_edge.rate import CEILING_BPS, FAR_START_BPS, FLOOR_BPS, START_BPS, RateControl, ceiling_bps

OFFSET_S = 1_234.5
"""Between the clocks of the two ends."""


class Wire:
    """A face that sends what it is asked for, over a link of `bps` with one queue; round trips share it."""

    def __init__(self, bps, *, trip_s=0.1, jitter_s=0.0, fps=25, window=7, ceiling=CEILING_BPS):
        self.control = RateControl(ceiling, fps)
        self.bps, self.trip_s, self.jitter_s, self.window = bps, trip_s, jitter_s, window
        self.now = self.free_at = 0.0
        self.arrivals = []
        self.under_way = []
        self.queued = []
        self.asked = []
        self.came_at = 0.0
        self.random = random.Random(3)

    def carry(self, size):
        self.free_at = max(self.free_at, self.now) + 8 * size / self.bps
        delay = self.trip_s / 2 + self.random.uniform(0, self.jitter_s)
        self.came_at = max(self.came_at, self.free_at + delay)
        return self.came_at

    def run(self, seconds, *, speech_every=None, keyframe_every=None, talking=False):
        """Step in periods of 10 ms."""
        for step in range(round(seconds * 100)):
            self.now = round(self.now + 0.01, 6)
            if speech_every and step % round(speech_every * 100) == 0:
                self.carry(60_000)  # a sentence at once
                self.control.sound(self.now)
            if talking and step % 25 == 0:
                self.carry(17_640)  # 0.4 s of sound at 1.6 times its pace
                self.control.sound(self.now)
            due = step * self.control.fps // 100 != (step - 1) * self.control.fps // 100
            self.under_way = [at for at in self.under_way if at + self.trip_s / 2 > self.now]
            if due and len(self.under_way) < self.window:
                size = self.control.bitrate_bps // self.control.fps // 8
                if keyframe_every and step % round(keyframe_every * 100) == 0:
                    size *= 6
                came = self.carry(size)
                self.under_way.append(came)
                self.arrivals.append((came, self.now - OFFSET_S, size))
            while self.arrivals and self.arrivals[0][0] <= self.now:
                at, sent, size = self.arrivals.pop(0)
                self.control.frame(sent, size, at)
            if step % 10 == 0:
                queue_s = max(0.0, self.free_at - self.now)
                self.queued.append(queue_s)
                self.control.round_trip(self.trip_s + queue_s + self.random.uniform(0, 2 * self.jitter_s), self.now)
                self.control.decide(self.now)
                self.asked.append(self.control.bitrate_bps)
        return self


def test_it_stays_within_a_thin_link_and_the_queue_does_not_stand():
    wire = Wire(1_800_000)
    for _ in range(6):
        wire.run(5)
        wire.run(6, talking=True)
    settled = wire.asked[100:]
    assert max(settled) < 1_500_000
    assert sum(settled) / len(settled) > 700_000
    assert sum(queue > 0.1 for queue in wire.queued[100:]) < 0.1 * len(settled)
    assert wire.control.fps == 25


def test_it_goes_up_slowly_where_there_is_room_and_never_beyond_the_ceiling():
    wire = Wire(50_000_000, trip_s=0.01)
    wire.run(3)
    assert START_BPS < wire.control.bitrate_bps < 1.3 * START_BPS
    wire.run(30)
    assert wire.control.bitrate_bps == CEILING_BPS
    assert wire.control.backed_off == 0


def test_it_goes_down_at_once_when_the_link_becomes_thinner():
    wire = Wire(8_000_000)
    wire.run(30, talking=True)
    before = wire.control.bitrate_bps
    assert before > 3_000_000
    wire.bps = 1_000_000
    wire.run(3)
    assert wire.control.bitrate_bps < 1_000_000
    assert wire.queued[-1] < 0.5
    wire.run(5)
    assert max(wire.queued[-30:]) < 0.15


def test_it_gives_way_to_sentences_of_the_voice_and_comes_back():
    wire = Wire(1_500_000)
    wire.run(10)
    quiet = wire.control.bitrate_bps
    wire.run(12, speech_every=3.0)
    assert min(wire.asked[-100:]) < 0.9 * quiet
    wire.run(30, talking=True)
    assert wire.control.bitrate_bps > 0.7 * quiet


def test_on_a_long_link_it_begins_with_less_and_tries_more_only_beside_the_voice():
    wire = Wire(8_000_000)
    wire.run(20)
    assert wire.control.bitrate_bps == FAR_START_BPS
    wire.run(10, talking=True)
    assert wire.control.bitrate_bps > 1.3 * FAR_START_BPS
    assert wire.control.backed_off == 0


def test_jitter_and_large_frames_are_no_queue():
    wire = Wire(8_000_000, jitter_s=0.03)
    wire.run(20, keyframe_every=1.0, talking=True)
    assert wire.control.backed_off == 0
    assert wire.control.bitrate_bps > START_BPS


def test_clocks_that_drift_apart_are_no_queue():
    control = RateControl(CEILING_BPS, 25)
    for index in range(25 * 120):
        now = index / 25
        control.frame(now * (1 - 200e-6), 7_000, now + 0.05)
        if index % 3 == 0:
            control.decide(now + 0.05)
    assert control.backed_off == 0


def test_only_at_the_least_bitrate_there_are_fewer_frames_and_later_all_again():
    wire = Wire(150_000)
    wire.run(14)
    assert (wire.control.bitrate_bps, wire.control.fps) == (FLOOR_BPS, 15)
    wire.bps = 5_000_000
    wire.run(80, talking=True)
    assert wire.control.fps == 25
    assert wire.control.bitrate_bps > FLOOR_BPS


def test_a_stall_is_not_taken_for_a_thin_link_for_long():
    wire = Wire(8_000_000, trip_s=0.05)
    wire.run(20, talking=True)
    before = wire.control.bitrate_bps
    wire.free_at = wire.now + 2.0  # nothing moves, then everything does
    wire.run(12, talking=True)
    assert wire.control.bitrate_bps > 0.4 * before


def test_an_encoder_with_nothing_to_say_is_not_asked_for_more():
    control = RateControl(CEILING_BPS, 25)
    for index in range(25 * 30):
        control.frame(index / 25, 2_000, index / 25 + 0.01)
        control.decide(index / 25 + 0.01)
    assert control.bitrate_bps == START_BPS


def test_another_face_has_another_clock():
    control = RateControl(CEILING_BPS, 25)
    for index in range(100):
        control.frame(index / 25, 7_000, index / 25)
        control.decide(index / 25)
    control.anew()
    for index in range(100, 200):
        control.frame(index / 25 - 5_000.0, 7_000, index / 25)
        control.decide(index / 25)
    assert control.backed_off == 0


@pytest.mark.parametrize(
    ("size", "chosen", "most"),
    [((512, 512), 0, 1_638_400), ((1280, 720), 0, 4_000_000), ((512, 512), 900_000, 900_000), ((64, 64), 0, FLOOR_BPS)],
)
def test_the_ceiling_is_what_the_picture_is_worth_or_the_person_chose(size, chosen, most):
    assert ceiling_bps(*size, 25, chosen) == most
