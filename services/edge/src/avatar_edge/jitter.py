"""The jitter buffer: pieces of a reply's sound in any order of arrival, given back in the order of its clock.

Pure logic: no clock, no I/O, no thread; the caller passes everything in.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from avatar_edge.audio import Pcm

QUIET_S = 0.04
"""Delay variation a first chunk of speech covers by its length: no waiting below it."""
LIMIT_S = 0.3
_WINDOW = 100


class NetworkJitter:
    """How much earlier than needed sound must be there, from the round trips to the voice over the last 10 s.

    Attributes:
        target_s: Seconds of sound to hold before a reply starts and, better, while it plays: 0 on a quiet bus,
            otherwise 0.08 to 0.3.
    """

    def __init__(self) -> None:
        self.target_s = 0.0
        self._trips: deque[float] = deque(maxlen=_WINDOW)

    def add(self, round_trip_s: float) -> None:
        """Note one round trip in seconds."""
        self._trips.append(round_trip_s)
        if len(self._trips) < 10:
            return
        trips = sorted(self._trips)
        spread = trips[round(0.95 * (len(trips) - 1))] - trips[0]
        self.target_s = 0.0 if spread < QUIET_S else min(LIMIT_S, 2.0 * spread)


class JitterBuffer:
    """One reply's samples by position on the reply clock.

    `put` takes pieces as they come, `take` gives samples without a break from position 0 on. Where a piece is
    missing, `take` stops; `skip_hole` gives it up and stands silence in for it.

    Attributes:
        position: The next sample `take` gives.
        total: Length of the reply in samples, None until it is known.
    """

    def __init__(self, capacity: int) -> None:
        """`capacity`: samples held at most; what comes on top is refused."""
        self.position = 0
        self.total: int | None = None
        self._capacity = capacity
        self._pieces: dict[int, Pcm] = {}

    def put(self, start: int, pcm: Pcm) -> bool:
        """Take a piece that begins at `start`; returns False when it is empty, late, too far ahead or there already."""
        if not len(pcm) or not self.position < start + len(pcm) <= self.position + self._capacity:
            return False
        known = self._pieces.get(start)
        if known is not None and len(known) >= len(pcm):
            return False
        self._pieces[start] = pcm
        return True

    def take(self) -> Pcm:
        """All samples that follow on without a break; empty when there are none."""
        parts: list[Pcm] = []
        while (piece := self._next_piece()) is not None:
            parts.append(piece)
            self.position += len(piece)
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    def _next_piece(self) -> Pcm | None:
        """The rest of a piece that covers `position`; pieces wholly before it are thrown away."""
        for start in sorted(self._pieces):
            if start > self.position:
                return None
            rest = self._pieces.pop(start)[self.position - start :]
            if len(rest):
                return rest
        return None

    @property
    def waiting(self) -> bool:
        """Whether pieces lie beyond a gap."""
        return bool(self._pieces)

    @property
    def complete(self) -> bool:
        """Whether every sample of the reply has been given."""
        return self.total is not None and self.position >= self.total

    def skip_hole(self) -> None:
        """Give up the gap before the earliest piece: the next `take` begins with silence."""
        if self._pieces and (missing := min(self._pieces) - self.position) > 0:
            self._pieces[self.position] = np.zeros(missing, np.int16)
