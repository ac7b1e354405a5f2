"""Real human speech for the demo and the bench: the readings that the `moonshine-voice` wheel ships."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import moonshine_voice
import numpy as np
from numpy.typing import NDArray

from avatar_edge import load_audio

RATE = 16_000
_LEAD_S = 0.06
_TAIL_S = 0.12
"""What is kept around a cut: the attack of its first sound and the decay of its last."""
_FADE_S = 0.01


class Line(NamedTuple):
    """One utterance: where it is voiced in its recording, in seconds, and its words."""

    start_s: float
    end_s: float
    text: str


TWO_CITIES = (
    Line(1.21, 4.54, "It was the best of times, it was the worst of times,"),
    Line(5.04, 6.17, "it was the age of wisdom,"),
    Line(6.69, 8.18, "it was the age of foolishness,"),
    Line(8.82, 10.28, "it was the epoch of belief,"),
    Line(10.77, 12.75, "it was the epoch of incredulity,"),
    Line(13.49, 14.75, "it was the season of light,"),
    Line(15.15, 16.66, "it was the season of darkness,"),
    Line(17.57, 18.72, "it was the spring of hope,"),
    Line(18.98, 20.44, "it was the winter of despair,"),
    Line(21.25, 23.99, "we had everything before us, we had nothing before us,"),
    Line(24.66, 25.97, "we were all going direct to heaven,"),
    Line(26.58, 28.25, "we were all going direct the other way."),
    Line(29.12, 29.59, "In short,"),
    Line(29.94, 32.21, "the period was so far like the present period,"),
    Line(32.79, 36.47, "that some of its noisiest authorities insisted on its being received,"),
    Line(36.98, 38.33, "for good or for evil,"),
    Line(38.70, 41.62, "in the superlative degree of comparison only."),
)
"""Dickens, read by a woman, cut at every pause of 0.2 s or more (10 ms windows below 5 % of the loudest one)."""

BECKETT = Line(0.06, 5.51, "Ever tried. Ever failed. No matter. Try again.")
"""Beckett, read by a man: all before the long pause in the middle."""


def cut(recording: str, lines: Sequence[Line]) -> list[NDArray[np.float32]]:
    """Each line of a recording of the wheel as float32 samples at `RATE`, faded at both ends."""
    whole = load_audio(Path(moonshine_voice.get_assets_path()) / recording, rate=RATE)
    fade = np.linspace(0.0, 1.0, int(_FADE_S * RATE), dtype=np.float32)
    pieces = []
    for line in lines:
        start = max(0, round((line.start_s - _LEAD_S) * RATE))
        piece = whole[start : round((line.end_s + _TAIL_S) * RATE)].astype(np.float32, copy=True)
        piece[: len(fade)] *= fade
        piece[-len(fade) :] *= fade[::-1]
        pieces.append(piece)
    return pieces
