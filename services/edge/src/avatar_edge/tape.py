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
        pcm = self.peek(self.position, count)
        self.position += len(pcm)
        self._forget()
        return pcm

    def peek(self, at: int, count: int) -> Pcm:
        """`count` samples from position `at` on, which is kept, or those there are."""
        upto = min(at + count, self.end)
        parts: list[Pcm] = []
        index = bisect_right(self._starts, at) - 1
        while at < upto:
            start = self._starts[index]
            part = self._blocks[index][at - start : upto - start]
            parts.append(part)
            at += len(part)
            index += 1
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    def wind_to(self, position: int) -> None:
        """Go to `position`, or to the oldest or newest sample that is kept."""
        self.position = min(max(position, self.oldest), self.end)

    def _forget(self) -> None:
        while len(self._starts) > 1 and self._starts[1] <= self.position - self._kept:
            del self._starts[0], self._blocks[0]
