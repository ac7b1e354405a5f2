"""What the person says: human readings, whole or with a pause put inside a sentence, with the truth about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import moonshine_voice
import numpy as np
from numpy.typing import NDArray

from avatar_cli import recordings
from avatar_cli.eval.cuts import ENDGAME, Cut
from avatar_cli.eval.take import Span
from avatar_edge import load_audio
from avatar_edge.microphone import voiced_windows

RATE = 16_000
SPEECH_DBFS = -26.0
"""Level of the person's speech: the mean power of what is voiced."""
_LEAD_S = 0.06
_TAIL_S = 0.12
_FADE_S = 0.005

Wave = NDArray[np.float32]

NATURAL = (
    *[("two_cities.wav", line) for line in recordings.TWO_CITIES],
    (ENDGAME, recordings.Line(0.11, 0.89, "Do you hear me?")),
    (ENDGAME, recordings.Line(15.86, 16.94, "Ah, that's a good story.")),
    (ENDGAME, recordings.Line(17.62, 18.78, "What are you talking about?")),
    (ENDGAME, recordings.Line(20.44, 21.84, "Thought you were in pain.")),
    (ENDGAME, recordings.Line(25.10, 27.37, "I went and fetched you from that ditch.")),
)
"""Utterances as they were read, none with a pause inside. The third recording of the wheel is left out: its own room
is so loud that where its words end cannot be told from the sound."""


@dataclass(frozen=True)
class Speech:
    """Something to say.

    Attributes:
        samples: float32 at 16 kHz, full scale 1.0.
        spans: Its voiced parts, in seconds of `samples`.
    """

    samples: Wave
    spans: tuple[Span, ...]

    @property
    def text(self) -> str:
        """All of its words."""
        return " ".join(span.text for span in self.spans)


def whole(recording: str, line: recordings.Line) -> Speech:
    """A line as it was read."""
    piece = _cut(recording, line.start_s - _LEAD_S, line.end_s + _TAIL_S)
    return _speech([(piece, line.text)])


def paused(cut: Cut, pause_s: float) -> Speech:
    """The two parts of `cut` with `pause_s` of silence between the last voiced sample and the first."""
    first_tail, second_lead = (_TAIL_S, _LEAD_S) if cut.resume_s > cut.cut_s else (0.0, 0.0)
    first = _cut(cut.recording, cut.start_s - _LEAD_S, cut.cut_s + first_tail)
    second = _cut(cut.recording, cut.resume_s - second_lead, cut.end_s + _TAIL_S)
    return joined([(first, cut.first), (second, cut.second)], pause_s)


def joined(parts: Sequence[tuple[Wave, str]], pause_s: float) -> Speech:
    """`parts` one after another, `pause_s` from the last voiced 10 ms of one to the first of the next."""
    laid: list[tuple[Wave, str]] = []
    for index, (samples, text) in enumerate(parts):
        begins, ends = voiced(samples)
        start = 0 if index == 0 else max(0, begins - RATE // 100)
        end = len(samples) if index == len(parts) - 1 else min(len(samples), ends + RATE // 100)
        between = pause_s - (begins - start) / RATE if index else 0.0
        if laid:
            _, last_end = voiced(laid[-1][0])
            between -= (len(laid[-1][0]) - last_end) / RATE
        silence = np.zeros(max(0, round(between * RATE)), np.float32)
        laid.append((np.concatenate([silence, samples[start:end]]), text))
    return _speech(laid)


def voiced(samples: Wave) -> tuple[int, int]:
    """First sample of the first voiced 10 ms and the one after the last; (0, 0) when nothing is voiced."""
    ends = voiced_windows((np.clip(samples, -1, 1) * 32_767).astype(np.int16))
    return (int(ends[0]) - RATE // 100, int(ends[-1])) if len(ends) else (0, 0)


def levelled(samples: Wave, dbfs: float = SPEECH_DBFS) -> Wave:
    """`samples` with the mean power of their loud half at `dbfs`."""
    windows = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(np.float64)
    power = np.sort(np.mean(windows**2, axis=1))[::-1]
    loud = power[: max(1, len(power) // 2)].mean()
    return np.asarray(np.clip(samples * np.sqrt(10 ** (dbfs / 10) / max(loud, 1e-12)), -1, 1), np.float32)


def _speech(parts: Sequence[tuple[Wave, str]]) -> Speech:
    spans, at = [], 0
    for samples, text in parts:
        begins, ends = voiced(samples)
        spans.append(Span((at + begins) / RATE, (at + ends) / RATE, text))
        at += len(samples)
    return Speech(np.concatenate([samples for samples, _ in parts]), tuple(spans))


@cache
def _recording(name: str) -> Wave:
    return levelled(load_audio(Path(moonshine_voice.get_assets_path()) / name, rate=RATE))


def _cut(recording: str, start_s: float, end_s: float) -> Wave:
    piece = _recording(recording)[max(0, round(start_s * RATE)) : round(end_s * RATE)].copy()
    fade = np.linspace(0.0, 1.0, round(_FADE_S * RATE), dtype=np.float32)
    piece[: len(fade)] *= fade
    piece[-len(fade) :] *= fade[::-1]
    return piece
