"""How far the lips of a video lag its sound, measured from the pictures alone with face landmarks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_STEPS_PER_S = 100
_MAX_LAG_S = 0.4
_SMALL = 512  # pixels; larger pictures are shrunk, mediapipe works at 256 anyway
_UPPER, _LOWER, _FOREHEAD, _CHIN = 13, 14, 10, 152

Series = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LipSync:
    """What the pictures tell.

    `lag_ms` is positive when lips come after their sound; `correlation` is that of mouth opening and loudness at
    this lag; `openness` has one value per frame in face heights, not a number where no face was found.
    """

    lag_ms: float
    correlation: float
    openness: Series


def mouth_openness(frames: Iterable[NDArray[np.uint8]]) -> Series:
    """Distance of the inner lips in face heights, one value per BGR frame; NaN where no face was found."""
    import mediapipe  # noqa: PLC0415

    found = []
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=False, refine_landmarks=True) as mesh:
        for frame in frames:
            scale = _SMALL / max(frame.shape[:2])
            small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else frame
            faces = mesh.process(np.ascontiguousarray(small[..., ::-1])).multi_face_landmarks
            if not faces:
                found.append(float("nan"))
                continue
            points = faces[0].landmark
            height, width = small.shape[:2]

            def apart(a: int, b: int, p: object = points, w: int = width, h: int = height) -> float:
                return float(np.hypot((p[a].x - p[b].x) * w, (p[a].y - p[b].y) * h))  # type: ignore[index]

            found.append(apart(_UPPER, _LOWER) / apart(_FOREHEAD, _CHIN))
    return np.array(found)


def loudness(audio: Series, rate: int) -> Series:
    """Log loudness of mono audio (full scale 1.0), 100 values a second."""
    window = np.hanning(int(0.04 * rate))
    power = np.convolve(audio**2, window / window.sum(), "same")
    at = np.arange(0, len(audio), rate / _STEPS_PER_S).astype(int)
    level: Series = np.log10(np.sqrt(np.maximum(power[at], 0)) + 1e-3)
    return level


def lag(openness: Series, fps: float, audio: Series, rate: int) -> tuple[float, float]:
    """Lag in milliseconds and correlation of a series of mouth openings against audio that starts with frame 0."""
    envelope = loudness(audio, rate)
    known = np.isfinite(openness)
    if known.sum() < 2 or np.ptp(openness[known]) == 0:
        raise ValueError("the mouth is never seen to move: nothing to measure")
    when = np.arange(len(openness)) / fps
    steps = np.arange(min(len(envelope), int(len(openness) / fps * _STEPS_PER_S))) / _STEPS_PER_S
    mouth = np.interp(steps, when[known], openness[known])
    envelope = envelope[: len(mouth)]
    reach = int(_MAX_LAG_S * _STEPS_PER_S)
    scores = {}
    for shift in range(-reach, reach + 1):
        a = mouth[max(0, shift) : len(mouth) + min(0, shift)]
        b = envelope[max(0, -shift) : len(envelope) - max(0, shift)]
        scores[shift] = float(np.corrcoef(a, b)[0, 1])
    best = max(scores, key=lambda shift: scores[shift])
    return best * 1000 / _STEPS_PER_S, scores[best]


def measure(frames: Iterable[NDArray[np.uint8]], fps: float, audio: Series, rate: int) -> LipSync:
    """Lip sync of BGR frames that start together with mono audio (full scale 1.0)."""
    openness = mouth_openness(frames)
    lag_ms, correlation = lag(openness, fps, audio, rate)
    return LipSync(lag_ms, correlation, openness)
