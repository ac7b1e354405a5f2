import av
import numpy as np
import pytest

from avatar_contracts import VideoFrame
from avatar_edge.picture import Picture, blank, from_bgr
from avatar_edge.web.camera import SKIPPED, SQUEEZED, PeerCamera

PERIOD = 3_600


class Track:
    """What the camera feeds, kept."""

    def __init__(self):
        self.packets = []

    def stamp(self, at):
        return round(at * 90_000)

    def feed(self, packets):
        self.packets += packets


class Rig:
    """A camera, the face's stream and the screen's ticks."""

    def __init__(self, h264):
        self.encoder, self._access_unit = h264[0](64, 64), h264[1]
        self.asked = 0
        self.camera = PeerCamera(self._ask)
        self.track = Track()
        self.camera.open(64, 64, 25)
        self.number = self.tick = 0
        self.data = {}

    def _ask(self):
        self.asked += 1

    def unit(self, *, keyframe=False):
        """The face sends one more; returns its picture."""
        self.number += 1
        bgr = np.full((64, 64, 3), 30 + self.number % 100, np.uint8)
        bgr[:8, :8] = np.random.default_rng(self.number).integers(0, 255, (8, 8, 3))  # no two units are the same
        data, key = self._access_unit(self.encoder, bgr, keyframe=keyframe)
        self.data[data] = self.number
        frame = VideoFrame(reply=0, pts=0, rate=16_000, codec="h264", keyframe=key, width=64, height=64, data=data)
        self.camera.unit(self.number, frame)
        return Picture(from_bgr(bgr), unit=self.number)

    def push(self, picture):
        """A tick of the screen; returns what was sent in it: numbers of units, and 0 for what was encoded here."""
        sent = len(self.track.packets)
        self.tick += 1
        self.camera.push(picture, self.tick * 0.04)
        return [self.data.get(data, 0) for data, _ in self.track.packets[sent:]]

    def pictures(self):
        """What a browser decodes; every unit must."""
        decoder = av.CodecContext.create("h264", "r")
        decoder.thread_count = 1
        decoder.options = {"flags": "low_delay", "err_detect": "explode"}
        decoded = [decoder.decode(av.Packet(data)) for data, _ in self.track.packets]
        assert all(len(pictures) == 1 for pictures in decoded)
        return [int(picture.to_ndarray()[:64].mean()) for (picture,) in decoded]


@pytest.fixture
def rig(h264):
    made = Rig(h264)
    made.camera.attach(made.track)
    return made


def passing(rig):
    """Until units are passed on."""
    assert rig.push(rig.unit(keyframe=True)) == [1]
    return rig


def test_nobody_is_sent_nothing(h264):
    rig = Rig(h264)
    assert rig.push(rig.unit(keyframe=True)) == []
    assert rig.asked == 0


def test_a_browser_that_comes_has_a_picture_at_once_and_the_units_from_the_next_keyframe_on(h264):
    rig = Rig(h264)
    for keyframe in (True, False, False):
        rig.push(rig.unit(keyframe=keyframe))
    rig.camera.attach(rig.track)
    assert rig.push(rig.unit()) == [0]
    assert rig.asked == 1
    assert rig.push(rig.unit()) == [0]
    assert rig.push(rig.unit(keyframe=True)) == [6]
    assert rig.push(rig.unit()) == [7]
    assert rig.asked == 1
    assert rig.pictures() == pytest.approx([34, 35, 36, 37], abs=20)


def test_a_picture_that_stays_is_sent_once(rig):
    shown = rig.unit(keyframe=True)
    assert [rig.push(shown) for _ in range(3)] == [[1], [], []]
    card = blank(64, 64)
    assert [rig.push(card) for _ in range(3)] == [[0], [], []]


def test_units_that_were_not_shown_are_sent_just_before_the_one_that_is(rig):
    passing(rig)
    *_, last = [rig.unit() for _ in range(5)]
    assert rig.push(last) == [2, 3, 4, 5, 6]
    stamps = [stamp for _, stamp in rig.track.packets]
    assert stamps == [PERIOD, *(2 * PERIOD - SQUEEZED * behind for behind in (4, 3, 2, 1, 0))]
    rig.pictures()


def test_units_that_wait_for_their_sound_are_kept_for_it(rig):
    passing(rig)
    ahead = [rig.unit() for _ in range(100)]
    assert rig.push(ahead[0]) == [2]
    for picture in ahead[1:]:
        assert rig.push(picture) == [picture.unit]
    rig.pictures()


def test_more_of_them_than_a_keyframe_is_worth_are_left_out_up_to_one(rig):
    passing(rig)
    *_, last = [rig.unit() for _ in range(SKIPPED + 2)]
    assert rig.push(last) == [0]
    assert rig.asked == 1
    assert rig.push(rig.unit(keyframe=True)) == [rig.number]
    rig.pictures()


def test_units_before_a_keyframe_that_is_due_are_left_out(rig):
    passing(rig)
    rig.unit()
    rig.unit(keyframe=True)
    assert rig.push(rig.unit()) == [3, 4]
    rig.pictures()


def test_pictures_that_are_nobodys_unit_or_were_sent_before_are_encoded_here(rig):
    passing(rig)
    first = rig.unit()
    assert rig.push(first) == [2]
    assert rig.push(rig.unit()) == [3]
    assert rig.push(first) == [0]  # the idle loop goes back
    assert rig.push(blank(64, 64)) == [0]
    live = rig.unit()
    assert rig.push(live) == [0]
    assert rig.asked == 1
    assert rig.push(rig.unit(keyframe=True)) == [5]
    assert rig.push(blank(64, 64)) == [0]
    assert rig.push(rig.unit(keyframe=True)) == [6]
    assert rig.pictures()[3] == pytest.approx(rig.pictures()[1], abs=3)


def test_a_browser_that_lost_something_gets_a_keyframe_at_once_but_not_one_after_the_other(rig):
    passing(rig)
    rig.push(rig.unit())
    rig.camera.restart()
    assert rig.push(rig.unit()) == [3]  # it has just had one
    rig.camera._key_at -= 1.0
    rig.camera.restart()
    assert rig.push(rig.unit()) == [0]
    assert rig.asked == 1
    data = rig.track.packets[-1][0]
    assert any(part[0] & 0x1F == 5 for part in data.split(b"\x00\x00\x01") if part)
    rig.pictures()


def test_a_picture_of_another_size_begins_with_a_keyframe(rig):
    passing(rig)
    assert rig.push(blank(64, 64)) == [0]
    assert rig.push(blank(96, 48)) == [0]
    assert rig.push(blank(64, 64)) == [0]
    rig.pictures()


def test_time_stamps_never_go_back(rig):
    passing(rig)
    for _ in range(3):
        rig.tick -= 1  # the screen catches up: the same moment again
        rig.push(rig.unit())
    stamps = [stamp for _, stamp in rig.track.packets]
    assert stamps == sorted(set(stamps))
