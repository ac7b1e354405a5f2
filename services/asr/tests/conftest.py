"""Real models, loaded once, and real recordings."""

from __future__ import annotations

import re
import wave
from collections.abc import Callable
from typing import Any

import jiwer
import numpy as np
import numpy.typing as npt
import pytest
import soxr

from avatar_asr import assets
from avatar_asr.ears import Ears
from avatar_asr.engines.moonshine import Moonshine
from avatar_asr.hearing import Hearing, LookWanted, WordsWanted
from avatar_asr.settings import AsrSettings
from avatar_contracts import MicFrame

Floats = npt.NDArray[np.float32]

TWO_CITIES = """It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of
foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the
season of Darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had
nothing before us, we were all going direct to Heaven, we were all going direct the other way, in short, the period
was so far like the present period, that some of its noisiest authorities insisted on its being received, for good or
for evil, in the superlative degree of comparison only."""

BECKETT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."


@pytest.fixture(scope="session")
def ears() -> Ears:
    loaded = Ears(Moonshine())
    loaded.load()
    return loaded


def _recording(name: str) -> Floats:
    with wave.open(str(assets.find("moonshine_voice", "assets", name))) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float32) / 32_768
        rate = file.getframerate()
    return samples if rate == 16_000 else soxr.resample(samples, rate, 16_000).astype(np.float32)


@pytest.fixture(scope="session")
def two_cities() -> Floats:
    return _recording("two_cities.wav")


@pytest.fixture(scope="session")
def beckett() -> Floats:
    return _recording("beckett.wav")


@pytest.fixture(scope="session")
def two_cities_words() -> str:
    return TWO_CITIES


@pytest.fixture(scope="session")
def beckett_words() -> str:
    return BECKETT


@pytest.fixture(scope="session")
def word_error_rate() -> Callable[[str, str], float]:
    def plain(text: str) -> str:
        return " ".join(re.sub(r"[^a-z ]+", " ", text.lower().replace("'", "")).split())

    return lambda reference, heard: jiwer.wer(plain(reference), plain(heard) or "nothing")


@pytest.fixture(scope="session")
def listen(ears: Ears) -> Callable[..., list[Any]]:
    """Runs sound through the real models on virtual time: each answer comes 80 ms after it was asked for."""

    def run(sound: Floats, **settings: Any) -> list[Any]:
        hearing = Hearing(ears.vad.open(), AsrSettings(**settings))
        decoder = ears.engine.open()
        decoder.patience_s = 60.0  # the same words on a busy machine
        outcomes: list[Any] = []
        owed: list[tuple[int, Callable[[], list[Any]]]] = []
        pcm = (np.clip(sound, -1, 1) * 32_767).astype("<i2")
        for start in range(0, len(pcm) - 319, 320):
            frame = MicFrame(rate=16_000, start=start, pcm=pcm[start : start + 320].tobytes())
            new = hearing.hear(frame)
            while owed and owed[0][0] <= start:
                new += owed.pop(0)[1]()
            for outcome in new:
                due = start + 1_280
                if isinstance(outcome, WordsWanted):
                    text = decoder.decode(outcome.samples, careful=outcome.decode.careful)
                    owed.append((due, lambda job=outcome.decode.job, text=text: hearing.decoded(job, text)))
                elif isinstance(outcome, LookWanted):
                    chance = ears.smart_turn.probability(outcome.samples)
                    owed.append((due, lambda job=outcome.look.job, chance=chance: hearing.looked(job, chance)))
                else:
                    outcomes.append(outcome)
        return outcomes

    return run
