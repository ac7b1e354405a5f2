"""Integrated loudness after ITU-R BS.1770-4, for measuring a voice once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

REFERENCE_LUFS = -18.0
_BLOCK_S, _HOP_S = 0.4, 0.1
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0


def _k_weighting(size: int, rate: int) -> NDArray[np.float64]:
    """|H| of the two K-weighting filters at the rfft frequencies of `size` samples.

    The analogue prototypes of BS.1770's tables: a high shelf of +4 dB at 1681.97 Hz (Q 0.7072) and a high-pass at
    38.14 Hz (Q 0.5003), evaluated at the warped frequencies of their bilinear transform, so any rate will do.
    """
    frequencies = np.fft.rfftfreq(size, 1 / rate)
    warped = np.tan(np.pi * np.minimum(frequencies, 0.499 * rate) / rate)

    def s(corner_hz: float) -> NDArray[np.complex128]:
        return np.asarray(1j * warped / np.tan(np.pi * corner_hz / rate), np.complex128)

    shelf, quality = s(1681.974450955533), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    first = (high * shelf**2 + band / quality * shelf + 1) / (shelf**2 + shelf / quality + 1)
    cut, quality = s(38.13547087602444), 0.5003270373238773
    second = cut**2 / (cut**2 + cut / quality + 1)
    return np.asarray(np.abs(first * second), np.float64)


def integrated_lufs(pcm: NDArray[np.float64], rate: int) -> float:
    """Loudness of mono `pcm` (full scale 1.0) in LUFS; -inf when all of it is below the gate."""
    block, hop = round(_BLOCK_S * rate), round(_HOP_S * rate)
    if len(pcm) < block:
        pcm = np.pad(pcm, (0, block - len(pcm)))
    size = 2 ** int(np.ceil(np.log2(len(pcm) + rate // 10)))
    weighted = np.fft.irfft(np.fft.rfft(pcm, size) * _k_weighting(size, rate), size)[: len(pcm)]
    power = np.lib.stride_tricks.sliding_window_view(weighted**2, block)[::hop].mean(axis=1)
    with np.errstate(divide="ignore"):
        levels = -0.691 + 10 * np.log10(power)
    heard = power[levels > _ABSOLUTE_GATE]
    if not len(heard):
        return float("-inf")
    gate = -0.691 + 10 * np.log10(heard.mean()) + _RELATIVE_GATE
    loud = power[levels > max(gate, _ABSOLUTE_GATE)]
    return float(-0.691 + 10 * np.log10(loud.mean()))


def reference_gain(pcm: NDArray[np.int16], rate: int) -> float:
    """Factor that brings speech like `pcm` to `REFERENCE_LUFS`; 1.0 for silence."""
    level = integrated_lufs(pcm.astype(np.float64) / 32768, rate)
    return 1.0 if level == float("-inf") else float(10 ** ((REFERENCE_LUFS - level) / 20))
