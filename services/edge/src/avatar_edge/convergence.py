"""Whether the clone's own voice may still be in the cleaned microphone. Pure logic.

Two things are looked at while the far end can be heard: how much quieter the canceller made the microphone (ERLE), and
whether what is left still correlates with what was played. Only the second tells a canceller that has lost the room
from a person who speaks at the same time: both leave the microphone as loud as it was, but a person is no copy of the
far end. The correlation is weighted by phase alone (GCC-PHAT: Knapp and Carter 1976), which makes the direct path of an
echo a sharp peak at any level and leaves speech of two people flat.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from avatar_edge.audio import FRAME, MIC_RATE
from avatar_edge.coupling import Coupling
from avatar_edge.timeline import Wave

_SPAN = 16_384
_LAGS = 8_800
"""An echo is looked for up to 550 ms after it was played, in the last 474 ms captured."""
_SEEN = _SPAN - _LAGS
_EVERY = 5
"""Frames between two looks."""
_FRAME_S = FRAME / MIC_RATE
_LOOK_S = _EVERY * _FRAME_S
_BAND_HZ = (300.0, 4_000.0)

_AUDIBLE = 10.0 ** (-50.0 / 10.0)
"""Power above which a frame of the far end can be heard."""
_LINGER_S = 0.7
"""The far end may come back from the room for this long after its last audible frame."""
_SPOKEN_S = 0.3
"""A look needs this much audible far end in the stretch whose echo it would see."""

_PEAK = 8.0
"""What may be an echo in the microphone stands this many standard deviations above the correlation."""
_SURE_PEAK = 12.0
"""What is one for certain, and what is left of one in the cleaned microphone; two voices reach 11 by chance."""
_LEAK_AT_ECHO = 8.0
"""What is left of a certain echo, looked for only where the microphone has it; there two voices reach 7."""
_GONE_AT_ECHO = 5.0
"""Less than this is left there of an echo that is cancelled, even while a person speaks."""
_CANCELLED_DB = 22.0
"""An echo reduced by this much is no voice to a voice activity detector."""
_LOST_DB = 12.0
_NEAR_FLOOR_DB = 8.0
_FLOOR_FRAMES = 150
"""The floor is the quietest of so many frames in which the far end could not be heard, or any quieter one since."""
_CANCELLED_S = 0.8
"""Cancelled for this long is converged: the canceller mutes everything while it looks for the delay."""
_ABSENT_S = 0.2
"""No echo for this long, of sound old enough to have come back, is none; `_NOISY` times that in a loud microphone."""
_NOISY = 4
_RETURNED_S = 0.1
_LOST_S = 0.2
_SAME = MIC_RATE // 1_000
"""An echo that is really there is seen at the same delay twice; chance puts its peaks anywhere."""


class Convergence:
    """Follows the canceller frame by frame.

    Attributes:
        converged: The far end is out of the cleaned microphone, or never was in it.
        erle_db: Echo return loss enhancement at the last look, while the far end was audible.
        losses: How often it was converged and lost the room again.
        echo_s: Delay of the echo at the last look that saw one; None when there is none.
        coupling: How loud the echo is.
    """

    def __init__(self, lag: int) -> None:
        """`lag`: samples by which the cleaned microphone is later than the microphone."""
        self.converged = False
        self.losses = 0
        self.erle_db = 0.0
        self.echo_s: float | None = None
        self.coupling = Coupling()
        self._lag = lag
        self._delay = 0
        self._far = np.zeros(_SPAN, np.float32)
        self._mic = np.zeros(_SPAN, np.float32)
        self._out = np.zeros(_SPAN, np.float32)
        self._floor = deque([1.0], maxlen=_FLOOR_FRAMES)
        self._frames = 0
        self._since_audible_s = _LINGER_S
        self._good_s = self._absent_s = self._lost_s = 0.0
        frequencies = np.fft.rfftfreq(_SPAN, 1.0 / MIC_RATE)
        self._band = (frequencies > _BAND_HZ[0]) & (frequencies < _BAND_HZ[1])

    def restart(self) -> None:
        """A device has jumped: what was learnt of the room holds no longer."""
        self.converged = False
        self._good_s = self._absent_s = self._lost_s = 0.0
        self.coupling.restart()

    def step(self, far: Wave, mic: Wave, out: Wave) -> bool:
        """20 ms of what was played, captured and cleaned; returns whether to guard against what was cleaned."""
        for kept, new in ((self._far, far), (self._mic, mic), (self._out, out)):
            kept[:-FRAME] = kept[FRAME:]
            kept[-FRAME:] = new
        self._frames += 1
        self._since_audible_s += _FRAME_S
        if np.mean(far**2) > _AUDIBLE:
            self._since_audible_s = 0.0
        audible = self._since_audible_s < _LINGER_S
        power = float(np.mean(mic**2)) + 1e-10
        if not audible or power < min(self._floor):
            self._floor.append(power)
        if audible and self._frames % _EVERY == 0:
            self._look()
        return audible and not self.converged

    def _look(self) -> None:
        audible = np.mean(self._far[_SPAN % FRAME :].reshape(-1, FRAME) ** 2, axis=1) > _AUDIBLE
        if np.count_nonzero(audible) * _FRAME_S < _SPOKEN_S:
            return
        returned = np.count_nonzero(audible[: -(_LAGS // FRAME)]) * _FRAME_S >= _RETURNED_S
        mic, out = self._mic[-_SEEN:], self._out[-_SEEN:]
        left = float(np.mean(out**2)) + 1e-10
        came = float(np.mean(mic**2)) + 1e-10
        self.erle_db = 10.0 * float(np.log10(came / left))
        near_floor = min(self._floor) * 10.0 ** (_NEAR_FLOOR_DB / 10.0)
        far = np.conj(np.fft.rfft(self._far))
        in_mic, in_out = self._peaks(far, mic), self._peaks(far, out)
        delay = int(np.argmax(in_mic))
        echo = in_mic[delay] > _PEAK
        self.echo_s = delay / MIC_RATE if echo else None
        leak, gone = bool(np.max(in_out) > _SURE_PEAK), False
        if in_mic[delay] > _SURE_PEAK:
            at = delay + self._lag
            left_at = float(np.max(in_out[max(0, at - 32) : at + 33], initial=0.0))
            leak, gone = leak or left_at > _LEAK_AT_ECHO, left_at < _GONE_AT_ECHO
        heard = self.converged and self.erle_db < _LOST_DB  # a person, or what a canceller that is lost leaves
        self._measure(came, delay, sure=in_mic[delay] > _SURE_PEAK and came > near_floor and not heard)
        if self.converged:
            lost = leak and self.erle_db < _LOST_DB and left > near_floor
            self._lost_s = self._lost_s + _LOOK_S if lost else 0.0
            if self._lost_s >= _LOST_S:
                self.losses += 1
                self.restart()
            return
        cancelled = gone or self.erle_db > _CANCELLED_DB or (left < near_floor and not leak)
        if echo:
            self._good_s = max(0.0, self._good_s + (_LOOK_S if cancelled else -_LOOK_S))
        if echo or leak:
            self._absent_s = 0.0
        elif returned:
            self._absent_s += _LOOK_S if came < near_floor else _LOOK_S / _NOISY
        self.converged = self._good_s >= _CANCELLED_S or self._absent_s >= _ABSENT_S

    def _measure(self, came: float, delay: int, *, sure: bool) -> None:
        """Compare what came with what was played then; where the delay is not sure, the last that was counts."""
        certain = sure and abs(delay - self._delay) <= _SAME
        if sure:
            self._delay = delay
        played = self._far[_LAGS - self._delay : _SPAN - self._delay]
        self.coupling.observe(float(np.mean(played**2)), came, certain=certain)

    def _peaks(self, far: NDArray[np.complex64], captured: Wave) -> NDArray[np.float32]:
        """How far the far end's copy at every lag stands above the rest, in standard deviations."""
        spectrum = np.fft.rfft(np.pad(captured, (_LAGS, 0))) * far
        spectrum = np.where(self._band, spectrum / (np.abs(spectrum) + 1e-12), 0.0)
        correlation = np.fft.irfft(spectrum)[:_LAGS]
        return np.asarray(correlation / (np.std(correlation) + 1e-12), np.float32)
