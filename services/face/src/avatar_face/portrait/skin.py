"""Skin: a height map of head, neck and features, lit from the upper left, coloured by a ramp of skin tones."""

from __future__ import annotations

import numpy as np

from avatar_face.portrait import anatomy
from avatar_face.portrait.canvas import Curve, Map, Sheet, moved, spline, step

# Skin from deep shade to full light (RGB); shade is redder than light, as light that passes through skin is.
_RAMP_AT = (0.0, 0.20, 0.42, 0.62, 0.82, 1.0)
_RAMP = np.array(
    [(74, 38, 30), (124, 70, 54), (178, 116, 92), (214, 158, 131), (236, 192, 166), (252, 222, 200)], float
)
_LIGHT = np.array([-0.42, -0.46, 0.78])
_FILL = np.array([0.75, 0.05, 0.55])


def ramp(light: Map) -> Map:
    """Skin colour [h, w, 3] for light 0..1."""
    flat = np.clip(light, 0, 1)
    return np.dstack([np.interp(flat, _RAMP_AT, _RAMP[:, i]) for i in range(3)]).astype(np.float32)


def lit(sheet: Sheet, height: Map) -> Map:
    """Light 0..1 on a height map in design units: a key light, a weak fill and darkening of hollows."""
    gy, gx = np.gradient(height, 1 / sheet.unit)
    norm = np.sqrt(gx * gx + gy * gy + 1)
    key = np.clip((-gx * _LIGHT[0] - gy * _LIGHT[1] + _LIGHT[2]) / norm, 0, None)
    fill = np.clip((-gx * _FILL[0] - gy * _FILL[1] + _FILL[2]) / norm, 0, None)
    light: Map = (0.16 + 0.62 * key + 0.16 * fill).astype(np.float32)
    return light


def _head(sheet: Sheet) -> Map:
    """Height of the face in design units."""
    half = anatomy.OVAL_HALF
    rows = sheet.y[:, 0]
    width = np.interp(rows, half[:, 1], np.maximum(half[:, 0], 1), left=80, right=1)
    crown = np.sqrt(np.clip(1 - ((rows - 215) / 160) ** 2, 0.02, 1)) * 90
    width = np.where(rows < 200, np.maximum(np.interp(rows, [60, 130, 200], [55, 82, 86.5]), 40), width)
    across = np.clip(np.abs(sheet.x) / (width[:, None] + 3), 0, 0.995)
    dome = np.sqrt(1 - across**2.3)
    z: Map = (dome * np.minimum(crown, 92)[:, None]).astype(np.float32)
    z = sheet.blur(z, 3.0)
    ridge = np.interp(rows, [196, 212, 238, 258, 266, 276], [1.5, 4.0, 9.5, 14.5, 13, 0])
    thick = np.interp(rows, [196, 212, 240, 266], [9.5, 7.8, 9.0, 11.5])
    z += (ridge[:, None] * np.exp(-((sheet.x / thick[:, None]) ** 2))).astype(np.float32)
    z += 6.0 * sheet.spot(0, 262, 10.5, 8.5) + 6.5 * sheet.pair(12.5, 267.5, 6.0, 5.2)
    z -= 2.4 * sheet.pair(20.0, 263, 4.5, 9)
    z += 3.2 * sheet.pair(36, 199, 26, 8, -0.12) + 2.0 * sheet.spot(0, 196, 18, 9)
    z -= 7.5 * sheet.pair(36, 216, 21, 12) + 3.5 * sheet.pair(18.5, 216, 8, 9)
    z += 5.2 * sheet.pair(39, 222, 17, 11)
    z -= 1.6 * sheet.pair(37, 237, 17, 4.5, 0.10)
    z += 4.2 * sheet.pair(50, 252, 25, 18, 0.35)
    z += 5.0 * sheet.spot(0, 300, 34, 22) - 0.9 * sheet.spot(0, 283, 3.4, 8)
    z += 1.4 * sheet.pair(5.5, 284, 3, 8)
    z -= 1.8 * sheet.pair(37, 300, 6, 9) + 3.0 * sheet.spot(0, 321, 20, 5)
    z += 6.0 * sheet.spot(0, 338, 21, 14) - 3.0 * sheet.pair(72, 300, 14, 26)
    z -= 2.5 * sheet.pair(74, 190, 12, 24)
    return z


def _lip_height(sheet: Sheet) -> Map:
    """How the lips rise from the face: two rolls that meet in the seam."""
    seam = anatomy.whole(anatomy.SEAM)
    above = np.vstack([anatomy.whole(anatomy.UPPER_LIP), seam[::-1]])
    below = np.vstack([anatomy.whole(anatomy.LOWER_LIP), seam[::-1]])
    rolls = 3.2 * sheet.area(above, 2.6) + 5.4 * sheet.area(below, 3.2)
    rise: Map = (rolls - 2.4 * sheet.line(seam, 1.6, 1.2)).astype(np.float32)
    return rise


def neck_outline() -> Curve:
    """Neck with the start of the shoulders."""
    return np.vstack([
        spline([(-60, 300), (-60, 342), (-63, 368), (-78, 392), (-130, 430)]),
        spline([(130, 430), (78, 392), (63, 368), (60, 342), (60, 300)]),
    ])  # fmt: skip


