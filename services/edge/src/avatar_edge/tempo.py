"""A reply played a little slower while its supply runs low, and its pauses shortened to catch up. Pure logic.

Slower without a lower voice: every now and then a stretch of sound is said again, joined where the wave looks alike,
which repeats whole periods of the voice (WSOLA: Verhelst and Roelands, "An overlap-add technique based on waveform
similarity for high quality time-scale modification of speech", ICASSP 1993).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from avatar_edge.audio import Pcm
from avatar_edge.tape import Tape

HOP_S = 0.01
REACH_S = 0.008
"""Sound is said again from this to twice this far back: one of these is a whole period of any voice above 63 Hz."""
SLOWEST = 0.8
QUIET = 100
"""int16 amplitude (-50 dBFS) below which nothing is said."""
_COARSE_HZ = 12_000


class Block(NamedTuple):
    """Samples for the output, and how many of the tape's they stand for."""

    pcm: Pcm
    consumed: float


class Tempo:
    """Reads a tape at another pace than it was spoken, a hop of 10 ms at a time.

    Attributes:
        ahead: How far the clock is ahead of the tape's position, in samples: at most `REACH_S` while it slows down.
        hop: Samples of a block.
    """

    def __init__(self, rate: int) -> None:
        self.ahead = 0.0
        self.hop = round(rate * HOP_S)
        self._reach = round(rate * REACH_S)
        self._every = max(1, rate // _COARSE_HZ)
        self._rise = np.linspace(0.0, 1.0, self.hop, dtype=np.float32)

    def settle(self) -> None:
        """The tape is read as it is again, or from somewhere else."""
        self.ahead = 0.0

    def slow(self, tape: Tape, pace: float) -> Block | None:
        """The next hop at `pace` (`SLOWEST` to 1); None when too little is left."""
        hop, here = self.hop, tape.position
        if tape.left < hop:
            return None
        consumed = pace * hop
        behind = consumed - hop + self.ahead  # where the clock will be, against a tape that is simply read on
        if -behind <= self._reach or here - 2 * self._reach < tape.oldest:
            self.ahead = behind
            return Block(tape.read(hop), consumed)
        on = tape.peek(here, hop).astype(np.float32)
        start = here + round(behind) - self._reach
        again = start + self._alike(tape.peek(start, hop + self._reach).astype(np.float32), on)
        joined = on + self._rise * (tape.peek(again, hop).astype(np.float32) - on)
        tape.wind_to(again + hop)
        self.ahead = behind - (again - here)
        return Block(joined.astype(np.int16), consumed)

    def skip(self, tape: Tape) -> Block | None:
        """The next two hops as one, if nothing is said in them; None otherwise."""
        hop = self.hop
        if tape.left < 2 * hop:
            return None
        both = tape.peek(tape.position, 2 * hop)
        if max(int(both.max()), -int(both.min())) >= QUIET:
            return None
        tape.read(2 * hop)
        first, second = both[:hop].astype(np.float32), both[hop:].astype(np.float32)
        return Block((first + self._rise * (second - first)).astype(np.int16), 2.0 * hop)

    def _alike(self, where: NDArray[np.float32], what: NDArray[np.float32]) -> int:
        """The offset in `where` from which on it looks most like `what`."""
        coarse, pattern = where[:: self._every], what[:: self._every]
        count = len(pattern)
        scores = np.correlate(coarse, pattern, "valid")
        energy = np.cumsum(np.concatenate(([np.float32(0.0)], coarse * coarse)))
        scores /= np.sqrt(energy[count:] - energy[:-count] + 1.0)[: len(scores)]
        return min(int(scores.argmax()) * self._every, self._reach)
