"""Takes the clone's own voice, and noise if wanted, out of the microphone, by WebRTC's audio processing (AEC3).

The canceller is given what was really played, aligned to the capture by the edge clock, so that all that is left for
it to find is the way through the room. It runs at the microphone's 16 kHz: 48 kHz costs half as much again and cancels
no better.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from avatar_edge.audio import FRAME, MIC_RATE, AudioIn, AudioOut, MicBlock, Pcm, as_pcm
from avatar_edge.convergence import Convergence
from avatar_edge.errors import AudioProcessingMissing
from avatar_edge.settings import EdgeSettings
from avatar_edge.timeline import DeviceClock, Played, Wave

_ECHO_LAG = 128
"""Samples by which the echo canceller's filter bank delays the microphone: 8 ms."""
_NOISE_LAG = 96
"""The same of the noise suppressor: 6 ms."""
_BLOCK = MIC_RATE // 100
_STALLED_S = 0.25
"""An output that has played nothing new for this long is not waited for."""


def echo_expected(settings: EdgeSettings, mic: AudioIn, speaker: AudioOut) -> bool:
    """Whether the echo of `speaker` is to be taken out of `mic`."""
    return settings.aec == "on" or (settings.aec == "auto" and mic.acoustic and speaker.acoustic)


class MicCleaner:
    """Cleans one microphone near one output. `played` belongs to the output's thread, the rest to one other thread.

    Attributes:
        lag: Samples by which the cleaned microphone is later than the microphone.
        convergence: How well the echo is cancelled.
    """

    def __init__(
        self, rate: int, *, echo: bool = True, noise_suppression: bool = False, high_pass: bool = False
    ) -> None:
        """Takes 0.4 s the first time, for loading the library.

        Args:
            rate: Samples per second of the output.
            echo: Cancel its echo.
            noise_suppression: Suppress steady noise.
            high_pass: Remove what lies below speech; cancelling echo includes it.

        Raises:
            AudioProcessingMissing: The library is not there or does not load.
        """
        try:
            from livekit.rtc import AudioFrame, apm  # noqa: PLC0415 - only a call with echo or noise needs it

            self._frame_of: Any = AudioFrame
            self._new_apm = partial(
                apm.AudioProcessingModule,
                echo_cancellation=echo,
                noise_suppression=noise_suppression,
                high_pass_filter=high_pass,
            )
            self._echo = echo
            self._apm = self._open()
        except (ImportError, OSError) as error:
            raise AudioProcessingMissing(
                f"echo and noise of the microphone cannot be removed: {error}; install livekit, or set aec=off, "
                "noise_suppression=false, high_pass=false and use headphones"
            ) from error
        self._played = Played(rate)
        self._clock = DeviceClock(MIC_RATE)
        self._losses = 0
        self._until = 0.0
        self._until_new_at = 0.0
        self.lag = (_ECHO_LAG if echo else 0) + (_NOISE_LAG if noise_suppression else 0)
        self.convergence = Convergence(self.lag)

    @property
    def voice_gain(self) -> float:
        """Factor for what is played from now on, so that its echo leaves the person to be heard."""
        return self.convergence.coupling.gain

    def played(self, pcm: Pcm, at: float) -> None:
        """The output plays `pcm`, its first sample at edge clock `at`; returns at once."""
        self._played.add(pcm, at)

    def lacks(self, block: MicBlock, now: float) -> bool:
        """What was played while `block` was captured is still to come, from an output that runs."""
        if not self._echo:
            return False
        until = self._played.until
        if until != self._until:
            self._until, self._until_new_at = until, now
        return 0.0 < until < block.at + FRAME / MIC_RATE and now - self._until_new_at < _STALLED_S

    def clean(self, block: MicBlock) -> tuple[MicBlock, bool]:
        """The cleaned block, `lag` samples later than it came, and whether to guard against echo all the same.

        Raises:
            RuntimeError: The library refuses the frame; the next one may be taken again.
        """
        at = block.at - self.lag / MIC_RATE
        if not self._echo:
            return MicBlock(block.start, at, self._process(block.pcm, None)), False
        if self._clock.observe(block.start, block.at, FRAME / MIC_RATE):
            self.convergence.restart()
        far = self._played.read(self._clock.time(block.start), FRAME)
        pcm = self._process(block.pcm, as_pcm(far))
        guard = self.convergence.step(far, _wave(block.pcm), _wave(pcm))
        if self.convergence.losses != self._losses:
            self._losses = self.convergence.losses
            self._apm = self._open()  # a new one finds the new way through the room in 1 s, a settled one in 3
        return MicBlock(block.start, at, pcm), guard

    def _open(self) -> Any:
        apm = self._new_apm()
        if self._echo:
            apm.set_stream_delay_ms(0)  # what was played is given for the moment at which it sounded
        return apm

    def _process(self, mic: Pcm, far: Pcm | None) -> Pcm:
        cleaned = np.empty(FRAME, np.int16)
        for first in range(0, FRAME, _BLOCK):
            part = slice(first, first + _BLOCK)
            if far is not None:
                self._apm.process_reverse_stream(self._frame_of(far[part].tobytes(), MIC_RATE, 1, _BLOCK))
            frame = self._frame_of(mic[part].tobytes(), MIC_RATE, 1, _BLOCK)
            self._apm.process_stream(frame)
            cleaned[part] = frame.data
        return cleaned


def _wave(pcm: Pcm) -> Wave:
    return pcm.astype(np.float32) / 32_768.0
