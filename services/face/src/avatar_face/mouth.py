"""Audio to mouth: what the lips do at each moment of a reply, computed once per 10 ms as the sound arrives.

Loudness and spectral centroids of the sound give five targets; visemes, where the voice has them, give better ones
and the sound then only scales the jaw. Both are smoothed with a fast attack and a slower release.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from avatar_contracts.tts import Viseme
from avatar_face.controls import REST, Mouth
from avatar_face.visemes import SHAPES

HOPS_PER_S = 100
WINDOW_S = 0.032
LEAD_S = 0.02  # lips move this much before their sound; with the smoothing's delay they then look in time
LOOK_S = LEAD_S + WINDOW_S / 2  # audio needed beyond a moment to know the mouth exactly
MAX_JAW = 0.55  # more looks like a shout

_ATTACK_S, _RELEASE_S, _CLOSE_S = 0.022, 0.055, 0.010
_EXPECTED_DB, _FLOOR_DB = -20.0, -38.0  # speech at -18 LUFS peaks near the first; quieter than the second is not AGC's
_AGC_DB = 0.02  # the peak's decay per hop: 2 dB/s
_CONTACT_S = 0.08  # lips touch at least this long, so that one frame in 25 per second shows it
_CONTACTS = ("PP", "FF")
_JAW, _WIDE, _ROUND, _CLOSE, _LIP = range(5)

Array = NDArray[np.float64]


def _share(time_s: float) -> float:
    return 1 - float(np.exp(-1 / HOPS_PER_S / time_s))


class MouthTrack:
    """The mouth during one reply. Feed it chunks in order; ask it for any moment that is ready."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.samples = 0
        self._size = int(WINDOW_S * rate)
        self._half = self._size // 2
        self._window = np.hanning(self._size)
        self._scale = 2.0 / (float((self._window**2).sum()) * self._size)
        self._frequency = np.fft.rfftfreq(self._size, 1 / rate)
        self._audio = np.zeros(self._half)  # what windows still to come need; starts with silence before the reply
        self._audio_at = -self._half
        self._hops: list[Mouth] = []
        self._loudness: list[float] = []
        self._starts: list[int] = []
        self._shapes: list[Viseme] = []
        self._peak_db = _EXPECTED_DB
        self._now: Array = np.zeros(5)
        self._rates = tuple(_share(t) for t in (_ATTACK_S, _RELEASE_S, _CLOSE_S))
        self._ended = False

    def push(self, pcm: bytes, visemes: Iterable[Viseme] = ()) -> None:
        """Append sound (s16le mono) and the visemes that begin in it."""
        for viseme in visemes:
            if not self._starts or viseme.start >= self._starts[-1]:
                self._starts.append(viseme.start)
                self._shapes.append(viseme)
        fresh = np.frombuffer(pcm[: len(pcm) // 2 * 2], np.int16) / 32768.0
        self._audio = np.concatenate([self._audio, fresh])
        self.samples += len(fresh)
        self._advance(self.samples)

    def end(self) -> None:
        """No more sound will come: what follows is silence."""
        if not self._ended:
            self._ended = True
            tail = int((LOOK_S + WINDOW_S) * self.rate) + self._size
            self._audio = np.concatenate([self._audio, np.zeros(tail)])
            self._advance(self.samples + tail)

    @property
    def ready_s(self) -> float:
        """The mouth is known exactly up to this moment, in seconds of the reply."""
        return float("inf") if self._ended else self.samples / self.rate - LOOK_S

    def shape(self, time_s: float) -> Mouth:
        """The mouth at a moment of the reply; the lips lead the sound by `LEAD_S`."""
        return self._hops[self._hop(time_s + LEAD_S)] if self._hops and self._covers(time_s) else REST

    def loudness(self, time_s: float) -> float:
        """Loudness 0..1 at a moment of the reply."""
        return self._loudness[self._hop(time_s)] if self._loudness and self._covers(time_s) else 0.0

    def _covers(self, time_s: float) -> bool:
        return not self._ended or time_s * self.rate <= self.samples + self.rate * LEAD_S

    def _hop(self, time_s: float) -> int:
        return min(max(0, int(time_s * HOPS_PER_S + 1e-6)), len(self._hops) - 1)

    def _advance(self, known: int) -> None:
        """Compute every hop whose window now lies in known audio."""
        first = len(self._hops)
        last = int((known - self._half) * HOPS_PER_S / self.rate)
        if last < first:
            return
        centres = np.round(np.arange(first, last + 1) * self.rate / HOPS_PER_S).astype(int)
        index = centres[:, None] - self._half - self._audio_at + np.arange(self._size)
        spectra = np.abs(np.fft.rfft(self._audio[index] * self._window, axis=1)) ** 2 * self._scale
        heard = self._heard(spectra)
        for centre, targets, loud in zip(centres, heard[:, :5], heard[:, 5], strict=True):
            self._step(self._fused(int(centre), targets, float(loud)), float(loud))
        drop = round((last + 1) * self.rate / HOPS_PER_S) - self._half - self._audio_at
        if drop > 0:
            self._audio = self._audio[drop:]
            self._audio_at += drop

    def _band(self, spectra: Array, low: float, high: float) -> Array:
        inside = (self._frequency >= low) & (self._frequency < high)
        power: Array = spectra[:, inside].sum(axis=1) + 1e-10
        return power

    def _centroid(self, spectra: Array, low: float, high: float) -> Array:
        inside = (self._frequency >= low) & (self._frequency < high)
        weighted: Array = spectra[:, inside] @ self._frequency[inside]
        return weighted / self._band(spectra, low, high)

    def _heard(self, spectra: Array) -> Array:
        """Targets from the sound alone, [hops, 6]: the five controls and the loudness."""
        power = self._band(spectra, 80, 7600)
        level = 10 * np.log10(power)
        peak = np.empty_like(level)
        for i, db in enumerate(level):
            self._peak_db = max(float(db), self._peak_db - _AGC_DB, _FLOOR_DB)
            peak[i] = self._peak_db
        loud = np.clip((level - peak + 32) / 28, 0, 1) ** 1.3
        first = np.clip((self._centroid(spectra, 200, 1100) - 330) / 380, 0, 1)
        second = np.clip((self._centroid(spectra, 900, 2900) - 1200) / 900, 0, 1)
        hiss = np.clip((self._band(spectra, 3800, 7600) / power - 0.25) / 0.4, 0, 1)
        hum = np.clip((self._band(spectra, 80, 450) / power - 0.86) / 0.12, 0, 1) * (loud > 0.25)  # m, n, voiced b
        jaw = loud * (0.25 + 0.75 * first) * (1 - 0.75 * hiss) * (1 - 0.8 * hum) * 0.58
        wide = loud * np.clip((second - 0.45) * 2, -0.2, 1) * 0.8 + 0.35 * hiss * loud
        narrow = loud * np.clip((0.35 - second) * 2.6, 0, 1) * (1 - hiss)
        close = np.clip(hum * 1.1, 0, 1) * (1 - hiss)
        bare = 0.6 * hiss * loud + 0.25 * loud * np.clip((second - 0.5) * 2, 0, 1)
        return np.stack([np.minimum(jaw, MAX_JAW), wide, narrow, close, bare, loud], axis=1)

    def _viseme_at(self, sample: int) -> Viseme | None:
        """The viseme that holds at a sample; a contact of the lips is stretched to last long enough to be seen."""
        i = bisect.bisect_right(self._starts, sample) - 1
        if i < 0:
            return None
        reach = int(_CONTACT_S * self.rate)
        if i > 0 and self._shapes[i - 1].name in _CONTACTS and sample < self._starts[i - 1] + reach:
            return self._shapes[i - 1]
        return self._shapes[i]

    def _fused(self, sample: int, heard: Array, loud: float) -> Array:
        viseme = self._viseme_at(sample)
        if viseme is None:
            return heard
        shape = SHAPES[viseme.name]
        said = np.array([shape.jaw, shape.wide, shape.round, shape.close, shape.lip])
        if viseme.name in _CONTACTS or viseme.name == "sil":
            return said
        fused = 0.85 * said + 0.15 * np.where(np.arange(5) == _CLOSE, 0.0, heard)
        fused[_JAW] = min(MAX_JAW, said[_JAW] * (0.40 + 0.75 * loud))
        return fused

    def _step(self, target: Array, loud: float) -> None:
        attack, release, closing = self._rates
        share = np.where(np.abs(target) > np.abs(self._now), attack, release)
        contact = target[_CLOSE] > 0.8 or target[_LIP] < -0.5
        share[_CLOSE] = closing if contact else attack
        if contact:
            share[:] = closing
        self._now = self._now + share * (target - self._now)
        jaw, wide, narrow, close, lip = (float(v) for v in self._now)
        self._hops.append(Mouth(jaw * (1 - close), wide, narrow, close, lip * (1 - close)))
        self._loudness.append(loud)
