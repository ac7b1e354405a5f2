"""The person in place of the clone: their own voice and picture on the virtual devices, and back.

The devices notice nothing: voice and picture are exchanged in what is handed to them, within a few milliseconds and a
few pictures.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np

from avatar_edge.audio import LiveVoice, Pcm
from avatar_edge.picture import Picture, blank, blended, fitted

FADE_S = 0.01
"""Over which one voice fades into the other."""
STEPS = 3
"""Pictures over which one face fades into the other: 120 ms at 25 pictures a second."""
PATIENCE_S = 0.1
"""How long the clone stays while the person's camera has no picture yet; then a card is shown in place of it."""
QUIET_DBFS = -45
"""Below this the person is not speaking."""


class OwnCamera(Protocol):
    """The person's own camera."""

    def open(self) -> None:
        """Begin, in the background."""

    def wake(self, *, on: bool) -> None:
        """Whether its pictures are wanted; while they are not it only stays ready."""

    def newest(self) -> Picture | None:
        """The newest picture, None when there is none of late."""

    @property
    def error(self) -> str:
        """What is wrong with it and what to do, empty while nothing is."""

    def close(self) -> None:
        """End."""


class RealMe:
    """Exchanges voice and picture. `voice` belongs to the output's thread, `picture` to the screen's.

    Attributes:
        on: The person's own; False: the clone's.
        camera: The person's camera, if there is one.
    """

    def __init__(
        self,
        voice: LiveVoice | None,
        camera: OwnCamera | None,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Without a `voice` there is silence, without a `camera` a card."""
        self.on = False
        self.camera = camera
        self._voice = voice
        self._clock = clock
        self._heard = 0.0
        self._seen = 0
        self._switched_at = 0.0
        self._loud_at = 0.0
        self._own: Picture | None = None
        self._card: Picture | None = None

    @property
    def available(self) -> bool:
        """Whether there is anything of the person's to show or hear."""
        return self._voice is not None or self.camera is not None

    def switch(self, *, on: bool) -> None:
        """From now on the person's own, or the clone's; callable from any thread."""
        self._switched_at = self._loud_at = self._clock()
        if self.camera is not None and (on or not self._seen):
            self.camera.wake(on=on)
        self.on = on

    def quiet_s(self) -> float:
        """For how long the person has not been speaking, as far as their voice goes out."""
        return self._clock() - self._loud_at

    def voice(self, clone: Pcm, rate: int) -> Pcm:
        """What the output is to play where the clone says `clone`."""
        wanted = 1.0 if self.on else 0.0
        if self._heard == wanted == 0.0:
            return clone
        own = self._voice.read(len(clone), rate) if self._voice is not None else np.zeros_like(clone)
        if _loud(own):
            self._loud_at = self._clock()
        if self._heard == wanted:
            return own
        step = np.arange(1, len(clone) + 1) / (FADE_S * rate)
        share = np.clip(self._heard + (step if self.on else -step), 0.0, 1.0)
        self._heard = float(share[-1]) if len(share) else self._heard
        mixed: Pcm = np.rint(clone * (1.0 - share) + own * share).astype(np.int16)
        return mixed

    def picture(self, clone: Picture) -> Picture:
        """What the camera is to show where the clone's picture is `clone`; of the same size."""
        if not self.on and not self._seen:
            return clone
        own = self._own_picture(clone)
        if own is None:
            return clone
        self._seen += 1 if self.on else -1
        self._seen = min(self._seen, STEPS)
        if self._seen <= 0:
            self._seen = 0
            self._own = None
            if self.camera is not None:
                self.camera.wake(on=self.on)  # a thread may have switched meanwhile
            return clone
        return own if self._seen == STEPS else blended(clone, own, self._seen / STEPS)

    def _own_picture(self, clone: Picture) -> Picture | None:
        newest = self.camera.newest() if self.camera is not None else None
        if newest is not None:
            self._own = fitted(newest, clone.width, clone.height)
        elif self.on and (self.camera is None or self._clock() - self._switched_at >= PATIENCE_S):
            if self._card is None:
                self._card = blank(clone.width, clone.height)
            self._own = self._card
        return self._own


def _loud(pcm: Pcm) -> bool:
    if not len(pcm):
        return False
    power = float(np.mean((pcm.astype(np.float32) / 32_768.0) ** 2))
    return power > float(10.0 ** (QUIET_DBFS / 10.0))
