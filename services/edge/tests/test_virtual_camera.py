import threading
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
import pyvirtualcam
from hypothesis import given
from hypothesis import strategies as st
from pyvirtualcam.camera import BACKENDS

from avatar_edge import Call, CameraError, EdgeSettings, FileMic, MemoryOut, NullCamera, Picture
from avatar_edge.devices.virtual_camera import VirtualCamera, open_camera
from avatar_edge.pairing import Pairing
from avatar_edge.picture import blank, fitted
from avatar_edge.screen import Screen

LOOPBACK = Path("/sys/devices/virtual/video4linux").is_dir()


class Driver:
    """A camera driver in this process: what a meeting program would see of it."""

    def __init__(self, *, width, height, fps, fourcc, device, **kw):
        self.asked = (width, height, fps, fourcc, device)
        self.size = (width, height)
        self.frames = []
        self.closed = 0
        self.made.append(self)

    def send(self, frame):
        self.frames.append((time.perf_counter(), frame.copy()))

    def close(self):
        self.closed += 1

    def device(self):
        return "Test Camera"

    def native_fourcc(self):
        return None

    def pictures(self):
        width, height = self.size
        return [(at, Picture(frame.reshape(height * 3 // 2, width))) for at, frame in list(self.frames)]


@pytest.fixture
def driver():
    """Registers a driver under the name of choice; what was opened of it is in `made`."""
    before = dict(BACKENDS)

    def register(name="test", **overrides):
        made = []
        pyvirtualcam.register_backend(name, type("Made", (Driver,), {"made": made, **overrides}))
        return made

    yield register
    BACKENDS.clear()
    BACKENDS.update(before)


def refusing(message):
    def refuse(self, **_):
        raise RuntimeError(message)

    return {"__init__": refuse}


def until(condition, timeout_s=3.0):
    deadline = time.perf_counter() + timeout_s
    while not condition():
        assert time.perf_counter() < deadline
        time.sleep(0.005)


def grey(level, width=64, height=48):
    i420 = np.full((height * 3 // 2, width), 128, np.uint8)
    i420[:height] = level
    return Picture(i420)


# --- a call on it ------------------------------------------------------------------------------------------------


async def test_a_call_shows_the_face_letterboxed_in_one_format_at_its_rate_from_the_first_second(
    stack, settings, driver, said
):
    made = driver()
    settings = msgspec.structs.replace(settings, camera="test", camera_width=640, camera_height=360)
    mic, out = FileMic(), MemoryOut()
    began = time.perf_counter()
    async with Call(stack.bus, settings, mic, out, open_camera(settings)) as call:
        await call.ready(5)
        await mic.say(said)
        await call.turn_done(1, timeout_s=8)
        assert call.errors == []
    (camera,) = made
    assert camera.closed == 1
    assert camera.asked == (640, 360, 25, int.from_bytes(b"I420", "little"), None)
    times = np.array([at for at, _ in camera.pictures()])
    assert times[0] - began < 1.0
    assert (len(times) - 1) / (times[-1] - times[0]) > 20
    first, *_, last = [picture for _, picture in camera.pictures()]
    assert np.array_equal(first.i420, blank(640, 360).i420)
    # The square face stands in the middle, 360 pixels wide, black to both sides.
    luma, *chroma = last.planes()
    assert (luma[:, :138] == 16).all()
    assert (luma[:, 502:] == 16).all()
    assert (luma[:, 142:498] > 40).all()
    assert all((plane[:, :69] == 128).all() for plane in chroma)
    speaking = [picture for _, picture in camera.pictures() if np.median(picture.planes()[0][100:, 142:498]) > 150]
    assert len(speaking) >= 30


def test_pictures_come_25_times_a_second_also_while_there_is_no_face(driver):
    made = driver()
    screen = Screen(VirtualCamera("test", 1280, 720), Pairing(0.04), lambda _: None, width=512, height=512, fps=25)
    assert screen.start() == ""
    try:
        for _ in range(4):  # a machine may be busy for a while: not always
            begin = len(made[0].frames)
            time.sleep(2.0)
            times = np.array([at for at, _ in made[0].frames[begin:]])
            rate, gap_s = (len(times) - 1) / (times[-1] - times[0]), np.diff(times).max()
            if rate == pytest.approx(25, rel=0.01) and gap_s < 0.08:
                break
        assert rate == pytest.approx(25, rel=0.01)
        assert gap_s < 0.08
    finally:
        screen.close()


async def test_a_call_goes_on_without_a_camera_and_says_what_to_do(stack, settings, driver, said):
    driver(**refusing("OBS Virtual Camera device not found! Did you install OBS?"))
    settings = msgspec.structs.replace(settings, camera="test")
    mic = FileMic()
    async with Call(stack.bus, settings, mic, MemoryOut(), open_camera(settings)) as call:
        await call.ready(5)
        (error,) = call.errors
        assert (error.service, error.code) == ("edge", "camera.missing")
        assert "device not found" in error.message
        assert error.hint == "the call goes on without a camera"
        await mic.say(said)
        assert (await call.turn_done(1, timeout_s=8)).frames >= 30
        assert call.video_stats().fps > 15


# --- the camera itself -------------------------------------------------------------------------------------------


def test_a_driver_that_blocks_holds_nobody_up_and_gets_the_newest_picture_afterwards(driver):
    free = threading.Event()

    def send(self, frame):
        self.frames.append((time.perf_counter(), frame.copy()))
        free.wait(5)

    made = driver(send=send)
    camera = VirtualCamera("test", 64, 48)
    camera.open(64, 48, 25)
    camera.push(grey(50), 0.0)
    until(lambda: made[0].frames)
    began = time.perf_counter()
    for level in range(60, 160):
        camera.push(grey(level), 0.0)
    assert time.perf_counter() - began < 0.5
    free.set()
    until(lambda: len(made[0].frames) == 2)
    camera.close()
    assert [int(picture.i420[0, 0]) for _, picture in made[0].pictures()] == [50, 159]
    assert made[0].closed == 1


def test_a_picture_a_driver_refuses_does_not_end_the_others(driver):
    def send(self, frame):
        if frame[0] == 66:
            raise RuntimeError("the driver is confused")
        self.frames.append((0.0, frame.copy()))

    made = driver(send=send)
    camera = VirtualCamera("test", 64, 48)
    camera.open(64, 48, 25)
    for level in (65, 66, 67):
        camera.push(grey(level), 0.0)
        time.sleep(0.05)
    until(lambda: len(made[0].frames) == 2)
    camera.close()
    assert [int(picture.i420[0, 0]) for _, picture in made[0].pictures()] == [65, 67]


def test_the_named_device_of_the_named_backend_is_opened_and_its_name_told(driver):
    made = driver()
    camera = VirtualCamera("test:The Second: Camera", 64, 48)
    assert camera.name == ""
    camera.open(64, 48, 30)
    camera.close()
    assert made[0].asked[2:] == (30, int.from_bytes(b"I420", "little"), "The Second: Camera")
    assert camera.name == "Test Camera"


@pytest.mark.parametrize(
    ("platform", "refused", "opened"),
    [
        ("linux", {}, "v4l2loopback"),
        ("win32", {}, "obs"),
        ("win32", {"obs": "OBS Virtual Camera device not found!"}, "unitycapture"),
        ("darwin", {}, "obs"),
    ],
)
def test_auto_takes_the_first_camera_of_the_system_that_opens(driver, platform, refused, opened):
    made = {
        name: driver(name, **(refusing(refused[name]) if name in refused else {}))
        for name in ("other", "v4l2loopback", "obs", "unitycapture")
    }
    camera = VirtualCamera("auto", 64, 48, platform=platform)
    camera.open(64, 48, 25)
    camera.close()
    assert [name for name, cameras in made.items() if cameras] == [opened]


# What the backends of the three systems raise, word for word.
_NO_LOOPBACK = (
    "No v4l2 loopback device found at /dev/video[0-99]. Did you run 'modprobe v4l2loopback'? "
    "See also pyvirtualcam's documentation."
)
_NO_RIGHTS = "Could not access /dev/video10 due to missing permissions. Did you add your user to the 'video' group?"
_HELD = "Virtual camera device /dev/video10 could not be configured: Device or resource busy"
_NO_OBS = "OBS Virtual Camera device not found! Did you install OBS?"
_NO_UNITY = "No camera registered. Did you install any camera?"
_NO_EXTENSION = "OBS Virtual Camera is not installed in your system. [Device not found]"


@pytest.mark.parametrize(
    ("platform", "raised", "advice"),
    [
        ("linux", {"v4l2loopback": _NO_LOOPBACK}, "modprobe v4l2loopback exclusive_caps=1 card_label=Avatar"),
        ("linux", {"v4l2loopback": _NO_RIGHTS}, "usermod -a -G video"),
        ("linux", {"v4l2loopback": _HELD}, "another program holds it"),
        ("win32", {"obs": _NO_OBS, "unitycapture": _NO_UNITY}, "press Start Virtual Camera in it once"),
        ("win32", {"obs": "virtual camera output could not be started"}, "close OBS"),
        ("darwin", {"obs": _NO_EXTENSION}, "allow its camera extension"),
        ("darwin", {"obs": "Couldn't start stream"}, "close OBS"),
        ("sunos5", {}, "Linux, Windows and macOS"),
    ],
)
@pytest.mark.skipif(LOOPBACK, reason="this machine has a virtual camera: a missing one looks like one in use")
def test_a_camera_that_does_not_open_says_why_and_what_to_do_on_this_system(driver, platform, raised, advice):
    for name, message in raised.items():
        driver(name, **refusing(message))
    with pytest.raises(CameraError, match="the virtual camera cannot be opened") as refused:
        VirtualCamera("auto", 64, 48, platform=platform).open(64, 48, 25)
    assert advice in str(refused.value)
    assert all(message.split("! ")[0].split(". ")[0].rstrip("!.") in str(refused.value) for message in raised.values())
    assert "documentation" not in str(refused.value)


@pytest.mark.skipif(LOOPBACK, reason="this machine has a virtual camera")
def test_the_real_backend_of_this_machine_is_missing_its_driver_and_no_test_backend_stands_in(driver):
    made = driver()
    with pytest.raises(CameraError, match="sudo modprobe v4l2loopback"):
        VirtualCamera("auto", 64, 48).open(64, 48, 25)
    assert made == []


@pytest.mark.parametrize("raised", [_NO_LOOPBACK, "Device /dev/video10 is not a video output device."])
def test_a_device_that_offers_itself_to_no_writer_is_in_use(driver, monkeypatch, tmp_path, raised):
    (tmp_path / "video10").mkdir()
    monkeypatch.setattr("avatar_edge.devices.virtual_camera._LOOPBACKS", tmp_path)
    driver("v4l2loopback", **refusing(raised))
    with pytest.raises(CameraError, match=r"another program holds it.*fuser.*modprobe -r"):
        VirtualCamera("auto", 64, 48, platform="linux").open(64, 48, 25)


def test_a_backend_that_does_not_exist_is_named_with_those_that_do(driver):
    driver("obs")
    with pytest.raises(CameraError, match=r"no camera backend nonesuch on this system; there is: .*obs"):
        VirtualCamera("nonesuch", 64, 48).open(64, 48, 25)


def test_the_settings_choose_the_camera():
    assert isinstance(open_camera(EdgeSettings(camera="none")), NullCamera)
    camera = open_camera(EdgeSettings())
    assert isinstance(camera, VirtualCamera)
    assert camera.size == (1280, 720)


def test_a_linux_camera_is_told_by_the_label_meeting_programs_list(driver, monkeypatch, tmp_path):
    (tmp_path / "video10").mkdir()
    (tmp_path / "video10" / "name").write_text("Avatar\n")
    monkeypatch.setattr("avatar_edge.devices.virtual_camera._LOOPBACKS", tmp_path)
    driver(device=lambda _: "/dev/video10")
    camera = VirtualCamera("test", 64, 48)
    camera.open(64, 48, 25)
    camera.close()
    assert camera.name == "Avatar (/dev/video10)"


# --- fitting -----------------------------------------------------------------------------------------------------

even = st.integers(1, 60).map(lambda half: 2 * half)


@given(even, even, even, even)
def test_a_picture_of_any_shape_fills_one_direction_and_is_centred_in_the_other(width, height, to_width, to_height):
    out = fitted(grey(200, width, height), to_width, to_height)
    assert (out.width, out.height) == (to_width, to_height)
    luma, *chroma = out.planes()
    assert set(np.unique(luma)) <= {16, 200}
    assert all((plane == 128).all() for plane in chroma)
    rows, columns = np.flatnonzero((luma == 200).any(axis=1)), np.flatnonzero((luma == 200).any(axis=0))
    inner_w, inner_h = len(columns), len(rows)
    assert (luma[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] == 200).all()
    assert max(to_width - inner_w, 0) < 3 or max(to_height - inner_h, 0) < 3
    assert abs(columns[0] - (to_width - inner_w) / 2) <= 1
    assert abs(rows[0] - (to_height - inner_h) / 2) <= 1


@pytest.mark.parametrize(("width", "height"), [(2, 2), (64, 64), (1280, 720), (720, 1280)])
def test_the_card_is_a_picture_of_any_size(width, height):
    card = blank(width, height)
    assert (card.width, card.height) == (width, height)
    assert card.planes()[0].min() >= 30
    assert card.planes()[0].max() <= 80
