"""The door of the ears: every microphone frame is checked before anything hears it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from avatar_contracts import MicFrame

RATE_HZ = 16_000
FRAME_SAMPLES = 320
_MAX_SAMPLES = RATE_HZ
_MAX_FILL_SAMPLES = 2 * RATE_HZ
_RESTART_AFTER = 25
_WELL_AFTER = 50

Floats = npt.NDArray[np.float32]


class Flaw(enum.Enum):
    """What can be wrong with a frame: its error code, what it means, what to do."""

    RATE = ("mic.rate", "the microphone sends another sample rate than 16,000 Hz", "resample it before it is sent")
    LENGTH = ("mic.length", "a microphone frame is not whole frames of 20 ms, at most 1 s", "send 640 bytes at a time")
    GAP = ("mic.gap", "microphone audio is missing", "check the network between the edge and this service")
    STALE = ("mic.stale", "microphone audio came twice or out of order", "check that one edge feeds this session")
    CLIPPED = ("mic.clipped", "the microphone is overdriven", "lower its level")

    @property
    def code(self) -> str:
        """Stable name of the error."""
        return self.value[0]

    @property
    def message(self) -> str:
        """What happened."""
        return self.value[1]

    @property
    def hint(self) -> str:
        """What to do."""
        return self.value[2]


@dataclass(frozen=True)
class Heard:
    """What one frame brought.

    Attributes:
        samples: New sound in order, gaps filled with silence: [n] float32 within ±1, maybe empty.
        restart_at: Set when the stream starts anew at this position, before `samples`.
        flaws: Everything wrong with the frame; to be counted.
        fresh: The flaws that were not there before; to be reported.
    """

    samples: Floats
    restart_at: int | None
    flaws: tuple[Flaw, ...]
    fresh: tuple[Flaw, ...]


class Door:
    """Checks the frames of one session and keeps their sound continuous."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._stale = 0
        self._ill: dict[Flaw, int] = {}

    def take(self, frame: MicFrame) -> Heard:
        """The sound of `frame`. Never raises: a frame that cannot be used has no samples and a flaw."""
        count = len(frame.pcm) // 2
        if frame.rate != RATE_HZ:
            return self._heard(flaws=(Flaw.RATE,))
        if len(frame.pcm) % (2 * FRAME_SAMPLES) or not 0 < count <= _MAX_SAMPLES:
            return self._heard(flaws=(Flaw.LENGTH,))
        samples = np.frombuffer(frame.pcm, dtype="<i2").astype(np.float32)
        clipped = np.count_nonzero(np.abs(samples) >= 32_767) > count // 20
        samples /= 32_768.0
        missing = 0 if self._next is None else frame.start - self._next
        flaws = (Flaw.CLIPPED,) if clipped else ()
        if missing < 0:
            return self._overlap(frame.start, samples, -missing, flaws)
        self._stale = 0
        restart_at = frame.start if self._next is None else None
        self._next = frame.start + count
        if missing:
            flaws = (*flaws, Flaw.GAP)
            if missing <= _MAX_FILL_SAMPLES:
                samples = np.concatenate([np.zeros(missing, dtype=np.float32), samples])
            else:
                restart_at = frame.start
        return self._heard(samples, restart_at, flaws)

    def _overlap(self, start: int, samples: Floats, known: int, flaws: tuple[Flaw, ...]) -> Heard:
        """A frame that begins before what was already heard: only its new end counts."""
        self._stale += 1
        if self._stale >= _RESTART_AFTER:  # not a late packet: the microphone's count began anew
            self._stale = 0
            self._next = start + len(samples)
            return self._heard(samples, start, (*flaws, Flaw.STALE))
        fresh = samples[known:]
        assert self._next is not None
        self._next += len(fresh)
        return self._heard(fresh, None, (*flaws, Flaw.STALE))

    def _heard(
        self, samples: Floats | None = None, restart_at: int | None = None, flaws: tuple[Flaw, ...] = ()
    ) -> Heard:
        # A flaw is over after a second of frames without it; only then its return is news.
        fresh = tuple(flaw for flaw in flaws if flaw not in self._ill)
        self._ill = {flaw: left - 1 for flaw, left in self._ill.items() if left > 1}
        self._ill |= dict.fromkeys(flaws, _WELL_AFTER)
        nothing = np.zeros(0, dtype=np.float32)
        return Heard(nothing if samples is None else samples, restart_at, flaws, fresh)
