"""The models of the service: one set of weights for all its sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from avatar_asr.smart_turn import SmartTurn
from avatar_asr.vad import FRAME_SAMPLES, VadModel

if TYPE_CHECKING:
    from avatar_asr.engines.base import AsrEngine
    from avatar_runtime.engines import EngineInfo


class Ears:
    """Speech recognition engine, voice detector and end-of-turn model.

    Attributes:
        engine: Turns speech into words.
        vad: Finds voice.
        smart_turn: Judges whether a turn sounds finished.
    """

    def __init__(self, engine: AsrEngine) -> None:
        self.engine = engine
        self.vad = VadModel()
        self.smart_turn = SmartTurn()

    @property
    def info(self) -> EngineInfo:
        """The engine's."""
        return self.engine.info

    def load(self) -> None:
        """Read all models and run each once, so that the first turn is as fast as the others.

        Raises:
            EngineUnavailable: Something is not installed; the message says what.
        """
        self.vad.load()
        self.smart_turn.load()
        self.engine.load()
        silence = np.zeros(FRAME_SAMPLES, dtype=np.float32)
        self.vad.open().probability(silence)
        self.smart_turn.probability(silence)

    def close(self) -> None:
        """Free the engine."""
        self.engine.close()
