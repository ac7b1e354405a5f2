"""Where the picture goes. A camera is opened once with one format and never reopened."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from avatar_edge.picture import Picture


class CameraOut(Protocol):
    """A virtual camera."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of its one format in pixels; None: that of the pictures it is given."""

    def open(self, width: int, height: int, fps: int) -> None:
        """Begin; every picture pushed after this has this size. Raises `CameraError`."""

    def push(self, picture: Picture, at: float) -> None:
        """Show `picture` from edge clock `at` on. Returns at once; called `fps` times a second from one thread."""

    def close(self) -> None:
        """End; `push` is not called after this."""


class NullCamera:
    """Shows nobody anything."""

    @property
    def size(self) -> tuple[int, int] | None:
        """See `CameraOut.size`."""
        return None

    def open(self, width: int, height: int, fps: int) -> None:
        """See `CameraOut.open`."""

    def push(self, picture: Picture, at: float) -> None:
        """See `CameraOut.push`."""

    def close(self) -> None:
        """See `CameraOut.close`."""


class MemoryCamera(NullCamera):
    """Keeps the newest pictures.

    Attributes:
        pushes: Edge clock and picture of the newest pushes, oldest first.
    """

    def __init__(self, keep: int = 250) -> None:
        self.pushes: deque[tuple[float, Picture]] = deque(maxlen=keep)

    def push(self, picture: Picture, at: float) -> None:
        """See `CameraOut.push`."""
        self.pushes.append((at, picture))
