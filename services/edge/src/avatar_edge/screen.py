"""The camera's heartbeat: every 40 ms the picture that goes with the sound, on a thread of its own."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from avatar_edge.camera import CameraOut, NullCamera
from avatar_edge.errors import CameraError
from avatar_edge.pacing import PacedThread
from avatar_edge.pairing import Pairing
from avatar_edge.picture import Picture, blank, fitted
from avatar_edge.playhead import Playhead


class VideoStats(msgspec.Struct, frozen=True, kw_only=True):
    """The picture of a call.

    Attributes:
        width: Pixels, as it comes from the face.
        height: Pixels, as it comes from the face.
        fps: Pictures handed to the camera per second.
        frames: Live pictures shown.
        dropped: Pictures that came too late or were lost.
        held: Times the last picture stayed for another period.
        looped: Pictures from the idle loop.
        longest_gap_ms: Longest time without a change of picture.
    """

    width: int
    height: int
    fps: float
    frames: int
    dropped: int
    held: int
    looped: int
    longest_gap_ms: float


class Screen:
    """Pushes one picture per period to the camera and to the recorder, whatever happens to the stream.

    Attributes:
        pushed: Pictures pushed.
    """

    def __init__(
        self,
        camera: CameraOut,
        pairing: Pairing,
        playhead: Callable[[float], Playhead | None],
        *,
        width: int,
        height: int,
        fps: int,
        record: Callable[[Picture, float], None] | None = None,
        real: Callable[[Picture], Picture] | None = None,
    ) -> None:
        """`width` and `height`: of the picture where the camera has no format of its own.

        `real` may exchange what the camera is to show for the person's own picture.
        """
        self.pushed = 0
        self._camera = camera
        self._pairing = pairing
        self._playhead = playhead
        self._record = record
        self._real = real
        self._size = camera.size or (width, height)
        self._fps = fps
        self._blank = blank(*self._size)
        self._thread = PacedThread("camera", 1.0 / fps, self._tick, late_s=1.0 / fps)

    def start(self) -> str:
        """Open the camera and begin; returns what is wrong with the camera, empty when nothing is.

        Without it the pictures go on, for the recording and for whoever counts them.
        """
        problem = ""
        try:
            self._camera.open(*self._size, self._fps)
        except CameraError as error:
            self._camera = NullCamera()
            problem = str(error)
        self._thread.start()
        return problem

    def close(self) -> None:
        """End and close the camera."""
        self._thread.stop()
        self._camera.close()

    def _tick(self, index: int, due: float) -> None:
        shown = self._pairing.choose(self._playhead(due), due, time.perf_counter())
        clone = shown.picture or self._blank
        picture = fitted(clone, *self._size)
        if self._real is not None and (own := self._real(picture)) is not picture:
            clone = picture = own
        self._camera.push(picture, due)
        self.pushed += 1
        if self._record is not None:  # it has a size of its own: twice fitted would be twice blurred
            self._record(clone, due)
