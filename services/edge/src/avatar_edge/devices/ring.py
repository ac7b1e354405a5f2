"""A ring of samples between a device's callback and one other thread. Neither waits for the other."""

from __future__ import annotations

import numpy as np

from avatar_edge.audio import Pcm


class Ring:
    """One thread writes, one reads: each moves a counter of its own, which the other only looks at.

    Attributes:
        written: Samples written since the beginning.
        taken: Samples read since the beginning.
    """

    def __init__(self, capacity: int) -> None:
        """`capacity`: samples it holds at most."""
        self._samples = np.zeros(capacity, np.int16)
        self.written = 0
        self.taken = 0

    @property
    def fill(self) -> int:
        """Samples that can be read."""
        return self.written - self.taken

    def write(self, pcm: Pcm) -> int:
        """Add what there is room for; returns how many samples that were."""
        capacity = len(self._samples)
        count = min(len(pcm), capacity - self.fill)
        first = self.written % capacity
        straight = min(count, capacity - first)
        self._samples[first : first + straight] = pcm[:straight]
        self._samples[: count - straight] = pcm[straight:count]
        self.written += count
        return count

    def read(self, out: Pcm) -> int:
        """Fill `out` from its beginning with what there is; returns how many samples that were."""
        capacity = len(self._samples)
        count = min(len(out), self.fill)
        first = self.taken % capacity
        straight = min(count, capacity - first)
        out[:straight] = self._samples[first : first + straight]
        out[straight:count] = self._samples[: count - straight]
        self.taken += count
        return count
