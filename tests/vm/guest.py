"""Runs in the guest: the edge's screen and camera write a moving pattern to the device, ffmpeg reads it back.

Writes to the folder given: ``frames.yuv`` (the raw I420 frames ffmpeg read) and ``said.json``.
"""

import json
import multiprocessing
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

from avatar_edge.devices.virtual_camera import VirtualCamera, open_camera
from avatar_edge.errors import CameraError
from avatar_edge.pairing import Pairing
from avatar_edge.picture import Picture
from avatar_edge.screen import Screen
from avatar_edge.settings import EdgeSettings

sys.path.insert(0, str(Path(__file__).parent))
from pattern import SIDE, face

FPS = 25
FRAMES = 40


def read(device: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Read frames as a meeting program would, through the device's capture side."""
    command = ["ffmpeg", "-hide_banner", "-y", "-f", "v4l2", "-i", device, "-frames:v", str(FRAMES)]
    command += ["-fps_mode", "passthrough"]  # it would fill gaps of an emulated machine with copies
    command += ["-f", "rawvideo", "-pix_fmt", "yuv420p", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)


def open_second(asked: Connection) -> None:
    """Another program that wants the camera, once it is asked: says what it is told."""
    asked.recv()
    try:
        VirtualCamera("auto", 1280, 720).open(1280, 720, FPS)
    except CameraError as error:
        asked.send(str(error))
    else:
        asked.send("it was opened")


class Show:
    """Feeds the pattern as a face would, for as long as it is shown."""

    def __init__(self, settings: EdgeSettings) -> None:
        self.camera = open_camera(settings)
        self._pairing = Pairing(1.0 / FPS)
        self._screen = Screen(self.camera, self._pairing, lambda _: None, width=SIDE, height=SIDE, fps=FPS)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._feed, daemon=True)

    def __enter__(self) -> Self:
        if problem := self._screen.start():
            raise CameraError(problem)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._screen.close()

    def _feed(self) -> None:
        number = 0
        while not self._ending.wait(1.0 / FPS):
            number = (number + 1) % 256
            self._pairing.add(Picture(face(number)))


def main(device: str, results: Path) -> None:
    settings = EdgeSettings(camera=f"v4l2loopback:{device}", width=SIDE, height=SIDE)
    said: dict[str, object] = {}
    ask, asked = multiprocessing.Pipe()
    # Forked before there are threads: to import everything again takes the guest a minute.
    multiprocessing.get_context("fork").Process(target=open_second, args=(asked,), daemon=True).start()
    with Show(settings) as show:
        said["name"] = show.camera.name
        time.sleep(1.0)
        seen = read(device, results / "frames.yuv")
        said["ffmpeg"] = seen.stderr
        ask.send("now")
        said["second_writer"] = ask.recv()
    with Show(settings) as show:  # given back, it can be opened again, by whoever comes first
        said["again"] = show.camera.name
    (results / "said.json").write_text(json.dumps(said, indent=1))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
