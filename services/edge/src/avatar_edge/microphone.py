"""Microphones without hardware: one that says what it is told, one that is silent."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray

from avatar_edge.audio import FRAME, MIC_RATE, MicBlock, Pcm, as_pcm
from avatar_edge.pacing import PacedThread

WINDOW = 160
"""10 ms: the grain in which voice is told from silence."""
VOICE_BELOW_PEAK_DB = 35.0
VOICE_FLOOR_DBFS = -50.0
_NOISE_S = 2
_KEPT_S = 60
"""What was said this long ago is forgotten."""
_LIVE_FRAMES = 3
"""Frames of the live voice that wait at most: what is older would only be late."""


class Utterance(NamedTuple):
    """Where something said lies in the microphone's samples; `voiced_end` is after its last voiced sample."""

    start: int
    end: int
    voiced_end: int


class _Cued(NamedTuple):
    start: int
    pcm: Pcm
    voiced: NDArray[np.int64]


def voiced_windows(pcm: Pcm) -> NDArray[np.int64]:
    """Ends (in samples) of the 10 ms windows with voice: within 35 dB of the loudest and above -50 dBFS."""
    count = len(pcm) // WINDOW
    if not count:
        return np.zeros(0, np.int64)
    windows = pcm[: count * WINDOW].reshape(count, WINDOW).astype(np.float64) / 32_768.0
    level_db = 10.0 * np.log10(np.mean(windows**2, axis=1) + 1e-12)
    voiced = level_db > max(level_db.max() - VOICE_BELOW_PEAK_DB, VOICE_FLOOR_DBFS)
    return (np.flatnonzero(voiced) + 1) * WINDOW


class FileVoice:
    """See `LiveVoice`: what a microphone of this module says, at the rate of whoever listens."""

    def __init__(self) -> None:
        self._frames: deque[Pcm] = deque(maxlen=_LIVE_FRAMES)
        self._left = np.zeros(0, np.int16)
        self._rate = 0
        self._resampler: soxr.ResampleStream | None = None

    def feed(self, pcm: Pcm) -> None:
        """A frame; called from the microphone's thread."""
        self._frames.append(pcm)

    def read(self, count: int, rate: int) -> Pcm:
        """See `LiveVoice.read`."""
        if self._resampler is None or rate != self._rate:
            self._rate = rate
            self._resampler = soxr.ResampleStream(MIC_RATE, rate, 1, dtype="int16", quality="LQ")
        parts = [self._left]
        while self._frames:
            parts.append(self._resampler.resample_chunk(self._frames.popleft()))
        there = np.concatenate(parts)
        there = there[-max(count, _LIVE_FRAMES * FRAME * rate // MIC_RATE) :]
        self._left = there[count:]
        out = np.zeros(count, np.int16)
        out[: len(there[:count])] = there[:count]
        return out


class FileMic:
    """A microphone that runs in real time and plays what it is given, silence between.

    What is said may be cued before the microphone is open: it then begins with sample 0.

    Attributes:
        frame_s: How long a frame lasts by the edge clock.
        live: What it says, for the virtual microphone.
    """

    acoustic = False

    def __init__(self, noise_dbfs: float | None = None, *, drift_ppm: float = 0.0) -> None:
        """What surrounds the speech, and the microphone's clock.

        Args:
            noise_dbfs: RMS level of faint white noise that never stops; None: true silence.
            drift_ppm: How much faster its clock runs than the edge clock.
        """
        self.frame_s = FRAME / (MIC_RATE * (1.0 + drift_ppm * 1e-6))
        self.live = FileVoice()
        self._lock = threading.Lock()
        self._cued: list[_Cued] = []
        self._position = 0
        self._thread: PacedThread | None = None
        self._deliver: Callable[[MicBlock], None] = lambda _: None
        self._noise: Pcm | None = None
        if noise_dbfs is not None:
            rms = 32_768.0 * 10.0 ** (noise_dbfs / 20.0)
            noise = np.random.default_rng(7).normal(0.0, rms, _NOISE_S * MIC_RATE)
            self._noise = np.clip(np.rint(noise), -32_768, 32_767).astype(np.int16)

    @property
    def position(self) -> int:
        """Samples fed so far."""
        return self._position

    def open(self, deliver: Callable[[MicBlock], None]) -> None:
        """See `AudioIn.open`."""
        self._deliver = deliver
        self._thread = PacedThread("file-mic", self.frame_s, self._tick)
        self._thread.start()

    def close(self) -> None:
        """See `AudioIn.close`."""
        if self._thread is not None:
            self._thread.stop()

    def time_of(self, sample: int) -> float:
        """Edge clock at which `sample` was or will be captured."""
        if self._thread is None:
            raise RuntimeError("the microphone is not open yet: its samples have no time")
        return self._thread.began_at + sample / FRAME * self.frame_s

    def cue(self, samples: NDArray[np.generic], rate: int = MIC_RATE) -> Utterance:
        """Say `samples` (mono, int16 or float [-1, 1]) as soon as everything cued before has been said."""
        pcm = as_pcm(samples)
        if rate != MIC_RATE:
            pcm = as_pcm(soxr.resample(pcm.astype(np.float32) / 32_768.0, rate, MIC_RATE))
        voiced = voiced_windows(pcm)
        with self._lock:
            while self._cued and self._cued[0].start + len(self._cued[0].pcm) < self._position - _KEPT_S * MIC_RATE:
                self._cued.pop(0)
            start = self._position
            if self._cued:
                start = max(start, self._cued[-1].start + len(self._cued[-1].pcm))
            self._cued.append(_Cued(start, pcm, voiced + start))
        return Utterance(start, start + len(pcm), start + (int(voiced[-1]) if len(voiced) else 0))

    async def say(self, samples: NDArray[np.generic], rate: int = MIC_RATE) -> Utterance:
        """Like `cue`, returning when the last sample has been fed."""
        utterance = self.cue(samples, rate)
        while self._position < utterance.end:  # noqa: ASYNC110 - a device's thread must not wake the loop for this
            await asyncio.sleep(max(0.005, (utterance.end - self._position) / MIC_RATE))
        return utterance

    def voiced_end(self, heard: int, margin: int) -> int | None:
        """See `AudioIn.voiced_end`: known are the ends of whole utterances, not those of the sentences in them."""
        with self._lock:
            ends = [int(each.voiced[-1]) for each in self._cued if len(each.voiced)]
        return next((end for end in ends if abs(end - heard) <= margin), None)

    def _tick(self, index: int, due: float) -> None:
        # A frame is complete one period after its first sample: tick 0 only marks the beginning.
        if index == 0:
            return
        start = (index - 1) * FRAME
        with self._lock:
            pcm = self._frame(start)
            self._position = start + FRAME
        self.live.feed(pcm)
        self._deliver(MicBlock(start, due - self.frame_s, pcm))

    def _frame(self, start: int) -> Pcm:
        pcm = np.zeros(FRAME, np.int16)
        if self._noise is not None:
            offset = start % (len(self._noise) - FRAME)
            pcm[:] = self._noise[offset : offset + FRAME]
        for each in reversed(self._cued):
            if each.start + len(each.pcm) <= start:
                break
            low, high = max(each.start, start), min(each.start + len(each.pcm), start + FRAME)
            if low < high:
                mixed = (
                    pcm[low - start : high - start].astype(np.int32) + each.pcm[low - each.start : high - each.start]
                )
                pcm[low - start : high - start] = np.clip(mixed, -32_768, 32_767)
        return pcm


class NullMic(FileMic):
    """A microphone in a silent room."""
