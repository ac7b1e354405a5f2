"""Eyes, brows and lips: the parts people look at."""

from __future__ import annotations

import cv2
import numpy as np

from avatar_face.portrait import anatomy
from avatar_face.portrait.anatomy import EYE_X, EYE_Y, IRIS
from avatar_face.portrait.canvas import Curve, Map, Sheet, moved, spline, step


def _strokes(sheet: Sheet, curves: list[Curve], width: float, strength: tuple[float, float]) -> Map:
    """Many thin strokes, each of random strength, as one coverage map."""
    total = np.zeros((sheet.size, sheet.size), np.uint8)
    thick = max(1, round(width * sheet.unit))
    for curve in curves:
        value = int(255 * sheet.random.uniform(*strength))
        cv2.polylines(total, [sheet.pixels(curve)], False, value, thick, cv2.LINE_AA, 4)
    return total.astype(np.float32) / 255


def _eye(sheet: Sheet, side: int) -> None:
    flip = (side, 1)
    upper, lower = anatomy.UPPER_LID * flip, anatomy.LOWER_LID * flip
    opening = sheet.area(np.vstack([upper, lower[::-1]]), 0.35)
    cx, cy = side * EYE_X, EYE_Y
    lid_shadow = sheet.blur(sheet.area(np.vstack([moved(upper, 0, -14), (moved(upper, 0, 1.8))[::-1]])), 2.2)
    ball = np.clip(1 - ((sheet.x - cx) / 25) ** 2 - ((sheet.y - cy - 1) / 24) ** 2, 0, 1)
    white = np.array([228, 220, 215], np.float32) * (0.60 + 0.40 * ball)[..., None]
    white *= (1 - 0.42 * np.clip(lid_shadow, 0, 1))[..., None]
    sheet.paint(white, opening)
    sheet.paint((206, 140, 128), opening * sheet.spot(side * 22.5, 225.0, 3.0, 2.4) * 0.9)

    radius = np.hypot(sheet.x - cx, sheet.y - cy)
    angle = np.arctan2(sheet.y - cy, sheet.x - cx)
    fibres = np.zeros_like(radius)
    for waves in (23, 37, 61):
        fibres += np.sin(angle * waves + sheet.random.uniform(0, 6) + radius * 0.3)
    r = radius / IRIS
    glow = np.clip(0.5 + 0.5 * (sheet.y - cy) / IRIS, 0, 1)  # light leaves the iris opposite to where it enters
    iris = np.array([88, 62, 38], np.float32) * (0.72 + 0.75 * glow * (1 - r) + 0.06 * fibres)[..., None]
    iris += np.array([46, 30, 8], np.float32) * np.exp(-(((r - 0.50) / 0.16) ** 2))[..., None]
    iris *= (1 - 0.72 * step(r, 0.74, 1.02))[..., None]
    iris *= (1 - 0.45 * np.clip(lid_shadow, 0, 1))[..., None]
    sheet.paint(np.clip(iris, 0, 255), opening * (1 - step(radius, IRIS - 0.5, IRIS + 0.5)))
    sheet.paint((14, 10, 10), opening * (1 - step(radius, 3.1, 4.0)))
    sheet.paint((255, 255, 255), opening * sheet.spot(cx - 2.7, cy - 2.7, 1.9, 2.0))
    sheet.paint((255, 250, 240), opening * sheet.spot(cx + 2.8, cy + 3.0, 1.3, 1.0) * 0.35)

    # Upper lid: crease, thickness, lash line; the lower lid's wet rim.
    crease = upper * (1.0, 1) + (0, -5.6)
    crease[:, 1] += 3.0 * (np.linspace(-1, 1, len(crease)) ** 4)
    sheet.tint((0.66, 0.54, 0.50), 0.75 * sheet.line(crease, 0.9, 0.9))
    sheet.tint((0.84, 0.74, 0.70), 0.50 * sheet.blur(sheet.line(moved(crease, 0, 2.4), 3.2), 1.8))
    sheet.paint((226, 176, 160), 0.55 * sheet.line(moved(lower, 0, 0.5), 0.9, 0.45))
    sheet.tint((0.80, 0.68, 0.64), 0.40 * sheet.line(moved(lower, 0, 1.7), 0.9, 0.8))
    count = len(upper)
    taper = np.linspace(0.5, 1.15, count)
    thick_line = np.vstack([moved(upper, 0, 0.5), (upper - np.c_[np.zeros(count), 1.25 * taper])[::-1]])
    sheet.paint((34, 22, 20), 0.92 * sheet.area(thick_line, 0.4))

    lashes, below = [], []
    for i in np.linspace(0.18, 1.0, 30):
        k = min(count - 1, int(i * (count - 1)))
        x, y = upper[k]
        lean = side * (i - 0.35) * 2.6 + sheet.random.normal(0, 0.25)
        tall = 1.2 + 1.3 * i + sheet.random.normal(0, 0.2)
        lashes.append(spline([(x, y - 0.6), (x + lean * 0.4, y - 0.6 - tall * 0.35), (x + lean, y - 0.6 - tall)], 5))
    for i in np.linspace(0.35, 0.97, 15):
        x, y = lower[int(i * (count - 1))]
        lean = side * (i - 0.4) * 2.2
        below.append(spline([(x, y + 0.6), (x + lean * 0.5, y + 1.5), (x + lean, y + 2.5)], 4))
    sheet.paint((30, 20, 18), _strokes(sheet, lashes, 0.42, (0.45, 0.8)))
    sheet.paint((60, 40, 34), _strokes(sheet, below, 0.35, (0.12, 0.28)))


