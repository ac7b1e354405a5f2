"""How loud somebody speaks, as a bar while they do and as a sentence afterwards. Pure logic."""

from __future__ import annotations

import math

import numpy as np

from avatar_edge.audio import FRAME, MIC_RATE, Pcm

FLOOR_DBFS = -70.0
_NOTHING_DBFS = -60.0
_FAINT_DBFS = -42.0
_SPOKEN_S = 0.2
"""The loudest stretch of this length is how loud somebody spoke: a click is shorter."""
_CLIPPED = 32_700
_CLIPPED_SHARE = 0.002
_CELLS = 30


class Meter:
    """Takes 16 kHz frames; read by another thread.

    Attributes:
        now_dbfs: Level of the newest frame.
        loudest_dbfs: Level of the loudest fifth of a second so far.
    """

    def __init__(self) -> None:
        self.now_dbfs = self.loudest_dbfs = FLOOR_DBFS
        self._powers: list[float] = []
        self._clipped = self._samples = 0

    def take(self, pcm: Pcm) -> None:
        """The next samples, int16."""
        power = float(np.mean(np.square(pcm.astype(np.float64) / 32_768.0))) if len(pcm) else 0.0
        self.now_dbfs = _dbfs(power)
        self._powers = [*self._powers, power][-round(_SPOKEN_S * MIC_RATE / FRAME) :]
        self.loudest_dbfs = max(self.loudest_dbfs, _dbfs(sum(self._powers) / len(self._powers)))
        self._clipped += int(np.count_nonzero(np.abs(pcm.astype(np.int32)) >= _CLIPPED))
        self._samples += len(pcm)

    @property
    def heard(self) -> bool:
        """Something more than the noise of an empty input came."""
        return self.loudest_dbfs > _NOTHING_DBFS

    @property
    def verdict(self) -> str:
        """What the level means, and what to do about it."""
        if not self.heard:
            return "Nothing was heard. Is it muted, or may this program not use it (the system's privacy settings)?"
        level = f"{self.loudest_dbfs:.0f} dBFS"
        if self._clipped > _CLIPPED_SHARE * self._samples:
            return f"Too loud ({level}, and cut off): lower its input level in the system's sound settings."
        if self.loudest_dbfs < _FAINT_DBFS:
            return f"Faint ({level}): raise its input level in the system's sound settings, or speak closer to it."
        return f"Good ({level})."

    def bar(self) -> str:
        """The newest level, ``[########······] -31 dBFS``."""
        filled = round((self.now_dbfs - FLOOR_DBFS) / -FLOOR_DBFS * _CELLS)
        return f"[{'#' * filled}{'·' * (_CELLS - filled)}] {self.now_dbfs:4.0f} dBFS"


def _dbfs(power: float) -> float:
    return max(FLOOR_DBFS, min(0.0, 10.0 * math.log10(power))) if power > 0 else FLOOR_DBFS
