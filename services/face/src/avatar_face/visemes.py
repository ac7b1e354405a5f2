"""Mouth shapes of the fifteen OVR visemes."""

from __future__ import annotations

from avatar_contracts.tts import VisemeName
from avatar_face.controls import REST, Mouth

SHAPES: dict[VisemeName, Mouth] = {
    "sil": REST,
    "PP": Mouth(close=1.0),
    "FF": Mouth(jaw=0.05, lip=-1.0),
    "TH": Mouth(jaw=0.16, wide=0.15, lip=0.35),
    "DD": Mouth(jaw=0.15, wide=0.15, lip=0.35),
    "kk": Mouth(jaw=0.20, wide=0.10, lip=0.15),
    "CH": Mouth(jaw=0.13, round=0.55, lip=0.60),
    "SS": Mouth(jaw=0.06, wide=0.45, lip=0.75),
    "nn": Mouth(jaw=0.13, wide=0.10, lip=0.20),
    "RR": Mouth(jaw=0.17, round=0.40, lip=0.20),
    "aa": Mouth(jaw=0.43, wide=0.10, lip=0.15),
    "E": Mouth(jaw=0.29, wide=0.45, lip=0.30),
    "ih": Mouth(jaw=0.20, wide=0.60, lip=0.40),
    "oh": Mouth(jaw=0.34, round=0.60),
    "ou": Mouth(jaw=0.20, round=1.00),
}
"""What each viseme does to the mouth; see `Mouth` for the controls."""
