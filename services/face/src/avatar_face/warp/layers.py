"""The parts a face is cut into: above and below the lips, and an eyelid per eye, as premultiplied BGRA pictures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_face.geometry import Face, Points
from avatar_face.warp.fields import Box, aligned

Layer = NDArray[np.uint8]
Mask = NDArray[np.uint8]


def _filled(shape: tuple[int, int], outline: Points, inside: int, mask: Mask | None = None) -> Mask:
    """Fill a polygon given in pixels of the mask, antialiased."""
    canvas = np.zeros(shape, np.uint8) if mask is None else mask
    cv2.fillPoly(canvas, [np.round(outline * 16).astype(np.int32)], inside, cv2.LINE_AA, 4)
    return canvas


def _premultiplied(image: Layer, mask: Mask) -> Layer:
    colour = (image.astype(np.uint16) * mask[..., None] + 127) // 255
    return np.dstack([colour.astype(np.uint8), mask])


def lips_box(face: Face, box: Box) -> Box:
    """Where the lips part, inside the mouth box: the only place that needs both layers."""
    x0, y0, x1, y1 = box
    cx, half, size = face.mouth_centre[0], 0.72 * face.mouth_width, face.height
    top, bottom = face.inner_upper[:, 1].min() - 0.11 * size, face.inner_lower[:, 1].max() + 0.17 * size
    return int(max(x0, cx - half)), int(max(y0, top)), int(min(x1, cx + half)), int(min(y1, bottom))


def lip_layers(image: Layer, face: Face, box: Box) -> tuple[Layer, Layer]:
    """The picture above the mouth's opening and the picture below it, for the pixels of `box`."""
    x0, y0, x1, y1 = box
    shape, origin, size = (y1 - y0, x1 - x0), np.array([x0, y0], float), face.height
    across, down = face.across, face.down
    soft = max(0.6, 0.0028 * size)
    far = across * size * 2

    above = np.vstack([face.inner_upper[:1] - far, face.inner_upper, face.inner_upper[-1:] + far]) - origin
    lid = np.vstack([above[-1:], above[:1]]) - down * size * 4
    upper = _filled(shape, np.vstack([above, lid]), 255)

    # The lower lip keeps a thin strip of what lies above its edge, so that closed lips show nothing between.
    bow = (1 - np.linspace(-1, 1, 11)[:, None] ** 4) * min(1.0, max(0.0, 1 - face.mouth_gap / 0.02))
    edge = face.inner_lower - down * 0.007 * size * bow - origin
    roof = np.vstack([edge[-1:], edge[:1]]) - down * size * 0.6
    lower = _filled(shape, np.vstack([edge, roof]), 0, np.full(shape, 255, np.uint8))
    picture = image[y0:y1, x0:x1]
    return (
        _premultiplied(picture, cv2.GaussianBlur(upper, (0, 0), soft)),
        _premultiplied(picture, cv2.GaussianBlur(lower, (0, 0), soft)),
    )


def eye_box(upper: Points, lower: Points, brow: Points, image: Layer) -> Box:
    """The part of the picture an eye's lid and gaze move."""
    eye = float(np.linalg.norm(upper[0] - upper[-1]))
    centre = (upper[0] + upper[-1]) / 2
    height, width = image.shape[:2]
    top, bottom = brow[:, 1].min() - 0.15 * eye, lower[:, 1].max() + 0.45 * eye
    return aligned((centre[0] - eye, top, centre[0] + eye, bottom), width, height)


def lid_layer(image: Layer, upper: Points, box: Box, face: Face) -> Layer:
    """Everything above the eye's opening, the lash line with it; bare skin replaces what the lid would smear."""
    x0, y0, x1, y1 = box
    origin = np.array([x0, y0], float)
    eye = float(np.linalg.norm(upper[0] - upper[-1]))
    across, down = face.across, face.down
    bow = 1 - np.linspace(-1, 1, len(upper))[:, None] ** 4
    lash = upper + down * 0.030 * eye * bow
    reach = across * eye * 2
    line = np.vstack([lash[:1] - reach, lash, lash[-1:] + reach]) - origin
    roof = np.vstack([line[-1:], line[:1]]) - down * eye * 4
    mask = _filled((y1 - y0, x1 - x0), np.vstack([line, roof]), 255)
    soft = max(0.6, 0.016 * eye)
    return _premultiplied(image[y0:y1, x0:x1], cv2.GaussianBlur(mask, (0, 0), soft))


def gaze_weight(upper: Points, lower: Points, iris: Points, box: Box) -> NDArray[np.float32]:
    """How much each pixel follows the iris: 1 on it, fading over the white, 0 on the lids."""
    x0, y0, x1, y1 = box
    origin = np.array([x0, y0], float)
    opening = _filled((y1 - y0, x1 - x0), np.vstack([upper, lower[::-1]]) - origin, 255)
    inside = cv2.GaussianBlur(opening, (0, 0), 1.0).astype(np.float32) / 255
    radius = max(2.0, float(np.linalg.norm(iris[1] - iris[3])) / 2)
    y, x = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    square = ((x - iris[0, 0]) ** 2 + (y - iris[0, 1]) ** 2) / (radius * 1.35) ** 2
    weight: NDArray[np.float32] = (np.exp(-0.8 * square**2) * inside).astype(np.float32)
    return weight
