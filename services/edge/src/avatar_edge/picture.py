"""A decoded picture, kept in the colour space codecs speak: half the memory of BGR and no conversion to record it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
_BLACK = (16, 128, 128)


@dataclass(frozen=True, eq=False, slots=True)
class Picture:
    """One picture in I420 (BT.601, limited range).

    Attributes:
        i420: uint8 [height * 3 / 2, width]: the Y plane, then U and V at half size.
        reply: The reply it speaks, 0 for the idle face.
        pts_s: When to show it on the clock of its reply, or of the idle face, in seconds.
        unit: The access unit it was decoded from, numbered from 1 as they were taken; 0: it is nobody's unit.
    """

    i420: Plane
    reply: int = 0
    pts_s: float = 0.0
    unit: int = 0

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.i420.shape[1])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.i420.shape[0]) * 2 // 3

    def bgr(self) -> Plane:
        """uint8 [height, width, 3]."""
        return np.asarray(cv2.cvtColor(self.i420, cv2.COLOR_YUV2BGR_I420), np.uint8)

    def planes(self) -> tuple[Plane, Plane, Plane]:
        """Y [h, w], U and V [h/2, w/2]: views of `i420`."""
        width, height = self.width, self.height
        flat = self.i420.reshape(-1)
        luma, quarter = width * height, width * height // 4
        half = (height // 2, width // 2)
        return (
            flat[:luma].reshape(height, width),
            flat[luma : luma + quarter].reshape(half),
            flat[luma + quarter :].reshape(half),
        )


def from_bgr(bgr: Plane) -> Plane:
    """uint8 [h, w, 3] as I420; an odd last row or column is cut off."""
    height, width = bgr.shape[0] & ~1, bgr.shape[1] & ~1
    return np.asarray(cv2.cvtColor(bgr[:height, :width], cv2.COLOR_BGR2YUV_I420), np.uint8)


def blank(width: int, height: int) -> Picture:
    """What is shown while there is nothing else: somebody's outline on a dark card."""
    i420 = np.full((height * 3 // 2, width), 128, np.uint8)
    luma = i420[:height]
    luma[:] = np.linspace(52, 32, height).astype(np.uint8)[:, np.newaxis]
    side = min(width, height)
    centre, top = width // 2, round(height * 0.4)
    cv2.circle(luma, (centre, top), round(side * 0.13), 78, cv2.FILLED, cv2.LINE_AA)
    shoulders = (round(side * 0.25), round(side * 0.25))
    cv2.ellipse(luma, (centre, top + round(side * 0.43)), shoulders, 0, 180, 360, 78, cv2.FILLED, cv2.LINE_AA)
    return Picture(i420)


def blended(first: Picture, second: Picture, share: float) -> Picture:
    """`first` with `share` (0 to 1) of `second` in it; `second` where their sizes differ."""
    if first.i420.shape != second.i420.shape:
        return second
    mixed = cv2.addWeighted(first.i420, 1.0 - share, second.i420, share, 0.0)
    return Picture(mixed, second.reply, second.pts_s)


def fitted(picture: Picture, width: int, height: int) -> Picture:
    """The picture scaled into width x height, bars in black where the shapes differ."""
    if (picture.width, picture.height) == (width, height):
        return picture
    scale = min(width / picture.width, height / picture.height)
    inner_w, inner_h = (max(2, round(side * scale) & ~1) for side in (picture.width, picture.height))
    left, top = ((width - inner_w) // 2) & ~1, ((height - inner_h) // 2) & ~1
    out = Picture(np.empty((height * 3 // 2, width), np.uint8), picture.reply, picture.pts_s, picture.unit)
    for source, target, black, half in zip(picture.planes(), out.planes(), _BLACK, (1, 2, 2), strict=True):
        rows = slice(top // half, (top + inner_h) // half)
        columns = slice(left // half, (left + inner_w) // half)
        for bar in (target[: rows.start], target[rows.stop :]):
            bar[:] = black
        for bar in (target[rows, : columns.start], target[rows, columns.stop :]):
            bar[:] = black
        inner = target[rows, columns]
        shrinks = inner.shape[1] < source.shape[1]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        cv2.resize(source, inner.shape[::-1], dst=inner, interpolation=method)
    return out
