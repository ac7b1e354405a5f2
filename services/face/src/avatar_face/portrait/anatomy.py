"""The drawn person's outlines in design units: x from the middle line, y from the top; one unit is 1/512."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from avatar_face.geometry import Face, Points
from avatar_face.portrait.canvas import Curve, mirrored, moved, spline

# Right half of the face's outline, one point per point of the mesh's oval.
OVAL_HALF = np.array([
    (0, 116), (22, 117), (42, 122), (59, 132), (72, 148), (80, 167), (85, 188), (87.5, 212), (87.5, 235), (86, 256),
    (82.5, 275), (77.5, 292), (70, 309), (60, 324.5), (49, 337), (38, 346), (26, 352.5), (13, 356.5), (0, 357.5),
], float)  # fmt: skip

# Where the mesh puts the upper quarter of its oval on a face with hair: below the hairline.
_FOREHEAD = np.array([(0, 154), (24, 155), (45, 160), (61, 166), (72, 178), (79, 191), (83, 207), (85.5, 226)], float)

EYE_X, EYE_Y, IRIS = 39.5, 220.4, 7.9
# One eye from its inner to its outer corner.
UPPER_LID = spline(
    [(20.0, 226.0), (25.5, 219.6), (32, 215.4), (39.5, 213.9), (47, 214.6), (54.5, 217.8), (60, 222.0)], 8
)
LOWER_LID = spline([(20.0, 226.0), (26.5, 227.9), (33, 229.2), (39.5, 229.5), (47, 228.4), (54, 226.1), (60, 222.0)], 8)
BROW = spline([(15.5, 201.5), (25, 197.5), (38, 193.0), (50, 191.6), (59, 195.0), (66, 201.5)], 8)

SEAM = [(-33, 298.6), (-25, 301.0), (-14, 302.2), (-7, 301.7), (0, 303.0)]
UPPER_LIP = [(-33, 298.6), (-24, 296.9), (-14, 294.0), (-6.5, 292.0), (0, 294.0)]
LOWER_LIP = [(-33, 298.6), (-26, 305.2), (-17, 311.4), (-8, 314.4), (0, 315.2)]


def whole(half: Sequence[tuple[float, float]], per_span: int = 10) -> Curve:
    """A curve from the left corner to the right one, from its left half."""
    return spline([*half, *((-x, y) for x, y in half[-2::-1])], per_span)


def face_outline() -> Curve:
    """The outline of the face, closed."""
    return mirrored(spline([(x, y) for x, y in OVAL_HALF], 6))


def _resampled(curve: Curve, count: int) -> Points:
    """`count` points at equal steps along a curve."""
    lengths = np.r_[0, np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))]
    at = np.linspace(0, lengths[-1], count)
    points: Points = np.c_[np.interp(at, lengths, curve[:, 0]), np.interp(at, lengths, curve[:, 1])]
    return points


def landmarks() -> Face:
    """The outlines mediapipe would find, exactly as they are drawn."""

    def flip(points: Points) -> Points:
        return points[::-1] * (-1, 1)

    def eye_of(curve: Curve) -> tuple[Points, Points]:
        right = _resampled(curve, 9)
        return flip(right), right

    left_upper, right_upper = eye_of(UPPER_LID)
    left_lower, right_lower = eye_of(LOWER_LID)
    rim = np.array([(0, 0), (IRIS, 0), (0, -IRIS), (-IRIS, 0), (0, IRIS)])
    brow = _resampled(BROW, 5) - (0, 2.0)
    seam = _resampled(whole(SEAM), 11) * (0.96, 1)

    def both(points: list[tuple[float, float]]) -> Points:
        return np.array([p for x, y in points for p in ((-x, y), (x, y))])

    half = np.vstack([_FOREHEAD, OVAL_HALF[len(_FOREHEAD) :]])
    oval = np.vstack([half, half[-2:0:-1] * (-1, 1)])
    nose = [(0, 262), (0, 274), (-12, 273), (12, 273), (0, 212), (0, 223), (0, 250), (0, 258)]
    return Face(
        outer_upper=_resampled(whole(UPPER_LIP), 11),
        outer_lower=_resampled(whole(LOWER_LIP), 11),
        inner_upper=seam,
        inner_lower=seam.copy(),
        left_upper_lid=left_upper,
        left_lower_lid=left_lower,
        left_iris=moved(rim, -EYE_X, EYE_Y),
        left_brow=flip(brow),
        right_upper_lid=right_upper,
        right_lower_lid=right_lower,
        right_iris=moved(rim, EYE_X, EYE_Y),
        right_brow=brow,
        oval=oval,
        nose=np.vstack([np.array(nose, float), both([(17, 267), (15.5, 270.5)])]),
        cheeks=both([(52, 262), (45, 276), (50, 244), (65, 262)]),
        chin=np.array([(0, 320), (0, 333), (0, 344), (0, 351.5)], float),
    )
