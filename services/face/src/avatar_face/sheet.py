"""A contact sheet of an avatar for the eye: `python -m avatar_face.sheet OUT.png [PHOTO] [--size WIDTHxHEIGHT]`."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_face import avatars
from avatar_face.controls import REST, STILL, Mouth, Pose
from avatar_face.engines.base import FaceAnimator
from avatar_face.engines.warp import WarpEngine
from avatar_face.visemes import SHAPES

_FRAMES: dict[str, tuple[Mouth, Pose]] = {
    "rest": (REST, STILL),
    **{name: (SHAPES[name], STILL) for name in ("aa", "E", "ih", "oh", "ou", "PP", "FF", "SS", "CH")},
    "blink": (REST, Pose(blink=1.0)),
    "half": (REST, Pose(blink=0.5)),
    "gaze": (REST, Pose(gaze_x=0.6, gaze_y=-0.2)),
    "turned": (SHAPES["E"], Pose(yaw=0.05, pitch=0.03, roll=0.03, breath=1.0)),
    "small": (SHAPES["aa"].scaled(0.15), STILL),
}


def sheet(animator: FaceAnimator, columns: int = 5) -> NDArray[np.uint8]:
    """Every frame of `_FRAMES` with its name, as one BGR picture."""
    tiles = []
    for name, (mouth, pose) in _FRAMES.items():
        frame = animator.render(mouth, pose).copy()
        cv2.putText(frame, name, (12, 32), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (255, 255, 255), 2, cv2.LINE_AA)
        tiles.append(frame)
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return np.vstack(rows)


def main() -> None:
    """Draw the sheet of a photo, or of the default avatar."""
    parser = argparse.ArgumentParser(prog="python -m avatar_face.sheet", description=main.__doc__)
    parser.add_argument("out", help="the PNG to write")
    parser.add_argument("photo", nargs="?", type=Path, help="the photo; without it the drawn portrait")
    parser.add_argument("--size", default="512x512", help="of each frame, WIDTHxHEIGHT")
    asked = parser.parse_args()
    width, height = (int(side) for side in asked.size.split("x"))
    engine = WarpEngine()
    engine.load()
    cv2.imwrite(asked.out, sheet(engine.open(avatars.pack(engine, asked.photo, width, height))))


if __name__ == "__main__":
    main()
