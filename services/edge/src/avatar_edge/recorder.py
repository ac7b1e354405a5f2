"""Records what the other side sees and hears to an MP4: H.264 and AAC, encoded on a thread of its own."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from avatar_edge.audio import Pcm
from avatar_edge.errors import RecordingError
from avatar_edge.mixer import Mixer
from avatar_edge.picture import Picture, fitted
from avatar_runtime import log

RATE = 48_000
FRAMES_HELD = 50
"""Pictures waiting for the encoder at most (2 s, 20 MB at 512 x 512)."""
ITEMS_HELD = 20_000
"""Blocks of sound and pictures waiting at most, some 2 min: a disk that hangs must not fill the memory."""
_STOP_S = 30.0

logger = log.get(__name__)


@dataclass(frozen=True)
class RecorderStats:
    """Pictures written, pictures left out because the encoder could not keep up, and the length in seconds."""

    frames: int
    dropped_frames: int
    seconds: float


class Recorder:
    """Takes pictures and sound from any thread with the edge clock they belong to, and never makes them wait.

    Time 0 of the file is the first picture. Both voices are mixed to one mono track; a gap in either is silence. Until
    `close` the file has the ending ``.part``.

    Attributes:
        error: Why the recording stopped early, empty while it goes well.
    """

    def __init__(self, path: Path | str, width: int = 512, height: int = 512, fps: int = 25) -> None:
        self._path = Path(path)
        self._part = self._path.with_name(self._path.name + ".part")
        self._size = (width, height)
        self._fps = fps
        self._items: queue.SimpleQueue[tuple[str, object, int, float] | None] = queue.SimpleQueue()
        self._pictures = 0
        self._frames = 0
        self._dropped = 0
        self._began_at: float | None = None
        self._last_tick = -1
        self._mixer = Mixer(RATE)
        self._container: av.container.OutputContainer | None = None
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._open = False
        self.error = ""

    @property
    def stats(self) -> RecorderStats:
        """How it goes."""
        return RecorderStats(self._frames, self._dropped, (self._last_tick + 1) / self._fps)

    def open(self) -> None:
        """Begin; raises `RecordingError` when the file cannot be written."""
        try:
            self._part.touch()  # the library would only notice at its first write
            container = av.open(str(self._part), "w", format="mp4")
        except (OSError, av.FFmpegError) as error:
            raise RecordingError(f"{self._path} cannot be written: {error}; name another place") from error
        self._container = container
        self._video = container.add_stream("libx264", rate=self._fps)
        self._video.width, self._video.height = self._size
        self._video.pix_fmt = "yuv420p"
        self._video.thread_count = 1
        self._video.options = {"preset": "superfast", "crf": "21", "bf": "0", "g": str(self._fps * 2)}
        self._video.codec_context.time_base = Fraction(1, self._fps)
        self._audio = container.add_stream("aac", rate=RATE, layout="mono")
        self._audio.bit_rate = 128_000
        self._open = True
        self._thread.start()

    def picture(self, picture: Picture, at: float) -> None:
        """A picture was handed to the camera at edge clock `at`."""
        if not self._open:
            return
        if self._pictures >= FRAMES_HELD:
            self._dropped += 1
            return
        self._pictures += 1
        self._items.put(("picture", picture, 0, at))

    def voice(self, pcm: Pcm, rate: int, at: float) -> None:
        """The clone's voice: its first sample sounded at edge clock `at`."""
        self._sound("voice", pcm, rate, at)

    def mic(self, pcm: Pcm, rate: int, at: float) -> None:
        """The person's voice: its first sample was captured at edge clock `at`."""
        self._sound("mic", pcm, rate, at)

    def _sound(self, what: str, pcm: Pcm, rate: int, at: float) -> None:
        if self._open and self._items.qsize() < ITEMS_HELD:
            self._items.put((what, pcm, rate, at))

    def close(self) -> None:
        """Write what is left and finish the file."""
        if not self._thread.is_alive():  # it never began, or has been closed
            return
        self._open = False
        self._items.put(None)
        self._thread.join(timeout=_STOP_S)
        if self._thread.is_alive():
            self.error = f"the recording was not finished within {_STOP_S:.0f} s; {self._part} holds what there is"
        if not self.error:
            self._part.replace(self._path)

    # --- on the recorder's thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        more = True
        try:
            while more:
                more = self._next()
            self._write_sound(self._mixer.finish())
            self._finish()
        except Exception as error:
            self._open = False
            self.error = f"the recording stopped: {error}"
            logger.exception("recorder.failed", path=str(self._path))
            while more:  # whoever still hands something over must not fill the memory
                more = self._items.get() is not None

    def _next(self) -> bool:
        item = self._items.get()
        if item is not None:
            self._take(*item)
        return item is not None

    def _take(self, what: str, payload: object, rate: int, at: float) -> None:
        if what == "picture":
            assert isinstance(payload, Picture)
            self._pictures -= 1
            self._write_picture(payload, at)
        elif self._began_at is not None:
            assert isinstance(payload, np.ndarray)
            self._mixer.add(what, payload, rate, at - self._began_at)
            self._write_sound(self._mixer.take())

    def _write_picture(self, picture: Picture, at: float) -> None:
        if self._began_at is None:
            self._began_at = at
        tick = round((at - self._began_at) * self._fps)
        if tick <= self._last_tick:
            self._dropped += 1
            return
        self._last_tick = tick
        frame = av.VideoFrame.from_ndarray(fitted(picture, *self._size).i420, format="yuv420p")
        frame.pts, frame.time_base = tick, Fraction(1, self._fps)
        self._frames += 1
        self._mux(self._video.encode(frame))

    def _write_sound(self, pcm: Pcm) -> None:
        if not len(pcm):
            return
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts, frame.time_base = self._mixer.given - len(pcm), Fraction(1, RATE)
        self._mux(self._audio.encode(frame))

    def _finish(self) -> None:
        assert self._container is not None
        if self._last_tick >= 0:
            self._mux(self._video.encode(None))
            self._mux(self._audio.encode(None))
        self._container.close()

    def _mux(self, packets: object) -> None:
        assert self._container is not None
        self._container.mux(packets)
