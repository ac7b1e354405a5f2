"""Silero voice activity detection: how likely each 32 ms of sound is voice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from avatar_asr import assets
from avatar_asr.inference import open_model

if TYPE_CHECKING:
    import onnxruntime as ort

RATE_HZ = 16_000
FRAME_SAMPLES = 512
_CONTEXT_SAMPLES = 64
_RATE = np.array(RATE_HZ, dtype=np.int64)


class VadModel:
    """The model, shared by all sessions."""

    def __init__(self) -> None:
        self._session: ort.InferenceSession | None = None

    def load(self) -> None:
        """Read the model; raises `EngineUnavailable` when its package is missing."""
        self._session = open_model(assets.find("pipecat", "audio", "vad", "data", "silero_vad.onnx"))

    def open(self) -> Vad:
        """A detector for one stream of sound."""
        assert self._session is not None, "load() first"
        return Vad(self._session)


class Vad:
    """Follows one stream of sound. It remembers what came before: feed every frame, in order."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self._session = session
        self.reset()

    def reset(self) -> None:
        """Forget the stream, as after a long gap."""
        self._state = np.zeros((2, 1, 128), dtype=np.float32)
        self._input = np.zeros((1, _CONTEXT_SAMPLES + FRAME_SAMPLES), dtype=np.float32)

    def probability(self, frame: npt.NDArray[np.float32]) -> float:
        """The probability of voice in the next `frame` of 512 samples at 16 kHz within ±1. About 0.12 ms."""
        self._input[0, :_CONTEXT_SAMPLES] = self._input[0, -_CONTEXT_SAMPLES:]
        self._input[0, _CONTEXT_SAMPLES:] = frame
        output, self._state = self._session.run(None, {"input": self._input, "state": self._state, "sr": _RATE})
        return float(output[0, 0])
