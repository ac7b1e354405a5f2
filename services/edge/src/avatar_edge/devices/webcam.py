"""The person's own camera, opened ahead, so that it can take the clone's place within a few pictures."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

import cv2

from avatar_edge.picture import Picture, fitted, from_bgr
from avatar_edge.settings import EdgeSettings
from avatar_runtime import log

RETRY_S = 1.0
"""Between two attempts to open a camera that is not there."""
FRESH_S = 0.5
"""A picture older than this is not shown: the camera has stopped."""
_STOP_S = 3.0
_APIS = {"linux": cv2.CAP_V4L2, "win32": cv2.CAP_DSHOW, "darwin": cv2.CAP_AVFOUNDATION}

logger = log.get(__name__)


class Webcam:
    """Keeps the newest picture of a camera in one format; a camera that is lost is opened again when it is back.

    While no picture is wanted it takes them from the camera, to be ready, and decodes none.

    Attributes:
        error: What is wrong with it and what to do, empty while nothing is.
    """

    def __init__(self, source: str, width: int, height: int, fps: int = 25, *, platform: str = sys.platform) -> None:
        """`source`: a camera's number, its path, or a video file, which is shown again and again in its own time."""
        self.error = ""
        self._source = source
        self._size = (width, height)
        self._fps = fps
        self._platform = "linux" if platform.startswith("linux") else platform
        self._device = source.isdigit() or source.startswith("/dev/")
        self._wanted = False
        self._newest: tuple[float, Picture] | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webcam", daemon=True)

    def open(self) -> None:
        """Begin, in the background: some cameras take seconds."""
        self._thread.start()

    def wake(self, *, on: bool) -> None:
        """Whether its pictures are wanted."""
        self._wanted = on

    def newest(self) -> Picture | None:
        """The newest picture in the format asked for, None when there is none of late."""
        newest = self._newest
        return newest[1] if newest is not None and time.perf_counter() - newest[0] < FRESH_S else None

    def close(self) -> None:
        """End; a camera that hangs is left to its thread."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    # --- on the camera's thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing.is_set():
            shown = 0
            try:
                capture = self._connect()
                try:
                    shown = self._show(capture) if capture.isOpened() else 0
                finally:
                    capture.release()
            except cv2.error:
                logger.exception("webcam.failed")
            if self._closing.is_set():
                return
            if shown and not self._device:  # the end of a file
                continue
            self._lost(had_pictures=shown > 0)
            self._closing.wait(RETRY_S)

    def _connect(self) -> Any:
        # Otherwise it writes to the terminal at every attempt.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        if not self._device:
            return cv2.VideoCapture(self._source)
        api = _APIS.get(self._platform, cv2.CAP_ANY)
        capture = cv2.VideoCapture(int(self._source) if self._source.isdigit() else self._source, api)
        if capture.isOpened():
            # Uncompressed, most cameras reach a few pictures a second at this size.
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1])
            capture.set(cv2.CAP_PROP_FPS, self._fps)
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return capture

    def _show(self, capture: Any) -> int:
        """Take pictures until there are no more; returns how many there were."""
        period_s = 0.0 if self._device else 1.0 / (capture.get(cv2.CAP_PROP_FPS) or self._fps)
        due = time.perf_counter()
        shown = 0
        while not self._closing.is_set() and capture.grab():
            taken_at = time.perf_counter()
            shown += 1
            if shown == 1:
                self._found()
            if self._wanted:
                good, bgr = capture.retrieve()
                if not good:
                    return shown
                self._newest = (taken_at, fitted(Picture(from_bgr(bgr)), *self._size))
            else:
                self._newest = None
            due += period_s
            self._closing.wait(max(0.0, due - time.perf_counter()))
        return shown

    def _found(self) -> None:
        if self.error:
            logger.info("webcam.back")
        self.error = ""

    def _lost(self, *, had_pictures: bool) -> None:
        if self.error and not had_pictures:
            return
        if had_pictures:
            what, advice = "gives no pictures any more", "plug it in again"
        elif self._device:
            what = "cannot be opened"
            advice = "close the program that uses it, or choose another one"
            if self._platform == "darwin":
                advice += ", and allow the terminal to use the camera in System Settings under Privacy"
        else:
            what = "cannot be read as a video" if Path(self._source).exists() else "does not exist"
            advice = "name a camera by its number, such as 0, or a video file"
        self.error = f"the webcam {self._source} {what}; {advice}"
        logger.warning("webcam.lost", source=self._source)


def open_webcam(settings: EdgeSettings) -> Webcam | None:
    """The camera the settings name, in the virtual camera's format; the call opens it."""
    if not settings.webcam:
        return None
    return Webcam(settings.webcam, settings.camera_width, settings.camera_height, settings.fps)
