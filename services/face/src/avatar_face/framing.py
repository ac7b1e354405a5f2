"""Putting a photo's face into the call's picture: the right size, in the right place, with something behind it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_face.errors import SizeError
from avatar_face.geometry import Face

FACE_SHARE = 0.46  # of the picture's height, forehead to chin
FACE_MIDDLE = 0.46  # of the picture's height, from the top
MIN_SIDE, MAX_SIDE, MAX_RATIO = 64, 3840, 4


def check_size(width: int, height: int) -> None:
    """Raise `SizeError` when a picture of this size cannot be drawn in good time, or encoded."""
    small, large = sorted((width, height))
    if small < MIN_SIDE or large > MAX_SIDE or large > MAX_RATIO * small or width % 2 or height % 2:
        raise SizeError(
            f"a picture of {width}x{height} cannot be drawn: ask for even sides of {MIN_SIDE} to {MAX_SIDE} pixels, "
            f"the longer one at most {MAX_RATIO} times the other"
        )


def frame(image: NDArray[np.uint8], face: Face, width: int, height: int) -> tuple[NDArray[np.uint8], Face]:
    """Scale and cut a BGR photo to [height, width, 3] around the face; returns it with the outlines moved along.

    The photo fills the picture where that keeps the face below two thirds of the height; what is left uncovered
    shows the photo's own blurred edge.
    """
    rows, columns = image.shape[:2]
    scale = FACE_SHARE * height / face.height
    cover = max(width / columns, height / rows)
    if cover > scale:
        scale = min(cover, 1.45 * scale)
    middle = (face.oval[0] + face.oval[18]) / 2 * scale
    shift_x = _placed(width / 2 - middle[0], columns * scale, width)
    shift_y = _placed(FACE_MIDDLE * height - middle[1], rows * scale, height)
    matrix = np.array([[scale, 0, shift_x], [0, scale, shift_y]], np.float64)
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    if scale < 0.5:  # warpAffine does not average: shrink first
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=smooth)
        matrix[:, :2] = [[columns / small.shape[1] * scale, 0], [0, rows / small.shape[0] * scale]]
        image = small
    inside = (shift_x <= 0.5 and shift_y <= 0.5
              and shift_x + columns * scale >= width - 0.5 and shift_y + rows * scale >= height - 0.5)  # fmt: skip
    picture = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if not inside:
        picture = _softened(picture, image.shape, matrix)
    moved = face.moved(scale, (float(shift_x), float(shift_y)))
    return np.ascontiguousarray(picture), moved


def _placed(wanted: float, length: float, room: float) -> float:
    """A shift near the wanted one that leaves no gap, if the photo is long enough."""
    if length >= room:
        return float(np.clip(wanted, room - length, 0))
    return float(np.clip(wanted, 0, room - length))


def _softened(picture: NDArray[np.uint8], shape: tuple[int, ...], matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Blur what lies outside the photo, with a soft join."""
    height, width = picture.shape[:2]
    white = np.full(shape[:2], 255, np.uint8)
    inside = cv2.warpAffine(white, matrix, (width, height), borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    reach = max(4.0, height / 40)
    inside = cv2.erode(inside, np.ones((3, 3), np.uint8), iterations=int(reach), borderValue=255)
    weight = cv2.GaussianBlur(inside, (0, 0), reach / 2).astype(np.float32)[..., None] / 255
    mixed = picture * weight + cv2.GaussianBlur(picture, (0, 0), height / 16).astype(np.float32) * (1 - weight)
    softened: NDArray[np.uint8] = (mixed + 0.5).astype(np.uint8)
    return softened
