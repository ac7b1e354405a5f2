"""The clone as a webcam: a virtual camera of the system, opened once with one format, written from a thread of its own.

A backend is always named: the library would otherwise take whichever opens, a test's too.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import struct
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avatar_edge.camera import CameraOut, NullCamera
from avatar_edge.errors import CameraError
from avatar_edge.picture import Picture, fitted
from avatar_edge.settings import EdgeSettings
from avatar_runtime import log, metrics

BACKENDS = {"linux": ("v4l2loopback",), "win32": ("obs", "unitycapture"), "darwin": ("obs",)}
"""Tried in this order for ``auto``, by `sys.platform`."""

_INSTALL = {
    "linux": "install v4l2loopback (Debian, Ubuntu: sudo apt install v4l2loopback-dkms) and load it: "
    "sudo modprobe v4l2loopback exclusive_caps=1 card_label=Avatar",
    "win32": "install OBS Studio, press Start Virtual Camera in it once and close it, or install UnityCapture",
    "darwin": "install OBS Studio 30 or later, press Start Virtual Camera in it once, allow its camera extension in "
    "System Settings, and close OBS",
}
_FREE = {
    "linux": "close the program that writes to it (sudo fuser -v /dev/video* names it), or, when there is none, load "
    "the driver again: sudo modprobe -r v4l2loopback; sudo modprobe v4l2loopback exclusive_caps=1 card_label=Avatar",
    "win32": "close OBS and every program that sends to its camera: there is only one of it",
    "darwin": "close OBS and every program that sends to its camera: there is only one of it",
}
_PERMIT = "add yourself to the group video (sudo usermod -a -G video $USER), log out and in again"
_HIDDEN = ("no v4l2 loopback", "not a video output device")
"""What a device that has a writer looks like to the next one."""
_BUSY = ("busy", "already in use", "could not be started", "couldn't start stream", "multiple cameras")
_STOP_S = 2.0
_STREAMON, _OUTPUT = 0x40045612, 2
"""VIDIOC_STREAMON and V4L2_BUF_TYPE_VIDEO_OUTPUT of <linux/videodev2.h>."""
_LOOPBACKS = Path("/sys/devices/virtual/video4linux")

_pictures = metrics.counter("avatar_edge_camera_pictures_total", "Pictures for the virtual camera", ["outcome"])

logger = log.get(__name__)


class _Device(Protocol):
    """What is used of `pyvirtualcam.Camera`."""

    @property
    def device(self) -> str: ...

    def send(self, frame: NDArray[np.uint8]) -> None: ...

    def close(self) -> None: ...


class VirtualCamera:
    """A camera that meeting programs can choose.

    `push` leaves the picture for a thread that hands it to the driver: a driver that blocks holds up nobody else, and
    gets the newest picture when it is ready again.

    Attributes:
        size: Its format, width and height in pixels.
        name: What to choose in the meeting program, empty before it is open.
    """

    def __init__(self, choice: str, width: int, height: int, *, platform: str = sys.platform) -> None:
        """`choice`: ``auto``, BACKEND or BACKEND:DEVICE."""
        self.size = (width, height)
        self.name = ""
        self._choice = choice
        self._platform = "linux" if platform.startswith("linux") else platform
        self._device: _Device | None = None
        self._newest: deque[Picture] = deque(maxlen=1)
        self._more = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._send, name="virtual-camera", daemon=True)

    def open(self, width: int, height: int, fps: int) -> None:
        """See `CameraOut.open`; the format stays what `size` says."""
        backend, _, device = self._choice.partition(":")
        known = _registered()
        names = BACKENDS.get(self._platform, ()) if backend == "auto" else (backend,)
        refusals = []
        for name in names:
            if name not in known:
                refusals.append(f"there is no camera backend {name} on this system")
                continue
            try:
                self._device = _camera(name, device or None, *self.size, fps)
            except Exception as error:  # the backends raise what they please
                refusals.append(_reason(error))
            else:
                if name == "v4l2loopback":
                    _become_writer(self._device.device)
                self.name = _shown_name(self._device.device)
                logger.info("camera.open", backend=name, device=self._device.device)
                self._thread.start()
                return
        raise CameraError(self._refused(refusals, sorted(known)))

    def push(self, picture: Picture, at: float) -> None:
        """See `CameraOut.push`."""
        if self._newest:
            _pictures.labels("skipped").inc()
        self._newest.append(picture)
        self._more.set()

    def close(self) -> None:
        """See `CameraOut.close`."""
        self._closing = True
        self._more.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)
        if self._device is not None and not self._thread.is_alive():
            self._device.close()
            self._device = None

    def _send(self) -> None:
        assert self._device is not None
        failing = False
        while self._more.wait() and not self._closing:
            self._more.clear()
            if not self._newest:
                continue
            try:
                self._device.send(fitted(self._newest.pop(), *self.size).i420)
                _pictures.labels("sent").inc()
                failing = False
            except Exception:
                _pictures.labels("failed").inc()
                if not failing:
                    logger.exception("camera.failed", camera=self.name)
                failing = True

    def _refused(self, refusals: list[str], known: list[str]) -> str:
        """What is wrong, and what to do about it, on this system."""
        why = "; ".join(refusals) or "this system has none that is known"
        text = why.lower()
        if self._choice.partition(":")[0] not in ("auto", *known):
            return f"the virtual camera cannot be opened: {why}; there is: {', '.join(known) or 'none'}"
        if "permission" in text and self._platform == "linux":
            advice = _PERMIT
        elif any(word in text for word in (*_BUSY, *(_HIDDEN if _loopbacks() else ()))):
            advice = _FREE.get(self._platform, "")
            why = f"another program holds it ({why})"
        else:
            advice = _INSTALL.get(self._platform, "the virtual camera works on Linux, Windows and macOS")
        return f"the virtual camera cannot be opened: {why}; {advice}"


def open_camera(settings: EdgeSettings) -> CameraOut:
    """The camera the settings name; the call opens it, and goes on without when that fails."""
    if settings.camera == "none":
        return NullCamera()
    return VirtualCamera(settings.camera, settings.camera_width, settings.camera_height)


def _reason(error: Exception) -> str:
    """What a backend says in its first sentence: the others name its own documentation."""
    return re.split(r"[.!] ", str(error).strip())[0].rstrip(".!")


def _registered() -> set[str]:
    """The backends of this system, and those a test has added."""
    try:
        library = importlib.import_module("pyvirtualcam.camera")
    except (ImportError, OSError) as error:  # only the camera is missing then
        raise CameraError(f"the virtual camera cannot be opened: pyvirtualcam does not load: {error}") from error
    return set(library.BACKENDS)


def _camera(backend: str, device: str | None, width: int, height: int, fps: int) -> _Device:
    library = importlib.import_module("pyvirtualcam")
    camera: _Device = library.Camera(width, height, fps, fmt=library.PixelFormat.I420, backend=backend, device=device)
    return camera


def _become_writer(device: str) -> None:
    """Tell the driver that this process writes to `device`, which it has open.

    v4l2loopback before 0.13, that of Debian 12 and Ubuntu 22.04, otherwise believes after this process has ended that
    somebody still does, and nobody can open the camera again. Later ones refuse it, and need it not.
    """
    import fcntl  # noqa: PLC0415 - there is none on Windows

    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if entry.readlink() == Path(device).resolve():
                fcntl.ioctl(int(entry.name), _STREAMON, struct.pack("i", _OUTPUT))


def _loopbacks() -> list[Path]:
    """The directories of the system's virtual video devices, none where it is no Linux."""
    return sorted(_LOOPBACKS.glob("video*")) if _LOOPBACKS.is_dir() else []


def _shown_name(device: str) -> str:
    """A device as meeting programs list it: on Linux by its card's label."""
    label = _LOOPBACKS / Path(device).name / "name"
    try:
        return f"{label.read_text().strip()} ({device})"
    except OSError:
        return device
