"""Sound of several sources on one time line. Pure logic; the caller passes the times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr

from avatar_edge.audio import Pcm

JUMP_S = 0.04
"""A source further off its place than this is moved there; less is jitter of its times."""
PATIENCE_S = 1.0
"""A source that is behind the other by more than this is taken to be silent."""


@dataclass
class _Source:
    rate: int
    resampler: soxr.ResampleStream | None
    came: int
    went: int


class Mixer:
    """Places blocks of any rate by their time, adds them up, and gives the sum where every source has arrived.

    Attributes:
        given: Samples given so far: the position of the next one `take` gives.
    """

    def __init__(self, rate: int) -> None:
        self.given = 0
        self._rate = rate
        self._sources: dict[str, _Source] = {}
        self._sum = np.zeros(0, np.int32)

    def add(self, name: str, pcm: Pcm, rate: int, at_s: float) -> None:
        """A block of source `name` whose first sample belongs at `at_s` seconds from the beginning."""
        source = self._sources.get(name)
        expected_s = None if source is None else source.came / source.rate
        if source is None or source.rate != rate or expected_s is None or abs(at_s - expected_s) > JUMP_S:
            source = self._sources[name] = self._begin(rate, at_s)
        source.came += len(pcm)
        if source.resampler is not None:
            pcm = source.resampler.resample_chunk(pcm)
        self._place(pcm, source.went)
        source.went += len(pcm)

    def take(self) -> Pcm:
        """What is final by now."""
        ends = [source.went for source in self._sources.values()]
        newest = max(ends, default=0)
        return self._give(max(min(ends, default=0), newest - round(PATIENCE_S * self._rate)))

    def finish(self) -> Pcm:
        """All that is left."""
        return self._give(self.given + len(self._sum))

    def _begin(self, rate: int, at_s: float) -> _Source:
        resampler = None
        if rate != self._rate:
            resampler = soxr.ResampleStream(rate, self._rate, 1, dtype="int16", quality="HQ")
        return _Source(rate, resampler, round(at_s * rate), round(at_s * self._rate))

    def _place(self, pcm: Pcm, start: int) -> None:
        skip = max(0, self.given - start)  # before the beginning, or after it was given: too late
        pcm, start = pcm[skip:], max(start, self.given)
        if not len(pcm):
            return
        offset = start - self.given
        missing = offset + len(pcm) - len(self._sum)
        if missing > 0:
            self._sum = np.concatenate((self._sum, np.zeros(missing, np.int32)))
        self._sum[offset : offset + len(pcm)] += pcm

    def _give(self, until: int) -> Pcm:
        count = min(max(0, until - self.given), len(self._sum))
        out = np.clip(self._sum[:count], -32_768, 32_767).astype(np.int16)
        self._sum = self._sum[count:]
        self.given += count
        return out
