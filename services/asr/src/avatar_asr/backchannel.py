"""How much a short sound is like a backchannel: "mhm", "uh-huh", "угу", a hum.

A recogniser hears a hum as words, or too late. The sound tells it apart while it lasts: a backchannel is voiced
throughout, rests on one nasal or vowel whose spectrum hardly moves, has no frication, one or two humps of energy, and
is often softer than speech. Whoever takes the floor moves the mouth, and the formants with it.
"""

from __future__ import annotations

import functools
import itertools
import math
import tomllib
from importlib import resources
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

RATE_HZ = 16_000
_WINDOW = 400
_HOP = 160
_FFT = 512
_LONGEST = RATE_HZ * 3 // 2
_SHORTEST = _WINDOW + 5 * _HOP
_SILENT_DB = -70.0
_ACTIVE_DB = 20.0
_NUCLEUS_DB = 12.0
_DIP_DB = 3.0
_VOICED = 0.6
_PITCH_LAGS = slice(RATE_HZ // 400, RATE_HZ // 70)

_EDGES_HZ = (0, 150, 350, 550, 800, 1_100, 1_500, 2_000, 2_700, 3_500, 4_500, 6_000, 8_001)
"""Twelve bands; the first is rumble and counts nowhere."""

FEATURES = (
    *(f"shape_{hz}" for hz in _EDGES_HZ[1:11]),
    *(f"change_{_EDGES_HZ[band]}" for band in (2, 4, 7, 9)),
    "change",
    "front",
    "length",
    "voiced",
    "dark",
    "dark_least",
    "nasal",
    "hiss",
    "hiss_share",
    "hiss_level",
    "nuclei",
    "dip",
    "flux",
    "movement_low",
    "movement_mid",
    "movement",
    "level",
    "dark_movement",
    "centre_movement",
    "centre",
)
"""The names of what `features` measures, in order."""

Floats = npt.NDArray[np.float32]
Vector = npt.NDArray[np.float64]


def likeness(samples: Floats, speech_db: float) -> float:
    """How much `samples` are like a backchannel: 0 not at all, 1 for certain; 0.5 parts the two best.

    Logistic regression over `features` and their squares, fitted by ``tests/fit_backchannel.py``. About 0.7 ms for
    a second of sound.

    Args:
        samples: 16 kHz within ±1, from the onset of the voice on, 0.2 to 1.2 s. More than 1.5 s is not looked at.
        speech_db: The level of the person's usual speech, dB below full scale.
    """
    measured = features(samples, speech_db)
    if measured is None:
        return 0.0
    weights = _weights()
    scaled = np.clip((measured - weights.mean) / weights.scale, -4.0, 4.0)
    score = weights.bias + weights.linear @ scaled + weights.square @ scaled**2
    return 1.0 / (1.0 + math.exp(-min(max(float(score), -30.0), 30.0)))


def features(samples: Floats, speech_db: float) -> Vector | None:
    """What tells a backchannel from speech, as named in `FEATURES`; None when there is no sound.

    Everything is taken from the frames (25 ms every 10 ms) within 20 dB of the loudest, so that quiet before and after
    does not matter; levels of bands are in dB against the mean of all bands.
    """
    samples = samples[:_LONGEST]
    samples = samples - samples.mean() if len(samples) else samples
    if len(samples) < _SHORTEST:
        samples = np.pad(samples, (0, _SHORTEST - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    spectrum = np.fft.rfft(frames * _HANN, _FFT)
    power = (spectrum.real**2 + spectrum.imag**2) / _FULL_POWER
    bands = power @ _BANDS + 1e-12
    total = bands[:, 1:].sum(axis=1)
    level = 10.0 * np.log10(total)
    peak = float(level.max())
    if not peak > _SILENT_DB:
        return None
    active = level > peak - _ACTIVE_DB
    first, last = np.flatnonzero(active)[[0, -1]]
    loud = bands[active]
    weight = np.sqrt(total[active])
    weight /= weight.sum()

    # The small addition keeps what lies 50 dB below the peak from counting as spectrum.
    shape = 10.0 * np.log10(loud[:, 1:] + 10.0 ** (peak / 10.0 - 5.0))
    shape -= shape.mean(axis=1, keepdims=True)
    mean = weight @ shape
    deviation = np.sqrt(weight @ (shape - mean) ** 2)
    third = max(1, len(shape) // 3)
    change = np.average(shape[-third:], axis=0, weights=weight[-third:])
    change -= np.average(shape[:third], axis=0, weights=weight[:third])
    flux = np.abs(shape[3:] - shape[:-3]).mean() if len(shape) > 3 else 0.0

    dark = _ratio(loud[:, 1:5], loud[:, 5:])
    darkness = weight @ dark
    nasal = _ratio(loud[:, 1:3], loud[:, 3:])
    hiss = _ratio(loud[:, 9:], loud[:, 1:9])
    front = _ratio(loud[:, 6:9], loud[:, 2:5])
    centre = np.log((power[active] @ _HZ) / power[active].sum(axis=1) + 50.0)
    centred = weight @ centre
    nuclei, dip = _humps(level[first : last + 1], peak)
    measured = [
        *mean[:10],
        *change[[1, 3, 6, 8]],
        np.abs(change).mean(),
        np.percentile(front, 90),
        math.log((last + 1 - first) * _HOP / RATE_HZ),
        (_periodicity(power[active]) > _VOICED).mean(),
        darkness,
        np.percentile(dark, 10),
        weight @ nasal,
        np.percentile(hiss, 95),
        (hiss > -3.0).mean(),
        10.0 * np.log10(bands[:, 9:].sum(axis=1).max()) - peak,
        nuclei,
        dip,
        flux,
        deviation[:4].mean(),
        deviation[4:8].mean(),
        deviation.mean(),
        min(max(peak - speech_db, -20.0), 6.0),
        np.sqrt(weight @ (dark - darkness) ** 2),
        np.sqrt(weight @ (centre - centred) ** 2),
        centred,
    ]
    return np.array(measured, dtype=np.float64)


def _ratio(above: Floats, below: Floats) -> Vector:
    ratio: Vector = 10.0 * np.log10(above.sum(axis=1) / below.sum(axis=1))
    return ratio


def _periodicity(power: Floats) -> Vector:
    """The highest normalised autocorrelation at a lag of 70 to 400 Hz, the window's decay taken out (Boersma 1993)."""
    correlation = np.fft.irfft(power, axis=1)
    normal = correlation[:, _PITCH_LAGS] / (correlation[:, :1] + 1e-12)
    highest: Vector = (normal / _WINDOW_DECAY).max(axis=1)
    return highest


def _humps(level: Vector, peak: float) -> tuple[int, float]:
    """How many humps of energy there are (syllable nuclei), and the deepest dip between two of them in dB."""
    smooth = np.convolve(np.pad(level, 3, mode="edge"), np.full(7, 1 / 7), "valid").tolist()
    count, deepest = 0, 0.0
    top = bottom = smooth[0]
    rising = True
    for value in smooth:
        if rising:
            top = max(top, value)
            if value < top - _DIP_DB:
                rising, bottom = False, value
                count += top > peak - _NUCLEUS_DB
        else:
            bottom = min(bottom, value)
            if value > bottom + _DIP_DB:
                rising = True
                deepest = max(deepest, top - bottom)
                top = value
    count += rising and top > peak - _NUCLEUS_DB
    return count, deepest


class _Weights(NamedTuple):
    bias: float
    mean: Vector
    scale: Vector
    linear: Vector
    square: Vector


@functools.cache
def _weights() -> _Weights:
    source = resources.files("avatar_asr") / "data" / "backchannel.toml"
    table = tomllib.loads(source.read_text(encoding="utf-8"))
    columns = np.array([table["features"][name] for name in FEATURES], dtype=np.float64).T
    return _Weights(float(table["bias"]), *columns)


def _decay() -> Vector:
    power = np.abs(np.fft.rfft(_HANN, _FFT)) ** 2
    correlation = np.fft.irfft(power)
    decay: Vector = correlation[_PITCH_LAGS] / correlation[0]
    return decay


_HANN = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
_FULL_POWER = float((_HANN**2).sum()) * _FFT / 2
_HZ = np.fft.rfftfreq(_FFT, 1 / RATE_HZ).astype(np.float32)
_BANDS = np.stack([(low <= _HZ) & (high > _HZ) for low, high in itertools.pairwise(_EDGES_HZ)], axis=1).astype(
    np.float32
)
_WINDOW_DECAY = _decay()
