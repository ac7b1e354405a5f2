"""A square sheet in design units (512 across, x from the middle) with soft brushes, in linear layers of RGB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

UNITS = 512.0
Map = NDArray[np.floating[Any]]
Curve = NDArray[np.float64]


def spline(points: Sequence[tuple[float, float]], per_span: int = 12, *, closed: bool = False) -> Curve:
    """A Catmull-Rom curve through the points, [n, 2]."""
    p = np.asarray(points, np.float64)
    ends = (p[-1:], p[:2]) if closed else (2 * p[:1] - p[1:2], 2 * p[-1:] - p[-2:-1])
    p = np.vstack([ends[0], p, ends[1]])
    t = np.linspace(0, 1, per_span, endpoint=False)[:, None]
    spans = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:], strict=True)
    ]
    tail = [] if closed else [p[-2:-1]]
    return np.vstack([*spans, *tail])


def moved(curve: Curve, dx: float, dy: float) -> Curve:
    """The curve, shifted."""
    shifted: Curve = curve + np.array([dx, dy])
    return shifted


def mirrored(half: Curve) -> Curve:
    """The whole outline from its right half, which runs from the top of the middle line to the bottom."""
    return np.vstack([half, half[::-1] * (-1, 1)])


def step(x: Map, low: float, high: float) -> Map:
    """Smooth 0 to 1 as `x` goes from `low` to `high`."""
    t = np.clip((x - low) / (high - low), 0, 1)
    smooth: Map = (t * t * (3 - 2 * t)).astype(np.float32)
    return smooth


class Sheet:
    """Pixel maps of one square drawing of `size` pixels."""

    def __init__(self, size: int, seed: int = 7) -> None:
        self.size, self.unit = size, size / UNITS
        axis = (np.arange(size, dtype=np.float32) + 0.5) / self.unit
        self.x, self.y = np.meshgrid(axis - UNITS / 2, axis)
        self.random = np.random.default_rng(seed)
        self.colour: Map = np.zeros((size, size, 3), np.float32)
        self.alpha: Map = np.zeros((size, size), np.float32)

    def pixels(self, curve: Curve) -> NDArray[np.int32]:
        """Design units to fixed-point pixels with four fractional bits."""
        shifted = moved(curve, UNITS / 2, 0) * self.unit - 0.5
        return np.round(shifted * 16).astype(np.int32)

    def blur(self, values: Map, units: float) -> Map:
        """Gaussian blur with a standard deviation in design units; wide ones at reduced size."""
        sigma = units * self.unit
        if sigma < 0.3:
            return values
        shrink = max(1, int(sigma / 4))
        if shrink == 1:
            blurred: Map = cv2.GaussianBlur(values, (0, 0), sigma)
            return blurred
        small = cv2.resize(values, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), sigma / shrink)
        wide: Map = cv2.resize(small, (self.size, self.size), interpolation=cv2.INTER_CUBIC)
        return wide

    def area(self, outline: Curve, soft: float = 0.0) -> Map:
        """Coverage 0..1 of a closed outline with its edge blurred by `soft` units."""
        mask = np.zeros((self.size, self.size), np.uint8)
        cv2.fillPoly(mask, [self.pixels(outline)], 255, cv2.LINE_AA, 4)
        return self.blur(mask.astype(np.float32) / 255, soft)

    def line(self, curve: Curve, width: float, soft: float = 0.0) -> Map:
        """Coverage of a stroke along a curve."""
        mask = np.zeros((self.size, self.size), np.uint8)
        thick = max(1, round(width * self.unit))
        cv2.polylines(mask, [self.pixels(curve)], False, 255, thick, cv2.LINE_AA, 4)
        return self.blur(mask.astype(np.float32) / 255, soft)

    def spot(self, x: float, y: float, rx: float, ry: float | None = None, turn: float = 0.0) -> Map:
        """A Gaussian blob around a point, 1 in its middle; `turn` in radians."""
        ry = ry or rx
        reach = 3.4 * max(rx, ry)  # beyond it the blob is below a hundred-thousandth
        axis_x, axis_y = self.x[0], self.y[:, 0]
        columns = slice(*np.searchsorted(axis_x, (x - reach, x + reach)))
        rows = slice(*np.searchsorted(axis_y, (y - reach, y + reach)))
        dx, dy = axis_x[columns][None, :] - x, axis_y[rows][:, None] - y
        c, s = np.cos(turn), np.sin(turn)
        u, v = (dx * c + dy * s) / rx, (dy * c - dx * s) / ry
        blob: Map = np.zeros((self.size, self.size), np.float32)
        blob[rows, columns] = np.exp(-(u * u + v * v))
        return blob

    def pair(self, x: float, y: float, rx: float, ry: float | None = None, turn: float = 0.0) -> Map:
        """The same blob on both sides of the face."""
        return self.spot(x, y, rx, ry, turn) + self.spot(-x, y, rx, ry, -turn)

    def noise(self, units: float) -> Map:
        """Smooth noise of unit variance with features about `units` wide."""
        count = max(4, int(UNITS / units))
        coarse = self.random.standard_normal((count, count)).astype(np.float32)
        wide: Map = cv2.resize(coarse, (self.size, self.size), interpolation=cv2.INTER_CUBIC)
        return wide / max(1e-6, float(wide.std()))

    def paint(self, colour: tuple[float, float, float] | Map, coverage: Map) -> None:
        """Lay a colour (RGB 0..255, one or per pixel) over the drawing."""
        part = _touched(coverage)
        shade, cover = np.asarray(colour, np.float32), coverage[part]
        shade = shade[part] if shade.ndim == 3 else shade
        self.colour[part] += (shade - self.colour[part]) * cover[..., None]
        self.alpha[part] += (1 - self.alpha[part]) * cover

    def tint(self, factor: tuple[float, float, float], coverage: Map) -> None:
        """Multiply by a colour factor where `coverage` is 1."""
        part = _touched(coverage)
        self.colour[part] *= 1 + (np.asarray(factor, np.float32) - 1) * coverage[part][..., None]


def _touched(coverage: Map) -> tuple[slice, slice]:
    """The smallest part of the sheet that holds all coverage."""
    x, y, width, height = cv2.boundingRect((coverage > 1e-4).astype(np.uint8))
    return slice(y, y + height), slice(x, x + width)
