"""What every voice engine offers.

An engine is loaded once per process and shared by all sessions; each session opens its own voice from it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avatar_contracts import Viseme, Word
from avatar_runtime.engines import EngineInfo

Pcm = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Speech:
    """The next stretch of a sentence's sound.

    Attributes:
        pcm: int16 mono [samples] at the voice's rate, directly after the stretch before it.
        visemes: Mouth shapes that begin in it, in samples since the sentence began.
        words: Words that begin in it, in samples since the sentence began; `chars` counts in the text given.
    """

    pcm: Pcm
    visemes: tuple[Viseme, ...] = ()
    words: tuple[Word, ...] = ()


class Voice(Protocol):
    """One session's hold on an engine. It speaks one sentence at a time."""

    @property
    def rate(self) -> int:
        """Samples per second of everything it says."""

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639 codes it speaks."""

    def gain(self, language: str) -> float:
        """Factor that brings its speech to -18 LUFS, measured once."""

    def stream(self, text: str, language: str) -> AsyncGenerator[Speech, None]:
        """Speak normalised `text`; sound arrives while the rest is still being made.

        Raises:
            LanguageUnknown: The voice does not speak `language`.
            TextTooLong: More text than a sentence can be.
            EngineDied: The engine was lost; it restarts by itself.
        """

    def cancel(self) -> None:
        """Stop speaking now: the running stream ends without an error and the engine stops its work."""

    def close(self) -> None:
        """Give back what the voice holds."""


class TtsEngine(Protocol):
    """A voice engine, loaded once for all sessions."""

    @property
    def info(self) -> EngineInfo:
        """What it is."""

    def load(self) -> None:
        """Make it ready to speak. Blocking; raises `EngineUnavailable` with what to do."""

    async def open(self, voice: str) -> Voice:
        """A session's own voice; an empty name means the engine's default. Raises `VoiceUnknown`."""

    def close(self) -> None:
        """End it and free everything."""
