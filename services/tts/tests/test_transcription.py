"""What the voice says is what the text says: a recogniser hears it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import jiwer
import moonshine_voice
import numpy as np
import pytest
import soxr

from avatar_tts.engines.espeak import RATE_HZ, EspeakEngine
from avatar_tts.normalise import normalise

Transcribe = Callable[[np.ndarray], str]

SAID = [
    ("Could you please repeat the last question?", "could you please repeat the last question"),
    ("I think we should meet again on Thursday afternoon.", "i think we should meet again on thursday afternoon"),
    ("That was a really **interesting** conversation! 😀", "that was a really interesting conversation"),
    ("There are 3 reasons why this matters to me.", "there are three reasons why this matters to me"),
    ("It is about 3:30 in the afternoon.", "it is about three thirty in the afternoon"),
]


@pytest.fixture(scope="module")
def transcribe() -> Transcribe:
    path = str(moonshine_voice.get_assets_path()) + "/tiny-en"
    transcriber = moonshine_voice.Transcriber(path, moonshine_voice.ModelArch.TINY)
    return partial(_transcribe, transcriber)


def _transcribe(transcriber: moonshine_voice.Transcriber, pcm: np.ndarray) -> str:
    sound = soxr.resample(pcm.astype(np.float32) / 32768, RATE_HZ, 16_000)
    sound = np.concatenate([np.zeros(3_200, np.float32), sound, np.zeros(4_800, np.float32)])
    transcript = transcriber.transcribe_without_streaming(sound.tolist(), 16_000)
    return " ".join(line.text for line in transcript.lines)


def plain(text: str) -> str:
    text = text.lower().replace("3", "three")
    return " ".join(re.sub(r"[^a-z ]", " ", text).split())


async def test_a_recogniser_hears_the_words(engine: EspeakEngine, transcribe: Transcribe) -> None:
    heard = [plain(transcribe(await engine.speak_all(normalise(text, "en").spoken, "en"))) for text, _ in SAID]
    assert jiwer.wer([words for _, words in SAID], heard) < 0.3, heard
