"""Short swept hair: a mass shaded as a volume, a texture of strands that flows with it, loose strands at its edges."""

from __future__ import annotations

import cv2
import numpy as np

from avatar_face.portrait.canvas import Curve, Map, Sheet, spline, step

_DARK, _MIDDLE, _SHINE = (30, 21, 18), (66, 44, 33), (128, 90, 63)
_PARTING = (-38.0, 138.0)  # where the strands begin

OUTER = spline([
    (-88, 236), (-93, 214), (-98, 186), (-100, 152), (-95, 118), (-82, 90), (-57, 70), (-20, 59), (24, 57), (62, 68),
    (90, 92), (101, 124), (103, 156), (99, 190), (93, 216), (88, 236),
])  # fmt: skip
INNER = spline([
    (84.5, 236), (83, 214), (80, 192), (75, 172), (66, 155), (48, 141), (22, 131), (-4, 127), (-26, 129), (-44, 137),
    (-60, 149), (-71, 162), (-77, 177), (-81, 194), (-83.5, 214), (-84.5, 236),
])  # fmt: skip


def _flow(sheet: Sheet) -> tuple[Map, Map]:
    """Strand coordinates: which strand a pixel lies on, and how far along it."""
    dx, dy = sheet.x - _PARTING[0], sheet.y - _PARTING[1]
    along = np.hypot(dx * 0.85, dy).astype(np.float32)
    strand = np.arctan2(dy, dx) + 0.0055 * along + 0.02 * sheet.noise(60)
    return strand.astype(np.float32), along


def _strand_texture(sheet: Sheet) -> Map:
    """Noise stretched along the strands, about -1..1."""
    strand, along = _flow(sheet)
    total = np.zeros_like(strand)
    for columns, rows, weight in ((150, 5, 0.45), (420, 9, 0.40), (1000, 16, 0.35)):
        noise = sheet.random.standard_normal((rows, columns)).astype(np.float32)
        at_x = (strand + np.pi) / (2 * np.pi) * (columns - 1)
        at_y = np.clip(along / 230, 0, 1) * (rows - 1)
        total += weight * cv2.remap(noise, at_x, at_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)
    return total * step(along, 6, 46)  # strands meet at the parting: no room for texture there


def _loose(sheet: Sheet, edge: Curve, count: int, outward: float, length: tuple[float, float]) -> Map:
    """Strands that leave an edge of the hair, bent along the flow."""
    total = np.zeros((sheet.size, sheet.size), np.uint8)
    for _ in range(count):
        k = int(sheet.random.integers(4, len(edge) - 4))
        start = edge[k] + sheet.random.normal(0, 1.2, 2)
        away = edge[k] - np.array(_PARTING)
        away = away / (np.linalg.norm(away) + 1e-6)
        tangent = edge[k + 2] - edge[k - 2]
        tangent = tangent / (np.linalg.norm(tangent) + 1e-6)
        size = sheet.random.uniform(*length)
        bend = tangent * sheet.random.uniform(-0.2, 0.9) + away * outward * sheet.random.uniform(0.1, 1.0)
        curve = spline(
            [tuple(start - bend * size * 0.6), tuple(start), tuple(start + bend * size * 0.7 + tangent * size * 0.2)], 5
        )
        value = int(255 * sheet.random.uniform(0.15, 0.6))
        cv2.polylines(total, [sheet.pixels(curve)], False, value, max(1, round(0.5 * sheet.unit)), cv2.LINE_AA, 4)
    return total.astype(np.float32) / 255


def draw(sheet: Sheet) -> None:
    """Hair over skin and ears, with the shadow it casts on the forehead."""
    texture = _strand_texture(sheet)
    # Strands, not a ruler, end the mass: its soft edge is cut where the texture says.
    mass = step(sheet.area(np.vstack([OUTER, INNER]), 2.4) + 0.09 * texture, 0.34, 0.70)
    cast = sheet.blur(np.roll(mass, (round(5 * sheet.unit), round(3 * sheet.unit)), (0, 1)), 4.0)
    sheet.tint((0.70, 0.58, 0.54), np.clip(cast - mass, 0, 1) * 0.62 * sheet.alpha)

    volume = np.clip(1 - ((sheet.x + 22) / 120) ** 2 - ((sheet.y - 92) / 95) ** 2, -0.4, 1)
    band = np.exp(-(((sheet.y - 84 - 0.0022 * (sheet.x + 20) ** 2) / 17) ** 2)) * step(-sheet.x, -80, 40)
    edge = sheet.blur(mass, 7)
    light = 0.30 + 0.32 * volume + 0.30 * band + 0.22 * texture - 0.30 * (1 - edge) - 0.18 * step(sheet.x, 30, 104)
    light = np.clip(light, 0, 1)
    stops = np.array([_DARK, _MIDDLE, _SHINE], float)
    colour = np.dstack([np.interp(light, (0.05, 0.5, 1.05), stops[:, i]) for i in range(3)]).astype(np.float32)
    sheet.paint(colour, mass)
    sheet.paint(_DARK, 0.85 * _loose(sheet, INNER[10:-10], 420, -0.9, (4, 9)))
    sheet.paint((44, 30, 24), 0.8 * _loose(sheet, OUTER, 320, 0.7, (4, 10)))
