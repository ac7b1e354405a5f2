"""What a speech recognition engine offers."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from avatar_runtime.engines import EngineInfo

RATE_HZ = 16_000


class Decoder(Protocol):
    """Turns the speech of one session into words. Used by one thread at a time."""

    def decode(self, samples: npt.NDArray[np.float32], *, careful: bool = False) -> str:
        """The words in `samples`; empty when there are none.

        Successive calls usually carry the same speech, grown: a decoder may use what it found before, as long as
        the words are those it would have found without.

        Args:
            samples: Sound at 16 kHz within ±1: [n].
            careful: These words will be answered, not just shown: take more time where in doubt. The sound
                begins with the quiet before the voice.

        Raises:
            ValueError: Not a non-empty, finite, one-dimensional float32 array.
        """

    def close(self) -> None:
        """Free what the session held."""


class AsrEngine(Protocol):
    """Makes decoders. `load` is called once, in a thread, before the first `open`."""

    @property
    def info(self) -> EngineInfo:
        """What it is; known before `load`."""

    def load(self) -> None:
        """Get ready to decode; raises `EngineUnavailable` when something it needs is missing."""

    def open(self) -> Decoder:
        """A decoder for one session."""

    def close(self) -> None:
        """Free the model. Decoders must be closed before."""
