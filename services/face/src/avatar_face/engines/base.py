"""What every face engine offers."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avatar_face.controls import Mouth, Pose
from avatar_face.geometry import Face
from avatar_face.packs import Pack
from avatar_runtime.engines import EngineInfo

Picture = NDArray[np.uint8]


class FaceAnimator(Protocol):
    """One session's face. Not thread-safe: one thread owns it."""

    width: int
    height: int

    def render(self, mouth: Mouth, pose: Pose) -> Picture:
        """One frame, BGR uint8 [height, width, 3]; the caller owns it."""
        ...


class FaceEngine(Protocol):
    """Turns a photo into a pack once, and a pack into pictures for ever."""

    @property
    def info(self) -> EngineInfo:
        """Facts about the engine."""
        ...

    def load(self) -> None:
        """Get ready to open packs; may take seconds; raises `FaceError` when something it needs is missing."""
        ...

    def prepare(self, image: Picture, face: Face) -> Pack:
        """Build the pack of a BGR picture whose outlines are `face`."""
        ...

    def open(self, pack: Pack) -> FaceAnimator:
        """Start animating; raises `PackError` when the pack is of another engine or version."""
        ...

    def close(self) -> None:
        """Free everything."""
        ...
