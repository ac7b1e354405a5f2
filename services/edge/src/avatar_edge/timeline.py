"""What a device really played, readable at any moment of the edge clock. Pure logic; the caller passes the time.

Devices count samples by a crystal of their own and tell times that jitter. A slow loop finds where their samples lie
on the edge clock; reading then interpolates, so that neither jitter nor drift nor a different rate reaches the reader.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from avatar_edge.audio import MIC_RATE, Pcm

Wave = NDArray[np.float32]

_SETTLE_S = 10.0
"""Time constant of the loop: jitter of ±5 ms moves it by less than 0.1 ms, drift of 100 ppm leaves it 1 ms behind."""
_STEP_S = 0.008
_STEP_HELD_S = 0.2
"""A device whose times differ by more than `_STEP_S` to the same side for this long has jumped."""
_LEAP_S = 0.1
"""A device whose time differs by this has jumped at once."""

_HALF = 8
"""Zero crossings of the interpolating kernel to either side."""
PHASES = 256
_CUTOFF = 0.94
"""Of half the lower rate: what lies above would fold back."""


class DeviceClock:
    """Where the samples of a device lie on the edge clock."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._base = 0.0
        self._seen = 0
        self._off_s = 0.0
        self._off_for_s = 0.0

    def observe(self, sample: int, at: float, length_s: float) -> float:
        """The device says that `sample`, the first of a block of `length_s`, belongs to edge clock `at`.

        Returns:
            Seconds by which the device jumped, mostly 0.0. After a jump `time` gives what the device says.
        """
        base = at - sample / self._rate
        if not self._seen:
            self._base = base
        error = base - self._base
        self._off_for_s = self._off_for_s + length_s if error * self._off_s > 0.0 and abs(error) > _STEP_S else 0.0
        self._off_s = error
        if abs(error) > _LEAP_S or self._off_for_s > _STEP_HELD_S:
            self._base, self._seen, self._off_for_s, self._off_s = base, 1, 0.0, 0.0
            return error
        self._seen += 1
        self._base += error * max(1.0 / self._seen, length_s / _SETTLE_S)
        return 0.0

    def skip(self, samples: int) -> None:
        """So many samples more have been counted before the one observed last."""
        self._base -= samples / self._rate

    def time(self, sample: float) -> float:
        """Edge clock of a sample."""
        return self._base + sample / self._rate

    def sample(self, at: float) -> float:
        """The sample, with fraction, that belongs to an edge clock."""
        return (at - self._base) * self._rate


class Played:
    """The last seconds of what a device played. One thread adds, another reads; neither waits for the other."""

    def __init__(self, rate: int, kept_s: float = 2.0) -> None:
        """`rate`: the device's samples per second."""
        self._rate = rate
        self._clock = DeviceClock(rate)
        self._kept = round(kept_s * rate)
        self._added: deque[tuple[Pcm, float]] = deque(maxlen=1_000)
        self._samples = np.zeros(2 * self._kept, np.float32)
        self._filled = 0
        self._count = 0
        self._reach, self._kernels = kernels(rate, MIC_RATE)

    def add(self, pcm: Pcm, at: float) -> None:
        """The device plays `pcm`, its first sample at edge clock `at`; returns at once."""
        self._added.append((pcm, at))

    @property
    def until(self) -> float:
        """Edge clock up to which it can be read; 0 before anything was added."""
        self._take()
        return self._clock.time(self._count - self._reach) if self._count else 0.0

    def read(self, at: float, count: int, step_s: float = 1.0 / MIC_RATE) -> Wave:
        """`count` samples in [-1, 1] from edge clock `at` on, `step_s` apart; silence where nothing was played.

        Band-limited interpolation with a Kaiser-windowed sinc (J. O. Smith, Digital Audio Resampling).
        """
        self._take()
        places = self._clock.sample(at) + np.arange(count) * (step_s * self._rate)
        floors = np.floor(places).astype(np.int64)
        oldest = self._count - self._filled
        first, last = int(floors[0]) - self._reach + 1, int(floors[-1]) + self._reach + 1
        stretch = np.zeros(last - first, np.float32)
        low, high = max(first, oldest), min(last, self._count)
        if low < high:
            end = self._filled - (self._count - high)
            stretch[low - first : high - first] = self._samples[end - (high - low) : end]
        phases = ((places - floors) * PHASES).astype(np.int64)
        windows = np.lib.stride_tricks.sliding_window_view(stretch, 2 * self._reach)[floors - floors[0]]
        wave: Wave = np.einsum("ij,ij->i", windows, self._kernels[phases])
        return wave

    def _take(self) -> None:
        while self._added:
            pcm, at = self._added.popleft()
            jump_s = self._clock.observe(self._count, at, len(pcm) / self._rate)
            if jump_s > 0.0:  # it played nothing meanwhile: the silence keeps what came before in its place
                missing = round(jump_s * self._rate)
                self._count += max(0, missing - self._kept)
                self._append(np.zeros(min(missing, self._kept), np.float32))
                self._clock.skip(missing)
            self._append(pcm.astype(np.float32) / 32_768.0)

    def _append(self, wave: Wave) -> None:
        if self._filled + len(wave) > len(self._samples):
            keep = min(self._kept, self._filled)
            self._samples[:keep] = self._samples[self._filled - keep : self._filled].copy()
            self._filled = keep
        self._samples[self._filled : self._filled + len(wave)] = wave
        self._filled += len(wave)
        self._count += len(wave)


def kernels(rate: int, out_rate: int) -> tuple[int, NDArray[np.float32]]:
    """For reading sound of `rate` at `out_rate`, at any place between its samples.

    Returns:
        Half the length of the kernel in samples, and the kernel for each of 256 phases, [phases, length], of sum 1.
    """
    cutoff = _CUTOFF * min(1.0, out_rate / rate)
    reach = int(np.ceil(_HALF / cutoff))
    offsets = np.arange(-reach + 1, reach + 1)[None, :] - (np.arange(PHASES)[:, None] + 0.5) / PHASES
    window = np.i0(8.0 * np.sqrt(np.clip(1.0 - (offsets / reach) ** 2, 0.0, 1.0)))
    kernels = np.sinc(offsets * cutoff) * window
    return reach, (kernels / kernels.sum(axis=1, keepdims=True)).astype(np.float32)
