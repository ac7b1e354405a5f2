"""What the person says in the demo, and in which voice."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar_cli import recordings
from avatar_tts.engines.espeak import EspeakEngine
from avatar_tts.settings import EspeakSettings

VOICE = "en-us+Annie"
"""A woman's timbre of espeak-ng; the clone speaks with a man's."""
QUESTIONS = (
    "Hello! What is your name?",
    "What time is it?",
    "How does your voice work?",
    "Can you tell me more about that?",
)
"""Three questions and a follow-up that only makes sense after the third."""


@dataclass(frozen=True)
class Line:
    """One thing the person says.

    Attributes:
        said: The words.
        voice: Whose voice it is, for the progress line.
        samples: Mono sound, float32 or int16.
        rate: Samples per second of `samples`.
    """

    said: str
    voice: str
    samples: NDArray[np.generic]
    rate: int


def lines() -> list[Line]:
    """The whole script: a human reading, then the questions."""
    reading = recordings.cut("beckett.wav", [recordings.BECKETT])[0]
    return [Line(recordings.BECKETT.text, "a human reading", reading, recordings.RATE), *asyncio.run(_questions())]


async def _questions() -> list[Line]:
    engine = EspeakEngine(EspeakSettings())
    await asyncio.to_thread(engine.load)
    try:
        return [
            Line(text, "a synthetic voice", await engine.speak_all(text, "en", voice=VOICE), engine.info.rate)
            for text in QUESTIONS
        ]
    finally:
        engine.close()
