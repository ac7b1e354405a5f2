"""A recording looked at afterwards: its pictures, and what the mouth does in them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from avatar_edge import NullCamera, Picture


class Clapper(NullCamera):
    """A camera that shows nobody anything and remembers when the call's first picture came: second 0 of a recording.

    Attributes:
        began_at: Edge clock of the first picture, None before it.
    """

    def __init__(self) -> None:
        self.began_at: float | None = None

    def push(self, picture: Picture, at: float) -> None:
        """See `CameraOut.push`."""
        if self.began_at is None:
            self.began_at = at


def pictures(recording: Path, start_s: float = 0.0, end_s: float = float("inf")) -> Iterator[NDArray[np.uint8]]:
    """The frames of a recording that are shown from `start_s` to `end_s`, BGR uint8 [height, width, 3]."""
    with av.open(str(recording)) as container:
        stream = container.streams.video[0]
        container.seek(int(max(0.0, start_s) / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            if frame.time >= end_s:
                return
            if frame.time >= start_s:
                yield frame.to_ndarray(format="bgr24")


@contextmanager
def native_chatter_hidden() -> Iterator[None]:
    """Drop what native libraries write to stderr inside the block: mediapipe narrates its inner life there."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
