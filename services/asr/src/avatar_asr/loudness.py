"""When the sound last stood out of the background.

The voice detector holds on for 100 to 200 ms after a voice has ended. The level shows the end itself, so silence can
be counted from where the person really stopped.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

BLOCK_SAMPLES = 128
_FLOOR_DB = -75.0
_ABOVE_BACKGROUND_DB = 6.0
_BELOW_SPEECH_DB = 25.0


class Loudness:
    """Follows the level of background and speech in blocks of 8 ms.

    Attributes:
        level_db: Loudest block of the last frame, dB below full scale.
        loud_end: Position after the last block that stood out.
        speech_db: How loud voice was lately.
        calm: The last frame was background throughout.
    """

    def __init__(self) -> None:
        self._background_db: float | None = None
        self.speech_db = -30.0
        self.level_db = _FLOOR_DB
        self.loud_end = 0
        self.calm = False

    def push(self, frame: npt.NDArray[np.float32], end: int, probability: float) -> None:
        """Take the next `frame` of 512 samples, which ends at position `end`.

        Args:
            frame: The sound.
            end: Position after it.
            probability: Of voice, in the frame before.
        """
        power = frame.reshape(-1, BLOCK_SAMPLES).var(axis=1)  # a microphone's constant offset is no sound
        levels = [max(_FLOOR_DB, 10.0 * math.log10(value + 1e-10)) for value in power.tolist()]
        self.level_db = max(levels)
        background = min(levels) if self._background_db is None else self._background_db
        self.calm = self._background_db is not None and self.level_db < background + _ABOVE_BACKGROUND_DB
        for level in levels:
            # Down at once, up slowly and only outside speech: the level of the quietest moments.
            if level < background:
                background += 0.2 * (level - background)
            elif probability < 0.3:
                background += 0.02 * (level - background)
        self._background_db = background
        if probability > 0.6:
            self.speech_db += 0.05 * (self.level_db - self.speech_db)
        threshold = max(background + _ABOVE_BACKGROUND_DB, self.speech_db - _BELOW_SPEECH_DB)
        for index in range(len(levels) - 1, -1, -1):
            if levels[index] > threshold:
                self.loud_end = end - BLOCK_SAMPLES * (len(levels) - 1 - index)
                break
