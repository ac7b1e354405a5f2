"""The clone's voice in the person's headphones as well."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from avatar_edge.audio import AudioOut, Pcm, Source
from avatar_edge.devices.drift import Elastic


class Monitored:
    """An output, and a second one that plays the same some 50 ms later, at the pace of its own clock.

    Attributes:
        out: The first, which others hear.
        withheld: Asked at each block: what it holds is not for the person's own ears.
    """

    def __init__(self, out: AudioOut, monitor: AudioOut) -> None:
        self.out = out
        self.withheld: Callable[[], bool] = lambda: False
        self._monitor = monitor
        self._store = Elastic(out.rate, monitor.rate)
        self._source: Source | None = None

    @property
    def rate(self) -> int:
        """See `AudioOut.rate`: that of the first."""
        return self.out.rate

    @property
    def acoustic(self) -> bool:
        """See `AudioOut.acoustic`: either can be heard."""
        return self.out.acoustic or self._monitor.acoustic

    def open(self, source: Source) -> None:
        """See `AudioOut.open`."""
        self._source = source
        self.out.open(self._pull)
        self._monitor.open(lambda count, _: self._store.pull(count))

    def close(self) -> None:
        """See `AudioOut.close`."""
        self._monitor.close()
        self.out.close()

    def _pull(self, count: int, plays_at: float) -> Pcm:
        assert self._source is not None
        pcm = self._source(count, plays_at)
        self._store.push(np.zeros_like(pcm) if self.withheld() else pcm)
        return pcm