def _nostrils(sheet: Sheet) -> None:
    for side in (-1, 1):
        hole = spline(
            [(side * 4.0, 272.6), (side * 7.5, 270.4), (side * 11.5, 271.0), (side * 12.2, 273.2), (side * 7.5, 273.8)],
            6,
            closed=True,
        )
        sheet.tint((0.34, 0.24, 0.22), 0.72 * sheet.area(hole, 1.0))
        wing = spline([(side * 17.2, 262.5), (side * 18.6, 268), (side * 16.2, 272.4), (side * 12.5, 273.2)], 6)
        sheet.tint((0.72, 0.58, 0.54), 0.55 * sheet.line(wing, 1.2, 1.0))
    under = spline([(-13, 274.5), (-6, 275.2), (0, 276.6), (6, 275.2), (13, 274.5)], 6)
    sheet.tint((0.76, 0.64, 0.60), 0.6 * sheet.line(under, 1.6, 1.5))


def _ear(sheet: Sheet, side: int) -> None:
    outline = spline([(side * x, y) for x, y in (
        (84, 222), (88, 210), (95, 206), (101, 211), (102, 224), (99, 239), (95, 252), (90, 262), (85, 258)
    )], 8, closed=True)  # fmt: skip
    cover = sheet.area(outline, 0.6)
    tone = 0.60 if side < 0 else 0.44
    inner = spline([(side * x, y) for x, y in ((89, 216), (95, 212), (97, 221), (94, 234), (90, 244))], 8)
    hollow = sheet.spot(side * 90, 234, 4.5, 9)
    light = np.full_like(cover, tone) - 0.20 * sheet.line(inner, 3, 1.6) - 0.24 * hollow
    light += 0.10 * sheet.line(moved(inner, side * 3.5, -1), 2, 1.4)
    sheet.paint(ramp(light), cover)
    sheet.tint((1.0, 0.92, 0.90), cover)


def draw(sheet: Sheet) -> None:
    """Neck, ears and face, without eyes, brows and lip colour."""
    neck = sheet.area(neck_outline(), 0.8)
    column = np.sqrt(np.clip(1 - (np.abs(sheet.x) / 78) ** 2.4, 0.0, 1)) * 52
    cords = 4 * sheet.pair(26, 384, 9, 46, 0.30) - 5 * sheet.spot(0, 398, 11, 14)
    light = lit(sheet, sheet.blur((column + cords).astype(np.float32), 3.0)) - 0.10
    cast = sheet.blur(sheet.area(moved(anatomy.face_outline(), 10, 24), 0), 9.0)
    light = light * (1 - 0.50 * cast) - 0.10 * step(sheet.x, 10, 60)
    sheet.paint(ramp(light), neck)
    for side in (-1, 1):
        _ear(sheet, side)

    face = sheet.area(anatomy.face_outline(), 0.7)
    face = np.maximum(face, sheet.area(spline([(-84, 190), (-70, 110), (0, 88), (70, 110), (84, 190)], 10), 1.0))
    height = _head(sheet) + _lip_height(sheet)
    light = lit(sheet, sheet.blur(height, 1.7))
    hollow = sheet.blur(height, 9.0) - sheet.blur(height, 1.5)
    light -= 0.022 * np.clip(hollow, -1.5, 6)
    light += 0.012 * sheet.noise(1.3) * 0.6 + 0.008 * sheet.noise(9)
    shadow_side = step(sheet.x, -10, 86)
    light = light - 0.10 * shadow_side - 0.05 * step(sheet.y, 250, 356)
    colour = ramp(light * 1.04)
    flush = 0.55 * sheet.pair(52, 262, 24, 20) + 0.45 * sheet.spot(0, 263, 13, 9) + 0.20 * sheet.spot(0, 340, 20, 12)
    colour *= 1 - flush[..., None] * np.array([0.0, 0.10, 0.095], np.float32)
    cool = 0.30 * sheet.pair(37, 233, 16, 5, 0.1)
    colour *= 1 - cool[..., None] * np.array([0.10, 0.12, 0.06], np.float32)
    sheet.paint(colour, face)
    shine = 0.55 * sheet.spot(-3.5, 259.5, 4.0, 3.4) + 0.20 * sheet.spot(-2.2, 238, 2.4, 14)
    shine += 0.24 * sheet.spot(-30, 152, 26, 13, -0.25) + 0.18 * sheet.spot(-56, 246, 13, 8, 0.5)
    shine += 0.10 * sheet.spot(46, 246, 12, 8, -0.5) + 0.15 * sheet.spot(-5, 338, 8, 5)
    sheet.paint((255, 240, 226), np.clip(shine, 0, 1) * 0.55 * face)
    _nostrils(sheet)
    for side in (-1, 1):
        fold = spline([(side * 20, 268), (side * 28, 279), (side * 36, 291), (side * 38.5, 300)], 8)
        sheet.tint((0.84, 0.74, 0.72), 0.30 * sheet.line(fold, 1.6, 2.4))
