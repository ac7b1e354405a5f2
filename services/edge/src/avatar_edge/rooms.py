"""Simulated rooms as devices: what the loudspeaker plays comes back into the microphone.

``mic = RoomMic(LAPTOP)`` is a `FileMic` in a room (`cue`, `say`, `position`, `time_of`, `voiced_end` as there), and
``mic.speaker`` the loudspeaker in the same room, a `MemoryOut`. The microphone captures the near speech it was told to
say, the room's answer to what the loudspeaker played, at its time, and the room's noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar_edge.audio import FRAME, MIC_RATE, Pcm
from avatar_edge.microphone import FileMic
from avatar_edge.speaker import MemoryOut
from avatar_edge.timeline import Played, Wave

_FIRST_REFLECTION_S = 0.002
_NOISE_S = 10
_KEPT_S = 4.0


@dataclass(frozen=True, kw_only=True)
class Room:
    """Loudspeaker, air and microphone, from the samples played to the samples captured.

    Vary one by `dataclasses.replace`. Speech of a person is near -26 dBFS, so noise at `snr_db` below it is
    ``noise_dbfs=-26.0 - snr_db``.

    Attributes:
        delay_s: From playing a sample to capturing its direct sound, the devices' buffers included; at least 20 ms.
        decay_s: Time in which the reverberation falls by 60 dB.
        direct_db: Energy of the direct sound over that of the reverberation.
        level_db: Level of the whole echo over what is played.
        distortion: Drive of the loudspeaker, ``tanh(drive * x) / drive``; 0: a perfect one.
        noise_dbfs: RMS level of the room's noise, 1/f; None: a silent room.
        seed: Of reverberation and noise.
    """

    delay_s: float = 0.04
    decay_s: float = 0.2
    direct_db: float = 6.0
    level_db: float = -10.0
    distortion: float = 0.0
    noise_dbfs: float | None = None
    seed: int = 1

    def impulse(self) -> Wave:
        """What the microphone captures of one played sample, at 16 kHz, `delay_s` left out.

        A direct peak, then noise that decays exponentially (Schroeder's and Moorer's model of a late reverberation).
        """
        count = max(1, round(self.decay_s * MIC_RATE))
        tail = np.random.default_rng(self.seed).normal(size=count) * 10.0 ** (-3.0 * np.arange(count) / count)
        tail[: round(_FIRST_REFLECTION_S * MIC_RATE)] = 0.0
        energy = np.sum(tail**2)
        if energy > 0.0:
            tail *= 10.0 ** (-self.direct_db / 20.0) / np.sqrt(energy)
        tail[0] = 1.0
        return np.asarray(tail * 10.0 ** (self.level_db / 20.0) / np.sqrt(np.sum(tail**2)), np.float32)


LAPTOP = Room(delay_s=0.04, decay_s=0.2, direct_db=6.0, level_db=-10.0, distortion=1.0, noise_dbfs=-65.0, seed=1)
"""Loudspeaker and microphone in one case: near, early, a little distorted."""
MEETING_ROOM = Room(delay_s=0.18, decay_s=0.4, direct_db=0.0, level_db=-20.0, distortion=0.5, noise_dbfs=-60.0, seed=2)
"""A loudspeaker across the room: faint, reverberant."""
HALL_SPEAKER = Room(delay_s=0.45, decay_s=0.6, direct_db=0.0, level_db=-2.0, distortion=2.0, noise_dbfs=-60.0, seed=3)
"""Late, distorted, and louder than a person at -26 dBFS when the voice is played at -20."""


class Acoustics:
    """The way of a sound through a room, 20 ms at a time.

    Convolution with the room's impulse response in equal parts, in the frequency domain (Stockham; partitioned as by
    Torger and Farina): some 0.1 ms for 20 ms.
    """

    def __init__(self, room: Room) -> None:
        self.room = room
        impulse = room.impulse()
        parts = -(-len(impulse) // FRAME)
        padded = np.zeros((parts, 2 * FRAME), np.float32)
        padded[:, :FRAME] = np.pad(impulse, (0, parts * FRAME - len(impulse))).reshape(parts, FRAME)
        self._response = np.fft.rfft(padded).astype(np.complex64)
        self._spectra = np.zeros_like(self._response)
        self._newest = 0
        self._block = np.zeros(2 * FRAME, np.float32)
        self._noise = _pink(room) if room.noise_dbfs is not None else None
        self._frames = 0

    def step(self, played: Wave) -> Wave:
        """What the microphone captures of the next 320 samples at 16 kHz, in [-1, 1], `delay_s` left out."""
        drive = self.room.distortion
        self._block[:FRAME] = self._block[FRAME:]
        self._block[FRAME:] = np.tanh(drive * played) / drive if drive else played
        parts = len(self._response)
        self._newest = (self._newest - 1) % parts
        self._spectra[self._newest] = np.fft.rfft(self._block)
        late = parts - self._newest
        spectrum = np.einsum("pf,pf->f", self._response[:late], self._spectra[self._newest :])
        spectrum += np.einsum("pf,pf->f", self._response[late:], self._spectra[: self._newest])
        captured: Wave = np.fft.irfft(spectrum)[FRAME:].astype(np.float32)
        if self._noise is not None:
            place = self._frames % (len(self._noise) // FRAME)
            captured += self._noise[place * FRAME : (place + 1) * FRAME]
        self._frames += 1
        return captured


class RoomOut(MemoryOut):
    """The loudspeaker in a room; made by `RoomMic`."""

    acoustic = True

    def __init__(self, rate: int, latency_s: float) -> None:
        super().__init__(rate, latency_s)
        self.played = Played(rate, _KEPT_S)

    def _keep(self, index: int, pcm: Pcm) -> None:
        super()._keep(index, pcm)
        self.played.add(pcm, self.began_at + index * len(pcm) / self.rate)


class RoomMic(FileMic):
    """A microphone in a room with a loudspeaker; see the module.

    Attributes:
        speaker: The loudspeaker.
    """

    acoustic = True

    def __init__(self, room: Room, *, rate: int = 48_000, latency_s: float = 0.02, drift_ppm: float = 0.0) -> None:
        """`rate` and `latency_s`: of the loudspeaker; `drift_ppm`: how much faster the microphone's clock runs."""
        super().__init__(drift_ppm=drift_ppm)
        self.speaker = RoomOut(rate, latency_s)
        self._acoustics = Acoustics(room)

    @property
    def room(self) -> Room:
        """The room; another one may be set at any time, as when somebody carries the laptop away."""
        return self._acoustics.room

    @room.setter
    def room(self, room: Room) -> None:
        self._acoustics = Acoustics(room)

    def _frame(self, start: int) -> Pcm:
        acoustics = self._acoustics
        at = self.time_of(start) - acoustics.room.delay_s
        played = self.speaker.played.read(at, FRAME, self.frame_s / FRAME)
        captured = np.rint(acoustics.step(played) * 32_768.0) + super()._frame(start)
        return np.asarray(np.clip(captured, -32_768, 32_767), np.int16)


def _pink(room: Room) -> NDArray[np.float32]:
    assert room.noise_dbfs is not None
    count = _NOISE_S * MIC_RATE
    spectrum = np.fft.rfft(np.random.default_rng(room.seed).normal(size=count))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 50.0 * _NOISE_S))
    noise = np.fft.irfft(spectrum)
    return np.asarray(noise * 10.0 ** (room.noise_dbfs / 20.0) / np.sqrt(np.mean(noise**2)), np.float32)
