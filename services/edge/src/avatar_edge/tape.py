"""The samples of one reply at the device's rate: those to come, and the last seconds of those played. Pure logic."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from avatar_edge.audio import Pcm


class Tape:
    """Appended at its end, read at its position, wound back as far as it is kept.

    Attributes:
        position: The next sample `read` gives.
        end: Samples appended in all.
    """

    def __init__(self, kept: int) -> None:
        """`kept`: samples behind the position that can be wound back to at least."""
        self.position = self.end = 0
        self._kept = kept
        self._blocks: list[Pcm] = []
        self._starts: list[int] = []

    @property
    def left(self) -> int:
        """Samples from the position to the end."""
        return self.end - self.position

    @property
    def oldest(self) -> int:
        """The oldest sample that is kept."""
        return self._starts[0] if self._starts else self.end

    def append(self, pcm: Pcm) -> None:
        """More samples."""
        if len(pcm):
            self._blocks.append(pcm)
            self._starts.append(self.end)
            self.end += len(pcm)

    def read(self, count: int) -> Pcm:
        """The next `count` samples, or those there are."""
        count = min(count, self.left)
        parts: list[Pcm] = []
        index = bisect_right(self._starts, self.position) - 1
        upto = self.position + count
        while self.position < upto:
            start = self._starts[index]
            part = self._blocks[index][self.position - start : upto - start]
            parts.append(part)
            self.position += len(part)
            index += 1
        self._forget()
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    def wind_to(self, position: int) -> None:
        """Go back to `position`, or to the oldest sample that is kept."""
        self.position = min(max(position, self.oldest), self.position)

    def _forget(self) -> None:
        while len(self._starts) > 1 and self._starts[1] <= self.position - self._kept:
            del self._starts[0], self._blocks[0]
