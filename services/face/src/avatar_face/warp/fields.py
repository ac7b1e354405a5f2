"""Displacement fields of the mouth, the eyelids and the head: how far each part of the picture moves per control.

A field is a forward displacement in pixels on a lattice of one node per `STEP` (mouth, lids) or `HEAD_STEP` (head)
pixels, float32 [rows, columns, 2]. Node i of a box that starts at x0 lies at x0 + (i + 0.5) * step - 0.5, which is
where `cv2.resize` puts it when the lattice is enlarged to pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_face.geometry import Face, Points
from avatar_face.warp import plate

STEP = 4
HEAD_STEP = 8
JAW_DROP = 0.20  # how far the chin falls at jaw = 1, in face heights

Field = NDArray[np.float32]
Box = tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels

# The jaw in the oval, from the chin outwards, with the share of the jaw's drop each part follows.
_JAW_PARTS: tuple[tuple[tuple[int, ...], float], ...] = (
    ((18, 19, 20, 17, 16, 21, 15), 0.92),
    ((22, 14, 23, 13), 0.62),
    ((24, 12), 0.30),
    ((25, 11), 0.08),
)
_EARS = (28, 8, 27, 9, 26, 10)


def lattice(box: Box, step: int) -> NDArray[np.float64]:
    """Pixel positions of the nodes of a box, [rows, columns, 2]."""
    x0, y0, x1, y1 = box
    half = (step - 1) / 2
    grid = np.meshgrid(np.arange(x0, x1, step) + half, np.arange(y0, y1, step) + half)
    return np.dstack(grid)


def aligned(box: tuple[float, float, float, float], width: int, height: int) -> Box:
    """Clip a box to the picture and round it to whole lattice nodes."""

    def snap(value: float, most: int) -> int:
        return int(np.clip(value, 0, most)) // STEP * STEP

    x0, y0, x1, y1 = box
    return snap(x0, width), snap(y0, height), snap(x1, width), snap(y1, height)


def mouth_box(face: Face, width: int, height: int) -> Box:
    """The part of the picture that the mouth moves: from the nose to the throat, ear to ear."""
    oval, size = face.oval, face.height
    left, right = oval[:, 0].min() - 0.22 * size, oval[:, 0].max() + 0.22 * size
    top, bottom = face.nose[0, 1] - 0.10 * size, oval[18, 1] + 0.45 * size
    return aligned((left, top, right, bottom), width, height)


def _border(box: Box, count: int) -> Points:
    x0, y0, x1, y1 = box
    ends = np.linspace(0, 1, count)
    along_x, along_y = x0 + ends * (x1 - x0), y0 + ends * (y1 - y0)
    sides = [np.c_[along_x, np.full(count, y)] for y in (y0, y1)]
    sides += [np.c_[np.full(count, x), along_y] for x in (x0, x1)]
    return np.unique(np.vstack(sides), axis=0)


class _Plate:
    """Pins named groups of points and solves for several displacement fields at once."""

    def __init__(self, face: Face, box: Box) -> None:
        self.face, self.box = face, box
        self.groups: dict[str, Points] = {}

    def pin(self, name: str, points: Points) -> None:
        self.groups[name] = points

    def solve(self, moves: list[dict[str, Points]]) -> Field:
        """One field per dict of group -> displacement; groups a dict does not name stay where they are."""
        points = np.vstack(list(self.groups.values()))
        still = {name: np.zeros_like(group) for name, group in self.groups.items()}
        values = np.hstack([np.vstack([(still | move)[name] for name in self.groups]) for move in moves])
        nodes = lattice(self.box, STEP)
        scale = self.face.height
        found = plate.interpolate(points / scale, values / scale, nodes.reshape(-1, 2) / scale) * scale
        shaped = found.reshape(*nodes.shape[:2], len(moves), 2)
        return np.ascontiguousarray(shaped.transpose(2, 0, 1, 3)).astype(np.float32)


def _fade(rows: int, columns: int) -> Field:
    """1 inside, falling smoothly to 0 at the border, so that the warped part joins the rest without a seam."""

    def ramp(count: int) -> NDArray[np.float64]:
        nearest = np.minimum(np.arange(count), np.arange(count)[::-1])
        x = np.clip(nearest / (0.14 * count), 0, 1)
        faded: NDArray[np.float64] = x * x * (3 - 2 * x)
        return faded

    return (ramp(rows)[:, None] * ramp(columns)[None])[..., None].astype(np.float32)


def mouth_fields(face: Face, box: Box) -> tuple[Field, Field]:
    """Fields [6, rows, columns, 2] of the upper and the lower layer for jaw, wide, round, close, bare and tuck.

    `bare` raises the upper and drops the lower lip (teeth show, as in "s" and "ee"); `tuck` lifts the lower lip
    under the upper teeth (as in "f"). Beside the mouth both layers get the same field, so no seam can open there.
    """
    size, width, across, down = face.height, face.mouth_width, face.across, face.down
    t = np.abs(np.linspace(-1, 1, 11))

    def along(weights: NDArray[np.float64] | list[float], direction: Points) -> Points:
        return np.outer(np.asarray(weights), direction)

    def side(points: Points) -> NDArray[np.float64]:
        """Position across the mouth: -1 at the left corner, 1 at the right one."""
        where: NDArray[np.float64] = ((points - face.mouth_centre) @ across) / (width / 2)
        return where

    names = ("outer_upper", "inner_upper", "outer_lower", "inner_lower")
    neck = np.array([face.oval[18] + down * size * 0.18, face.oval[18] + down * size * 0.30])
    common: dict[str, Points] = {
        "nose": face.nose, "cheeks": face.cheeks, "ears": face.oval[list(_EARS)], "neck": neck,
        "border": _border(box, 7),
    }  # fmt: skip
    common |= {f"jaw{i}": face.oval[list(part)] for i, (part, _) in enumerate(_JAW_PARTS)}

    drop = JAW_DROP * size
    jaw_common = {f"jaw{i}": along(np.full(len(p), w * drop), down) for i, (p, w) in enumerate(_JAW_PARTS)}
    jaw_common["cheeks"] = along(np.full(8, 0.04 * drop), down)
    jaw_common["neck"] = along([0.35 * drop, 0.05 * drop], down)
    lower_drop = (1 - 0.60 * t**2.6) * drop
    corner = lower_drop[0]
    upper_drop = np.where(t > 0.98, corner, -0.05 * drop * (1 - t) + 0.36 * drop * t**3)
    jaw_upper = jaw_common | {"inner_upper": along(upper_drop, down), "outer_upper": along(upper_drop * 0.85, down)}
    jaw_lower = jaw_common | {"inner_lower": along(lower_drop, down), "outer_lower": along(lower_drop, down)}
    jaw_lower["chin"] = along(np.full(len(face.chin), 0.95 * drop), down)
    jaw_upper["outer_upper"][[0, -1]] = jaw_upper["inner_upper"][[0, -1]]

    def stretch(gain: float, lift: float, pout: float) -> tuple[dict[str, Points], dict[str, Points]]:
        """Pull the corners apart (gain > 0) or together; `pout` swells the lips away from the seam."""
        moves: dict[str, Points] = {}
        for name in names:
            points: Points = getattr(face, name)
            where = side(points)
            moves[name] = along(gain * where, across) + along(lift * where**2, down)
        swell = along(pout * (1 - t**2), down)
        moves["outer_upper"] = moves["outer_upper"] - swell
        moves["outer_lower"] = moves["outer_lower"] + swell
        moves["cheeks"] = along(0.25 * gain * np.sign(side(face.cheeks)), across)
        return moves, moves

    seam = (face.inner_upper + face.inner_lower) / 2
    press = 0.004 * size * (1 - t)
    roll = 0.30  # pressed lips roll inwards: the red gets narrower
    close_upper = {
        "inner_upper": seam - face.inner_upper + along(press, down),
        "outer_upper": (seam - face.outer_upper) * roll * (1 - t**4)[:, None],
    }
    close_lower = {
        "inner_lower": seam - face.inner_lower - along(press, down),
        "outer_lower": (seam - face.outer_lower) * roll * (1 - t**4)[:, None],
    }
    # A photo whose teeth already show needs less lifting, and its lower lip has further to go to them.
    gap = face.mouth_gap
    lift = max(0.25, 1 - gap / 0.06)
    raise_ = -0.030 * size * lift * (1 - t**2)
    bare_upper = {"inner_upper": along(raise_, down), "outer_upper": along(raise_ * 0.75, down)}
    fall = 0.026 * size * (1 - t**2)
    bare_lower = {"inner_lower": along(fall, down), "outer_lower": along(fall * 0.7, down)}
    up = -0.034 * size * lift * (1 - t**2)
    tuck_upper = {"inner_upper": along(up, down), "outer_upper": along(up * 0.7, down)}
    tucked = -(0.010 + max(0.0, gap - 0.02)) * size * (1 - t**2)
    rolled = tucked - 0.012 * size * (1 - t**2)
    tuck_lower = {"inner_lower": along(tucked, down), "outer_lower": along(rolled, down)}
    tuck_lower["chin"] = along([-0.012 * size, -0.010 * size, -0.008 * size, 0.0], down)

    wide, narrow = stretch(0.085 * width, -0.02 * width, 0.0), stretch(-0.17 * width, 0.01 * width, 0.012 * size)
    layers = []
    for outer, inner, moves in (
        ("outer_upper", "inner_upper", [jaw_upper, wide[0], narrow[0], close_upper, bare_upper, tuck_upper]),
        ("outer_lower", "inner_lower", [jaw_lower, wide[1], narrow[1], close_lower, bare_lower, tuck_lower]),
    ):
        sheet = _Plate(face, box)
        sheet.pin(inner, getattr(face, inner))
        sheet.pin(outer, getattr(face, outer))
        if outer == "outer_lower":
            sheet.pin("chin", face.chin)
        for name, points in common.items():
            sheet.pin(name, points)
        kept = [{name: move for name, move in one.items() if name in sheet.groups} for one in moves]
        layers.append(sheet.solve(kept))
    upper, lower = layers
    inside = _inside_mouth(np.abs(side(lattice(box, STEP).reshape(-1, 2)))).reshape(1, *upper.shape[1:3], 1)
    mean = (upper + lower) / 2
    fade = _fade(*upper.shape[1:3])
    near, far = (((mean + (layer - mean) * inside) * fade).astype(np.float32) for layer in (upper, lower))
    return near, far


def _inside_mouth(offset: NDArray[np.float64]) -> Field:
    """1 between the corners, 0 beside the mouth (offset is |position| in half widths)."""
    x = np.clip((1.12 - offset) / 0.20, 0, 1)
    return (x * x * (3 - 2 * x)).astype(np.float32)


LID_LEVELS = (0.25, 0.5, 0.75, 1.0)


def lid_fields(upper: Points, lower: Points, brow: Points, box: Box, face: Face) -> Field:
    """Backward fields [4, rows, columns, 2] that close an eye to each of `LID_LEVELS`.

    A closing lid moves further than it is high, so its forward field cannot be inverted; each level is therefore
    solved backwards: at the place where a part of the lid arrives, how far it came. Fully shut, the lash line lies
    a little below the lower lid.
    """
    eye = float(np.linalg.norm(upper[0] - upper[-1]))
    down = face.down
    bow = 1 - np.linspace(-1, 1, len(upper))[:, None] ** 2
    travel = (lower - upper) + down * 0.05 * eye * bow
    found = []
    for level in LID_LEVELS:
        sheet = _Plate(face, box)
        moves = {}
        for name, above, share in (
            ("lash", 0.0, 1.0),
            ("lid", 0.10, 0.70),
            ("crease", 0.22, 0.34),
            ("fold", 0.36, 0.0),
        ):
            moves[name] = travel * share * level
            sheet.pin(name, upper - down * above * eye + moves[name])
        sheet.pin("brow", brow)
        sheet.pin("border", _border(box, 5))
        found.append(sheet.solve([moves])[0])
    return np.stack(found)


def head_fields(face: Face, width: int, height: int) -> Field:
    """Fields [6, rows, columns, 2] of yaw, pitch, roll (per radian), shift x, shift y (face heights) and breath."""
    rows, columns = -(-height // HEAD_STEP), -(-width // HEAD_STEP)
    nodes = lattice((0, 0, columns * HEAD_STEP, rows * HEAD_STEP), HEAD_STEP)
    x, y, size = nodes[..., 0], nodes[..., 1], face.height
    centre = face.oval.mean(axis=0)
    reach_x, reach_y = np.abs(face.oval[:, 0] - centre[0]).max() * 1.35, size * 0.75
    middle = centre[1] - 0.10 * size
    far = ((x - centre[0]) / reach_x) ** 2 + ((y - middle) / reach_y) ** 2
    mask = np.clip((1.9 - np.sqrt(far)) / 0.9, 0, 1)
    mask = mask * mask * (3 - 2 * mask)
    depth = np.sqrt(np.clip(1 - far, 0, 1))  # the head as an ellipsoid: the nose moves more than the ears
    pivot = centre + face.down * size * 0.75
    zero = np.zeros_like(mask)
    chest = np.clip((y - (face.oval[18, 1] + 0.12 * size)) / (0.5 * size), 0, 1)
    # Breath lifts the shoulders, not the wall behind them.
    chest *= np.clip(1.5 - np.abs(x - centre[0]) / (1.25 * size), 0, 1)
    return np.stack([
        np.dstack([depth * mask * size * 0.5 + mask * size * 0.10, zero]),
        np.dstack([zero, depth * mask * size * 0.5 + mask * size * 0.06]),
        np.dstack([-(y - pivot[1]) * mask, (x - pivot[0]) * mask]),
        np.dstack([mask * size, zero]),
        np.dstack([zero, mask * size]),
        np.dstack([zero, -chest * size * 0.02]),
    ]).astype(np.float32)  # fmt: skip
