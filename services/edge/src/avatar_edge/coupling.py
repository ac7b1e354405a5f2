"""How loudly the room gives the clone's voice back, and how much the voice is turned down for it. Pure logic.

A canceller takes a person out together with an echo that is louder than they are: the person can be heard only if the
loudspeaker is no louder at the microphone. So the voice is turned down where the room gives back too much of it, and
nowhere else; as in any good speakerphone.
"""

from __future__ import annotations

from collections import deque

import numpy as np

_FROM_DB = -11.0
"""A room that gives back less than this needs nothing: of a voice at -18 LUFS, the echo is 3 dB below a person, who is
near -26 dBFS."""
_SLOPE = 1.5
"""dB by which the voice is lowered for each that the room gives back more. More than 1, because a room that gives back
so much is large or its loudspeaker overdriven: there the echo must be 6 dB below the person, where in a small one 2
will do."""
_LEAST_DB = -15.0
"""Turned down further, it would not be understood."""
_STEP_DB = 1.0
"""A gain that is off by less is left alone."""

_PLAYED = 10.0 ** (-40.0 / 10.0)
"""Power from which what was played is loud enough to be compared with its echo: a ducked voice is not."""
_MUTED = 10.0 ** (-90.0 / 10.0)
"""A microphone that captures less is switched off."""
_LOOKS = 100
"""Looks (10 s of talk) remembered; from the tenth on they count."""
_ENOUGH = 10
_SHARE = 30.0
"""Percentile of what the looks saw: a person who speaks meanwhile makes it more, nothing makes it less."""


class Coupling:
    """Told about every look at echo and microphone; a person who speaks meanwhile does no harm.

    Attributes:
        level_db: The echo's level at the microphone over that of what is played; None while there is no echo.
        gain: Factor for the voice, at most 1.
    """

    def __init__(self) -> None:
        self.level_db: float | None = None
        self.gain = 1.0
        self._seen: deque[float] = deque(maxlen=_LOOKS)

    def restart(self) -> None:
        """The room may be another one: what the next looks see counts alone. Until then nothing changes."""
        self._seen.clear()

    def observe(self, played: float, captured: float, *, certain: bool) -> None:
        """Take the power of what was played and of what the microphone captured while it came back.

        Args:
            played: Mean square, full scale 1.
            captured: The same.
            certain: An echo is there, and no other sound is known to be. Otherwise `captured` says only how loud the
                echo is at most.
        """
        if played < _PLAYED or captured < _MUTED:
            return
        level_db = 10.0 * float(np.log10(captured / played))
        if not certain:
            if self.level_db is None:
                return
            level_db = min(level_db, self.level_db)
        self._seen.append(level_db)
        if len(self._seen) < _ENOUGH:
            return
        self.level_db = float(np.percentile(self._seen, _SHARE))
        wanted_db = min(0.0, max(_LEAST_DB, _SLOPE * (_FROM_DB - self.level_db)))
        if abs(wanted_db - 20.0 * np.log10(self.gain)) >= _STEP_DB:
            self.gain = float(10.0 ** (wanted_db / 20.0))
