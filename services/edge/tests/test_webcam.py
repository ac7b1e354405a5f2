import threading
import time

import cv2
import numpy as np
import pytest

from avatar_edge import EdgeSettings
from avatar_edge.devices import webcam
from avatar_edge.devices.webcam import Webcam, open_webcam


@pytest.fixture
def video(tmp_path):
    """A second of 160 x 120 pictures at 25 a second, each brighter than the last."""
    path = tmp_path / "me.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (160, 120))
    for number in range(25):
        writer.write(np.full((120, 160, 3), 40 + 6 * number, np.uint8))
    writer.release()
    return path


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(webcam, "RETRY_S", 0.05)


@pytest.fixture
def opened():
    """Opens a webcam, which is closed at the end and leaves no thread."""
    cameras = []

    def open_(source, **how):
        camera = Webcam(str(source), 320, 180, **how)
        camera.open()
        cameras.append(camera)
        return camera

    yield open_
    for camera in cameras:
        camera.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "webcam"]


def until(condition, timeout_s=3.0):
    deadline = time.perf_counter() + timeout_s
    while not condition():
        assert time.perf_counter() < deadline
        time.sleep(0.002)


def level(picture):
    """Brightness of the middle."""
    return int(picture.planes()[0][90, 160])


def test_the_newest_picture_is_kept_letterboxed_while_pictures_are_wanted(opened, video):
    camera = opened(video)
    time.sleep(0.2)
    assert camera.newest() is None
    camera.wake(on=True)
    asked = time.perf_counter()
    until(lambda: camera.newest() is not None)
    assert time.perf_counter() - asked < 0.1
    picture = camera.newest()
    assert (picture.width, picture.height) == (320, 180)
    luma = picture.planes()[0]
    assert (luma[:, :38] == 16).all()
    assert (luma[:, 282:] == 16).all()
    assert (luma[:, 42:278] > 40).all()
    camera.wake(on=False)
    until(lambda: camera.newest() is None)
    assert camera.error == ""


def test_a_file_is_shown_in_its_own_time_again_and_again(opened, video):
    camera = opened(video)
    camera.wake(on=True)
    until(lambda: camera.newest() is not None)
    began, levels = time.perf_counter(), []
    while time.perf_counter() - began < 2.2:
        if not levels or level(camera.newest()) != levels[-1]:
            levels.append(level(camera.newest()))
        time.sleep(0.004)
    assert 48 <= len(levels) <= 58
    turns = [number for number, step in enumerate(np.diff(levels)) if step < -50]
    assert len(turns) == 2
    assert camera.error == ""


def test_a_picture_is_not_shown_for_long_after_the_camera_has_stopped(opened, video, monkeypatch):
    monkeypatch.setattr(webcam, "FRESH_S", 0.1)
    camera = opened(video)
    camera.wake(on=True)
    until(lambda: camera.newest() is not None)
    camera.close()
    time.sleep(0.1)
    assert camera.newest() is None


def test_pictures_in_a_row_of_files_are_a_camera_too(opened, tmp_path):
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number:03d}.png"), np.full((90, 160, 3), 50 + number, np.uint8))
    camera = opened(tmp_path / "%03d.png")
    camera.wake(on=True)
    until(lambda: camera.newest() is not None)
    assert level(camera.newest()) > 40


@pytest.mark.parametrize(
    ("source", "holds", "words"),
    [
        ("me.avi", None, "does not exist; name a camera by its number, such as 0, or a video file"),
        ("me.avi", b"not a video", "cannot be read as a video"),
        ("97", None, "webcam 97 cannot be opened; close the program that uses it, or choose another one"),
    ],
)
def test_a_webcam_that_cannot_be_opened_says_what_to_do(opened, tmp_path, source, holds, words):
    if holds is not None:
        (tmp_path / source).write_bytes(holds)
    camera = opened(source if source.isdigit() else tmp_path / source)
    until(lambda: camera.error)
    assert words in camera.error
    assert camera.newest() is None


def test_a_webcam_that_appears_later_is_opened_then(opened, video):
    away = video.rename(video.with_suffix(".away"))
    camera = opened(video)
    camera.wake(on=True)
    until(lambda: camera.error)
    away.rename(video)
    until(lambda: camera.newest() is not None)
    assert camera.error == ""


class Hardware:
    """Cameras as OpenCV shows them: each opening takes the next one, which gives so many pictures and is then gone."""

    def __init__(self, *lives):
        self.lives = list(lives)
        self.asked = []
        self.set = []
        self.decoded = 0

    def __call__(self, source, api):
        self.asked.append((source, api))
        return Plugged(self, self.lives.pop(0) if self.lives else 0)


class Plugged:
    def __init__(self, hardware, life):
        self.hardware, self.life = hardware, life

    def isOpened(self):  # noqa: N802 - OpenCV's name
        return self.life > 0

    def set(self, key, value):
        self.hardware.set.append((key, value))

    def grab(self):
        time.sleep(0.01)
        self.life -= 1
        return self.life >= 0

    def retrieve(self):
        self.hardware.decoded += 1
        return True, np.full((180, 320, 3), 90, np.uint8)

    def release(self):
        pass


@pytest.mark.parametrize(
    ("platform", "api"), [("linux", cv2.CAP_V4L2), ("win32", cv2.CAP_DSHOW), ("darwin", cv2.CAP_AVFOUNDATION)]
)
def test_a_camera_is_opened_by_its_system_s_interface_compressed_and_decoded_only_when_wanted(
    opened, monkeypatch, platform, api
):
    hardware = Hardware(10_000)
    monkeypatch.setattr(cv2, "VideoCapture", hardware)
    camera = opened("2", platform=platform)
    until(lambda: hardware.set)
    time.sleep(0.1)
    assert hardware.asked == [(2, api)]
    assert hardware.set[0] == (cv2.CAP_PROP_FOURCC, int.from_bytes(b"MJPG", "little"))
    assert (cv2.CAP_PROP_FRAME_WIDTH, 320) in hardware.set
    assert hardware.decoded == 0
    camera.wake(on=True)
    until(lambda: camera.newest() is not None)
    assert hardware.decoded > 0


def test_a_camera_that_is_unplugged_is_opened_again_when_it_is_back(opened, monkeypatch):
    hardware = Hardware(5, 0, 0, 10_000)
    monkeypatch.setattr(cv2, "VideoCapture", hardware)
    monkeypatch.setattr(webcam, "FRESH_S", 0.03)
    camera = opened("0", platform="linux")
    camera.wake(on=True)
    until(lambda: camera.newest() is not None)
    until(lambda: camera.error)
    assert camera.error == "the webcam 0 gives no pictures any more; plug it in again"
    until(lambda: camera.newest() is None)
    until(lambda: not camera.error)
    until(lambda: camera.newest() is not None)
    assert len(hardware.asked) == 4


def test_the_settings_choose_the_webcam_in_the_virtual_camera_s_format():
    assert open_webcam(EdgeSettings()) is None
    camera = open_webcam(EdgeSettings(webcam="1", camera_width=640, camera_height=360))
    assert (camera._source, camera._size, camera._fps) == ("1", (640, 360), 25)
