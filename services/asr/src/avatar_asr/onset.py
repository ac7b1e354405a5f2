"""When voice begins."""

from __future__ import annotations

FRAME_SAMPLES = 512

_ENTER = 0.5
_FRAMES = 2
_QUIET_FRAMES = 8
_LEAD_SAMPLES = 2 * FRAME_SAMPLES
_GAP_SAMPLES = 2 * FRAME_SAMPLES


class Onset:
    """Finds the onset of voice between turns.

    Attributes:
        ignoring: Voice opens no turn before a quarter of a second without any.
        stuck: The same voice has been there for so long that it is none.
    """

    def __init__(self) -> None:
        self.ignoring = False
        self.stuck = False
        self._frames = 0
        self._quiet = 0
        self._loud_from: int | None = None

    @property
    def begun(self) -> bool:
        """The newest frame was voice, which is not enough to open a turn."""
        return self._frames > 0

    def step(self, probability: float, end: int, loud_end: int, *, alert: bool) -> int:
        """How many frames up to this one open a turn; 0 when they do not.

        Two frames of voice do; with `alert`, one does.
        """
        self.follow(end, loud_end)
        if self.ignoring:
            self._quiet = self._quiet + 1 if probability < _ENTER else 0
            if self._quiet >= _QUIET_FRAMES:
                self.ignoring = self.stuck = False
            return 0
        self._quiet = 0
        self._frames = self._frames + 1 if probability >= _ENTER else 0
        if self._frames < (1 if alert else _FRAMES):
            return 0
        frames, self._frames = self._frames, 0
        return frames

    def follow(self, end: int, loud_end: int) -> None:
        """Remember since when it has been loud."""
        if end - loud_end > _GAP_SAMPLES:
            self._loud_from = None
        elif self._loud_from is None and end - loud_end < FRAME_SAMPLES:
            self._loud_from = end - FRAME_SAMPLES

    def lead(self, start: int) -> int:
        """How long before the voice detector noticed a voice at `start` the level rose, 64 ms at most."""
        return 0 if self._loud_from is None else min(max(start - self._loud_from, 0), _LEAD_SAMPLES)
