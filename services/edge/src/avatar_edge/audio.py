"""Sound devices as the edge sees them, and reading audio files.

All times are edge clock: seconds of `time.perf_counter`. Device threads only hand over or fetch blocks of samples.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from avatar_edge.errors import AudioFileError

MIC_RATE = 16_000
FRAME = 320
"""Samples in a microphone frame of 20 ms."""

Pcm = NDArray[np.int16]


class MicBlock(NamedTuple):
    """20 ms of microphone: sample offset since it began, edge clock of its first sample, int16 [320]."""

    start: int
    at: float
    pcm: Pcm


class AudioIn(Protocol):
    """A microphone: 16 kHz mono.

    Attributes:
        acoustic: It can hear a loudspeaker.
    """

    @property
    def acoustic(self) -> bool:
        """It can hear a loudspeaker."""

    def open(self, deliver: Callable[[MicBlock], None]) -> None:
        """Begin; `deliver` is called from the device's thread with every frame and returns at once."""

    def close(self) -> None:
        """End; nothing is delivered after this returns."""

    def voiced_end(self, heard: int, margin: int) -> int | None:
        """Where something said really ended that the ears heard end at sample `heard`, give or take `margin`.

        The sample after its last voiced one; None where the device does not know.
        """


class LiveVoice(Protocol):
    """The person's own voice, for the moments in which it goes where the clone's does."""

    def read(self, count: int, rate: int) -> Pcm:
        """The newest `count` samples at `rate`, each given once, silence where there are none.

        Called from the output's thread; never blocks.
        """


@runtime_checkable
class OwnVoice(Protocol):
    """A microphone that also offers what the person says as it is."""

    @property
    def live(self) -> LiveVoice:
        """The person's own voice."""


Source = Callable[[int, float], Pcm]
"""Asked by an output's thread for n samples, the first of which will sound at the given edge clock."""


class AudioOut(Protocol):
    """A loudspeaker or virtual microphone: mono, pulls what it plays.

    Attributes:
        rate: Samples per second.
        acoustic: A microphone may hear it.
    """

    @property
    def rate(self) -> int:
        """Samples per second."""

    @property
    def acoustic(self) -> bool:
        """A microphone may hear it."""

    def open(self, source: Source) -> None:
        """Begin to play what `source` gives."""

    def close(self) -> None:
        """End; `source` is not called after this returns."""


def as_pcm(samples: NDArray[np.generic]) -> Pcm:
    """Mono float [-1, 1] or int16 samples as int16, clipped; raises ValueError for other shapes and NaN."""
    if samples.ndim != 1:
        raise ValueError(f"mono samples in one dimension are expected, not shape {samples.shape}")
    if samples.dtype == np.int16:
        return np.asarray(samples, np.int16)
    wave: NDArray[np.float32] = samples.astype(np.float32)
    if not np.isfinite(wave).all():
        raise ValueError("samples hold NaN or infinity")
    scaled: Pcm = np.clip(np.rint(wave * 32_767.0), -32_768, 32_767).astype(np.int16)
    return scaled


def load_audio(path: Path | str, rate: int = MIC_RATE) -> NDArray[np.float32]:
    """The first audio stream of a file as mono float32 [-1, 1] at `rate`; raises `AudioFileError`."""
    blocks: list[NDArray[np.float32]] = []
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise AudioFileError(f"{path} holds no sound; give an audio file such as a WAV")
            stream = container.streams.audio[0]
            source_rate = int(stream.rate)
            planar = av.AudioResampler(format="fltp")
            for frame in itertools.chain(container.decode(stream), (None,)):
                # Averaged here: the library's own mix to mono is louder than its parts.
                blocks += [out.to_ndarray().mean(axis=0) for out in planar.resample(frame)]
    except (OSError, av.FFmpegError) as error:
        raise AudioFileError(f"{path} cannot be read as audio: {error}") from error
    wave = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    return np.asarray(soxr.resample(wave, source_rate, rate), np.float32)
