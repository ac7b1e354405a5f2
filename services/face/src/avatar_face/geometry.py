"""The named outlines of one face in pixels, and where they lie in mediapipe's 478-point mesh.

"Left" and "right" are those of the picture. Every curve runs from the left of the picture to its right, except
the oval, which starts at the top of the forehead and goes clockwise.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

MESH_SIZE = 478
MESH: dict[str, tuple[int, ...]] = {
    "outer_upper": (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
    "outer_lower": (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    "inner_upper": (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
    "inner_lower": (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
    "left_upper_lid": (33, 246, 161, 160, 159, 158, 157, 173, 133),
    "left_lower_lid": (33, 7, 163, 144, 145, 153, 154, 155, 133),
    "left_iris": (468, 469, 470, 471, 472),
    "left_brow": (70, 63, 105, 66, 107),
    "right_upper_lid": (362, 398, 384, 385, 386, 387, 388, 466, 263),
    "right_lower_lid": (362, 382, 381, 380, 374, 373, 390, 249, 263),
    "right_iris": (473, 474, 475, 476, 477),
    "right_brow": (336, 296, 334, 293, 300),
    "oval": (
        *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
        *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
    ),
    "nose": (1, 2, 98, 327, 168, 6, 5, 4, 48, 278, 64, 294),
    "cheeks": (50, 280, 205, 425, 117, 346, 123, 352),
    "chin": (18, 200, 199, 175),
}


@dataclass(frozen=True, slots=True)
class Face:
    """Outlines of one face, each an array [n, 2] of x, y in pixels; see `MESH` for their order."""

    outer_upper: Points
    outer_lower: Points
    inner_upper: Points
    inner_lower: Points
    left_upper_lid: Points
    left_lower_lid: Points
    left_iris: Points  # centre, then four points on its rim
    left_brow: Points
    right_upper_lid: Points
    right_lower_lid: Points
    right_iris: Points
    right_brow: Points
    oval: Points
    nose: Points
    cheeks: Points
    chin: Points

    @classmethod
    def from_mesh(cls, mesh: Points) -> Face:
        """Pick the outlines out of a mediapipe mesh [478, 2]."""
        return cls(**{name: np.asarray(mesh, np.float64)[list(index), :2] for name, index in MESH.items()})

    @classmethod
    def from_arrays(cls, arrays: dict[str, Points]) -> Face:
        """Rebuild a face from `arrays()`; raises KeyError when an outline is missing."""
        return cls(**{field.name: np.asarray(arrays[field.name], np.float64) for field in fields(cls)})

    def arrays(self) -> dict[str, Points]:
        """Every outline by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def moved(self, scale: float, shift: tuple[float, float]) -> Face:
        """The same face at `points * scale + shift`."""
        return Face.from_arrays({k: v * scale + np.asarray(shift) for k, v in self.arrays().items()})

    @property
    def height(self) -> float:
        """From the top of the forehead to the chin, in pixels."""
        return float(np.linalg.norm(self.oval[0] - self.oval[18]))

    @property
    def mouth_width(self) -> float:
        """From corner to corner, in pixels."""
        return float(np.linalg.norm(self.outer_upper[0] - self.outer_upper[-1]))

    @property
    def mouth_centre(self) -> Points:
        """Middle between the corners of the mouth."""
        middle: Points = (self.outer_upper[0] + self.outer_upper[-1]) / 2
        return middle

    @property
    def across(self) -> Points:
        """Unit vector from the left eye to the right eye."""
        line = self.right_upper_lid[-1] - self.left_upper_lid[0]
        unit: Points = line / np.linalg.norm(line)
        return unit

    @property
    def down(self) -> Points:
        """Unit vector from forehead to chin, at a right angle to `across`."""
        x, y = self.across
        return np.array([-y, x])

    @property
    def mouth_gap(self) -> float:
        """How far the lips stand apart in the picture, in face heights."""
        return float(np.linalg.norm(self.inner_upper[5] - self.inner_lower[5])) / self.height