def _brow(sheet: Sheet, side: int) -> None:
    curve = anatomy.BROW * (side, 1)
    count = len(curve)
    along = np.linspace(0, 1, count)
    half = np.interp(along, [0, 0.12, 0.5, 0.8, 1], [2.6, 4.1, 3.9, 2.6, 0.7])
    band = np.vstack([curve - np.c_[np.zeros(count), half], (curve + np.c_[np.zeros(count), half])[::-1]])
    sheet.paint((58, 40, 32), 0.60 * sheet.area(band, 1.5))
    hairs = []
    for _ in range(380):
        i = sheet.random.uniform(0, 1)
        k = min(count - 2, int(i * (count - 1)))
        x, y = curve[k]
        tangent = curve[k + 1] - curve[k]
        tangent /= np.linalg.norm(tangent)
        spread = sheet.random.uniform(-1, 1)
        rise = np.interp(i, [0, 0.25, 0.6, 1], [1.3, 0.75, 0.25, 0.0]) - 0.35 * spread * (i > 0.3)
        along_hair = moved(tangent, 0, -rise)
        along_hair *= sheet.random.uniform(4.0, 6.5) / np.linalg.norm(along_hair)
        start = np.array([x, y + spread * half[k] * 0.9])
        bend = start + along_hair * 0.5 + (0, -0.3)
        end = start + along_hair + (0, 0.6 * (i > 0.4))
        hairs.append(spline([tuple(start), tuple(bend), tuple(end)], 4))
    sheet.paint((40, 27, 22), _strokes(sheet, hairs, 0.5, (0.30, 0.70)))


def _lips(sheet: Sheet) -> None:
    seam = anatomy.whole(anatomy.SEAM)
    top, bottom = anatomy.whole(anatomy.UPPER_LIP), anatomy.whole(anatomy.LOWER_LIP)
    above = sheet.area(np.vstack([top, seam[::-1]]), 1.0)
    below = sheet.area(np.vstack([bottom, seam[::-1]]), 1.2)
    sheet.tint((0.83, 0.60, 0.60), 0.82 * above)
    sheet.tint((0.93, 0.68, 0.68), 0.78 * below)
    lips = np.clip(above + below, 0, 1)
    ridges = 0.5 * np.sin(sheet.x * 2.1 + 2.0 * sheet.noise(14)) + 0.5 * sheet.noise(2.5)
    sheet.colour *= (1 + 0.018 * ridges * lips)[..., None]
    shine = sheet.spot(-7, 308.3, 9, 2.2, 0.05) + 0.5 * sheet.spot(9, 308.6, 6, 1.8)
    sheet.paint((255, 226, 216), 0.30 * shine * below)
    sheet.paint(
        (255, 230, 216), 0.22 * (sheet.line(moved(top, 0, -1.2), 0.9, 0.8)) * (1 - step(np.abs(sheet.x), 8, 26))
    )
    sheet.tint((0.42, 0.28, 0.28), 0.80 * sheet.line(seam, 1.0, 0.55))
    sheet.tint((0.70, 0.55, 0.55), 0.45 * sheet.blur(sheet.line(moved(seam, 0, -0.8), 2.0), 1.3))
    for side in (-1, 1):
        sheet.tint((0.62, 0.46, 0.44), 0.55 * sheet.spot(side * 33.5, 298.6, 2.6, 1.7))
    sheet.tint((0.86, 0.77, 0.74), 0.40 * sheet.spot(0, 319.0, 17, 3.2))


def draw(sheet: Sheet) -> None:
    """All of them, over the skin."""
    for side in (-1, 1):
        _eye(sheet, side)
        _brow(sheet, side)
    _lips(sheet)
