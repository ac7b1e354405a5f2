"""The inner mouth, drawn to fit a face: depth, palate, tongue and two rows of teeth.

A photo rarely shows it, so it is painted: colours follow the face's own brightness. Positions are in the mouth's
frame: `u` across in mouth widths from the middle between the corners, `v` down in face heights from the inner edge of
the upper lip (teeth, depth) or of the lower lip (tongue and lower teeth).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_face.geometry import Face, Points
from avatar_face.warp.fields import Box

Colour = NDArray[np.floating[Any]]
Layer = NDArray[np.uint8]

SHOWN_GAP = 0.03  # lips further apart than this (face heights) show the photo's own teeth


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of teeth: relative widths and lengths, the row's span in mouth widths, its top and length."""

    widths: tuple[float, ...]
    lengths: tuple[float, ...]
    span: float
    top: float
    length: float
    upper: bool


_UPPER = _Row(
    widths=(0.60, 0.76, 0.84, 0.86, 1.12, 1.12, 0.86, 0.84, 0.76, 0.60),
    lengths=(0.82, 0.88, 0.94, 0.93, 1.0, 1.0, 0.93, 0.94, 0.88, 0.82),
    span=0.84, top=-0.070, length=0.080, upper=True,
)  # fmt: skip
_LOWER = _Row(
    widths=(0.9, 0.95, 0.9, 0.8, 0.8, 0.9, 0.95, 0.9),
    lengths=(0.85, 0.9, 0.95, 1.0, 1.0, 0.95, 0.9, 0.85),
    span=0.60, top=-0.006, length=0.036, upper=False,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cavity:
    """Three layers of the inner mouth, back to front; the last two are premultiplied BGRA."""

    depth: Layer  # [h, w, 3], opaque, moves with the head only
    jaw: Layer  # [h, w, 4], tongue and lower teeth, falls with the jaw
    teeth: Layer  # [h, w, 4], upper teeth and gum, still


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the mouth lies in the box being painted."""

    face: Face
    middle: Points  # where u and v are 0, in pixels of the box
    origin: Points  # of the box in the picture
    u: Colour
    v: Colour
    brightness: float

    def to_box(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> Points:
        face = self.face
        points = self.middle + np.outer(u * face.mouth_width, face.across)
        placed: Points = points + np.outer(v * face.height, face.down)
        return placed


def paint(image: Layer, face: Face, box: Box) -> Cavity:
    """Paint the inner mouth of `face` for the pixels of `box`."""
    brightness = _brightness(image, face)
    upper, lower = (_place(face, box, lip[5], brightness) for lip in (face.inner_upper, face.inner_lower))
    return Cavity(_depth(upper), _jaw(lower), _teeth(image, upper, box))


def _place(face: Face, box: Box, lip: Points, brightness: float) -> _Place:
    """The frame of one row of teeth: in the middle of the mouth, at the height of a lip's edge."""
    x0, y0, x1, y1 = box
    y, x = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    across, down = face.across, face.down
    middle = face.mouth_centre + down * ((lip - face.mouth_centre) @ down)
    dx, dy = x - middle[0], y - middle[1]
    u = ((dx * across[0] + dy * across[1]) / face.mouth_width).astype(np.float32)
    v = ((dx * down[0] + dy * down[1]) / face.height).astype(np.float32)
    origin = np.array([x0, y0], float)
    return _Place(face, middle - origin, origin, u, v, brightness)


def _brightness(image: Layer, face: Face) -> float:
    """The light on the cheeks, 1 for a well-lit face."""
    samples = []
    for cheek in face.cheeks[2:4]:
        cx, cy = np.clip(np.round(cheek).astype(int), 3, np.array(image.shape[1::-1]) - 4)
        samples.append(np.median(image[cy - 3 : cy + 4, cx - 3 : cx + 4].reshape(-1, 3), axis=0).mean())
    return float(np.clip(np.mean(samples) / 175.0, 0.35, 1.15))


def _depth(place: _Place) -> Layer:
    """Darkness that deepens towards the middle of the throat; the walls keep some warm light."""
    fall = np.clip(place.v / 0.14, 0, 1)
    wall = np.clip(np.abs(place.u) / 0.40, 0, 1) ** 2
    light = 0.30 + 0.22 * fall + 0.42 * wall * (1 - 0.4 * fall)
    colour = np.array([30, 24, 68], np.float32) * place.brightness
    throat = np.exp(-((place.u / 0.20) ** 2) - ((place.v - 0.05) / 0.035) ** 2)
    shaded = colour * light[..., None] * (1 - 0.65 * throat[..., None])
    return _bytes(shaded)


def _drawn(place: _Place, row: _Row, arch: float) -> tuple[Colour, Colour]:
    """Coverage [h, w] and light [h, w] of a row, the light from 0 in the gaps to 1 in the middle of a tooth."""
    fine = 4
    h, w = place.u.shape
    cover, bright = np.zeros((h * fine, w * fine), np.uint8), np.zeros((h * fine, w * fine), np.uint8)
    edges = np.concatenate([[0.0], np.cumsum(row.widths)]) / sum(row.widths) * row.span - row.span / 2
    for left, right, share in zip(edges[:-1], edges[1:], row.lengths, strict=True):
        middle, width = (left + right) / 2, right - left
        bend = arch * (middle / (row.span / 2)) ** 2
        for inset, canvas in ((0.0, cover), (0.16, bright)):
            a, b = left + width * inset / 2, right - width * inset / 2
            r, tall = 0.24 * width, row.length * share
            biting = row.top + bend + (tall if row.upper else 0)
            root = row.top + bend + (0 if row.upper else tall)
            inward = -1 if row.upper else 1
            round_v = 0.16 * tall * inward
            us = np.array([a, b, b, b - r, a + r, a])
            vs = np.array([root, root, biting + round_v, biting, biting, biting + round_v])
            outline = place.to_box(us, vs) * fine
            cv2.fillPoly(canvas, [np.round(outline).astype(np.int32)], 255)
    smooth = max(0.5, 0.0022 * place.face.height)
    found = []
    for canvas, blur in ((cover, smooth), (bright, smooth * 1.5)):
        small = cv2.resize(canvas, (w, h), interpolation=cv2.INTER_AREA)
        found.append(cv2.GaussianBlur(small, (0, 0), blur).astype(np.float32) / 255)
    return found[0], found[1]


def _bytes(values: Colour) -> Layer:
    clipped: Layer = np.clip(values, 0, 255).astype(np.uint8)
    return clipped


def _premultiplied(colour: Colour, alpha: Colour) -> Colour:
    return np.dstack([colour * alpha[..., None], alpha * 255]).astype(np.float32)


def _over(front: Colour, back: Colour) -> Colour:
    """Compose two premultiplied layers."""
    result: Colour = front + back * (1 - front[..., 3:] / 255)
    return result


def _ivory(place: _Place, light: Colour, shade: float) -> Colour:
    turn = np.clip(1.04 - 2.3 * np.abs(place.u) ** 1.9, 0.18, 1)  # the arch turns away into the cheeks' shadow
    ivory = np.array([188, 210, 222], np.float32) * min(1.04, place.brightness)
    coloured: Colour = ivory * ((0.72 + 0.28 * light) * turn * shade)[..., None]
    return coloured


def _teeth(image: Layer, place: _Place, box: Box) -> Layer:
    """Upper teeth under a strip of gum; a photo that shows its own teeth keeps them in front."""
    arch = -0.008
    own = place.face.mouth_gap > SHOWN_GAP
    gum_line = (-0.006 if own else _UPPER.top + 0.012) + arch * (place.u / 0.42) ** 2
    gum = np.clip((gum_line - place.v) / 0.008, 0, 1) * np.clip((0.46 - np.abs(place.u)) / 0.06, 0, 1)
    pink = np.array([92, 84, 158], np.float32) * place.brightness * 0.8
    layer = _premultiplied(np.broadcast_to(pink, (*gum.shape, 3)), gum.astype(np.float32))
    if own:
        layer = _over(_own_teeth(image, place, box), layer)
    else:
        cover, light = _drawn(place, _UPPER, arch)
        layer = _over(layer, _premultiplied(_ivory(place, light, 0.95), cover))
    return _bytes(layer)


def _own_teeth(image: Layer, place: _Place, box: Box) -> Colour:
    """What the photo shows between the lips, as a layer with a soft edge."""
    x0, y0, x1, y1 = box
    mask = np.zeros(place.u.shape, np.uint8)
    ring = np.vstack([place.face.inner_upper, place.face.inner_lower[::-1]]) - place.origin
    cv2.fillPoly(mask, [np.round(ring * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    mask = cv2.GaussianBlur(cv2.erode(mask, np.ones((3, 3), np.uint8)), (0, 0), 1.0)
    return _premultiplied(image[y0:y1, x0:x1].astype(np.float32), mask.astype(np.float32) / 255)


def _jaw(place: _Place) -> Layer:
    """The tongue, lit from above with a groove in its middle, behind the lower teeth."""
    u, v = place.u, place.v
    face = place.face
    curve = (face.inner_lower[[0, -1]].mean(axis=0) - face.inner_lower[5]) @ face.down / face.height
    arch = -0.006 + 0.25 * float(min(0.0, curve))  # the row follows a smiling lip
    cover, light = _drawn(place, _LOWER, arch)
    cover *= np.clip((0.31 - np.abs(u)) / 0.07, 0, 1)
    teeth = _premultiplied(_ivory(place, light, 0.62), cover)
    rise = (v + 0.060) / 0.070
    disc = (u / 0.33) ** 2 + ((rise - 1.0) / 0.95) ** 2
    alpha = np.clip((1.0 - disc) / 0.35, 0, 1)
    dome = np.clip(1.15 - 0.7 * disc, 0.2, 1.2)
    groove = 1 - 0.22 * np.exp(-((u / 0.025) ** 2)) * np.clip(rise, 0, 1)
    shine = np.exp(-(((np.abs(u) - 0.085) / 0.05) ** 2) - ((rise - 0.52) / 0.16) ** 2)
    flesh = np.array([78, 68, 150], np.float32) * place.brightness * 0.80
    colour = flesh * (dome * groove)[..., None] + 26 * place.brightness * shine[..., None]
    tongue = _premultiplied(colour.astype(np.float32), alpha.astype(np.float32))
    return _bytes(_over(teeth, tongue))
