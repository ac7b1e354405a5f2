"""The level of a reply, sample by sample: ducked while somebody speaks over it, faded where it falls silent. Pure."""

from __future__ import annotations

import numpy as np

from avatar_edge.audio import Pcm

FADE_S = 0.01
"""A reply falls silent, and comes back, over this long: long enough not to click, short enough not to be heard."""
DUCK_LEVEL = 10.0 ** (-18.0 / 20.0)
"""-18 dB: still understood, and clearly giving way."""
DUCK_S = 0.025
UNDUCK_S = 0.06


class Ramp:
    """A factor that moves to its target in a straight line, one step with every sample it is applied to.

    Attributes:
        level: The factor for the next sample.
        target: Where it goes.
        left: Samples until it is there.
    """

    def __init__(self, level: float = 1.0) -> None:
        self.level = self.target = level
        self.left = 0

    def to(self, target: float, samples: int) -> None:
        """Go to `target` within `samples` from where it is; nothing changes when it is on its way there already."""
        if target == self.target:
            return
        self.target = target
        self.left = max(1, samples)

    def settle(self) -> None:
        """Be at the target now."""
        self.level, self.left = self.target, 0

    @property
    def silent(self) -> bool:
        """It has come down to nothing."""
        return not self.left and self.level == 0.0

    def apply(self, pcm: Pcm) -> Pcm:
        """The samples at their levels; the ramp moves on by as many."""
        if not self.left and self.level == 1.0:
            return pcm
        gain = np.full(len(pcm), self.target)
        moving = min(self.left, len(pcm))
        if moving:
            step = (self.target - self.level) / self.left
            gain[:moving] = self.level + step * np.arange(moving)
            self.left -= moving
            self.level = self.level + step * moving if self.left else self.target
        faded: Pcm = np.rint(pcm * gain).astype(np.int16)
        return faded
