"""The whole picture: a softly lit room out of focus, shoulders in a knitted jumper, and the head."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_face.geometry import Face
from avatar_face.portrait import anatomy, features, hair, skin
from avatar_face.portrait.canvas import UNITS, Map, Sheet, moved, spline, step

_FINE = 1024  # pixels; smaller pictures are drawn at twice their size, then averaged


def _room(width: int, height: int) -> Map:
    """A window's light from the left on a warm wall, a shelf and a plant far out of focus; RGB."""
    unit = height / UNITS
    x = ((np.arange(width, dtype=np.float32) + 0.5) / unit - width / unit / 2)[None, :]
    y = ((np.arange(height, dtype=np.float32) + 0.5) / unit)[:, None]
    glow = np.exp(-(((x + 250) / 300) ** 2) - ((y - 130) / 300) ** 2)
    base: Map = np.array([124, 126, 126], np.float32) + glow[..., None] * np.array([104, 97, 84], np.float32)
    base *= (1 - 0.26 * np.clip((x + 40) / 420, 0, 1) * np.ones_like(y))[..., None]
    base *= (1 - 0.14 * np.clip((y - 250) / 260, 0, 1) * np.ones_like(x))[..., None]

    def block(x0: float, y0: float, x1: float, y1: float, soft: float) -> Map:
        return (
            step(x, x0 - soft, x0 + soft)
            * (1 - step(x, x1 - soft, x1 + soft))
            * (step(y, y0 - soft, y0 + soft) * (1 - step(y, y1 - soft, y1 + soft)))
        )

    def lay(colour: tuple[float, float, float], cover: Map) -> None:
        base[:] += (np.array(colour, np.float32) - base) * cover[..., None]

    lay((236, 236, 228), 0.55 * block(-520, -40, -196, 250, 26))
    lay((92, 78, 66), 0.55 * block(150, 236, 620, 250, 9))
    lay((92, 78, 66), 0.55 * block(150, 112, 620, 124, 9))
    for at, wide, tall, colour in (
        (168, 14, 66, (120, 92, 78)), (187, 12, 78, (86, 104, 110)), (205, 16, 60, (150, 132, 104)),
        (226, 12, 72, (78, 74, 84)), (300, 44, 46, (170, 152, 128)), (380, 20, 70, (94, 110, 98)),
    ):  # fmt: skip
        lay(colour, 0.50 * block(at, 236 - tall, at + wide, 236, 6))
    for dx, dy, r in ((0, 0, 26), (22, -18, 22), (-20, -22, 20), (6, -42, 20), (34, 6, 18)):
        spot = np.exp(-(((x - 196 - dx) / r) ** 2) - ((y - 92 - dy) / r) ** 2)
        lay((88, 108, 84), 0.42 * spot.astype(np.float32))
    return base


def _jumper(sheet: Sheet) -> None:
    shoulders = np.vstack([
        spline([(-252, 540), (-232, 466), (-190, 428), (-122, 406), (-70, 386)]),
        spline([(-70, 386), (-50, 409), (0, 424), (50, 409), (70, 386)]),
        spline([(70, 386), (122, 406), (190, 428), (232, 466), (252, 540)]),
    ])  # fmt: skip
    cover = sheet.area(shoulders, 0.9)
    round_ = np.sqrt(np.clip(1 - (np.abs(sheet.x) / 262) ** 2.6, 0, 1)) * 90
    fall = -0.0016 * np.clip(sheet.y - 400, 0, None) ** 2
    folds = 1.6 * sheet.noise(60) + 2.2 * sheet.pair(120, 466, 16, 60, 0.8) - 2.2 * sheet.pair(146, 478, 16, 60, 0.8)
    light = skin.lit(sheet, (round_ + fall + sheet.blur(folds, 5)).astype(np.float32))
    rows = 0.5 + 0.5 * np.sin(sheet.y * 2.2 + 0.6 * np.sin(sheet.x * 1.4))
    knit = 0.05 * rows * (0.5 + 0.5 * np.sin(sheet.x * 1.55)) + 0.016 * sheet.noise(1.2)
    colour = np.array([52, 74, 92], np.float32) * (0.28 + 1.15 * light + knit)[..., None]
    colour += np.array([26, 30, 34], np.float32) * step(light, 0.55, 0.95)[..., None]
    sheet.paint(colour, cover)
    rim = spline([(-71, 384), (-52, 407), (0, 423), (52, 407), (71, 384)], 12)
    collar = np.vstack([moved(rim, 0, -3.0), (moved(rim * (1.10, 1), 0, 11))[::-1]])
    ribs = 0.5 + 0.5 * np.sin(np.arctan2(sheet.x, 450 - sheet.y) * 130)
    band = sheet.area(collar, 0.7)
    tone = np.array([48, 69, 86], np.float32) * (0.62 + 0.62 * light + 0.12 * ribs)[..., None]
    sheet.paint(tone, band)
    sheet.tint((0.62, 0.62, 0.66), 0.5 * sheet.line(moved(rim * (1.10, 1), 0, 11.5), 1.4, 1.1))
    sheet.tint((0.52, 0.42, 0.40), 0.55 * sheet.blur(sheet.line(moved(rim, 0, -4.5), 3.0), 1.8) * (1 - band))


def draw(width: int, height: int) -> tuple[NDArray[np.uint8], Face]:
    """The portrait as BGR uint8 [height, width, 3] and its exact outlines in pixels."""
    sheet = Sheet(height * 2 if height * 2 <= _FINE else height)
    skin.draw(sheet)
    _jumper(sheet)
    features.draw(sheet)
    hair.draw(sheet)
    colour = cv2.resize(sheet.colour, (height, height), interpolation=cv2.INTER_AREA)  # premultiplied
    alpha = cv2.resize(sheet.alpha, (height, height), interpolation=cv2.INTER_AREA)[..., None]
    picture = _room(width, height)
    left = (width - height) // 2
    into, out = max(0, left), max(0, -left)
    span = min(width, height)
    part = picture[:, into : into + span]
    part[:] = colour[:, out : out + span] + part * (1 - alpha[:, out : out + span])
    picture += np.random.default_rng(3).normal(0, 1.1, (height, width, 1)).astype(np.float32)
    image = np.clip(picture[..., ::-1] + 0.5, 0, 255).astype(np.uint8)
    unit = height / UNITS
    face = anatomy.landmarks().moved(unit, (width / 2 - 0.5, -0.5))
    return np.ascontiguousarray(image), face
