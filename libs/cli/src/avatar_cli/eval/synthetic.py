"""Sounds that meet the clone's answer: a second voice, hums, and the noises of a room."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

import numpy as np
import soxr

from avatar_cli.eval.material import RATE, SPEECH_DBFS, Speech, Wave, levelled, voiced
from avatar_cli.eval.take import Span
from avatar_tts.engines.espeak import EspeakEngine
from avatar_tts.settings import EspeakSettings

Kind = Literal["interruption", "backchannel", "noise", "aside"]

PERSON = "en-us+Annie"
NEIGHBOUR = "en-us+Michael"
ASIDE_BELOW_DB = 20.0

INTERRUPTIONS = (
    "Wait, stop.",
    "No, that is wrong.",
    "Hold on a second.",
    "What time is it in London?",
    "Excuse me, can I ask something?",
    "Stop, please.",
)
# A "mm-hm" is hummed: espeak-ng spells it.
BACKCHANNELS = (
    ("um-hum", "en"),
    ("uh-huh", "en"),
    ("yeah", "en"),
    ("okay", "en"),
    ("right", "en"),
    ("угу", "uk"),
    ("ага", "uk"),
    ("так", "uk"),
)
HUMS = ((0.28, 1), (0.45, 1), (0.5, 2), (0.7, 2))
"""Hummed "mm" and "mm-hm": seconds, and how many pulses."""
ASIDES = ("Have you seen my keys anywhere?", "I think they are on the kitchen table.", "We are leaving at seven.")
NOISES = ("cough", "click", "keyboard", "door", "clatter", "throat")


@dataclass(frozen=True)
class Sound:
    """Something that meets the answer."""

    kind: Kind
    name: str
    speech: Speech


def load() -> list[Sound]:
    """Every sound, in the order of the lists above. Takes a second."""
    return asyncio.run(_load())


async def _load() -> list[Sound]:
    engine = EspeakEngine(EspeakSettings())
    await asyncio.to_thread(engine.load)
    try:
        sounds = [
            Sound("interruption", text, await _spoken(engine, text, "en", PERSON, SPEECH_DBFS))
            for text in INTERRUPTIONS
        ]
        sounds += [
            Sound("backchannel", text, await _spoken(engine, text, language, PERSON, SPEECH_DBFS - 4.0))
            for text, language in BACKCHANNELS
        ]
        quiet = SPEECH_DBFS - ASIDE_BELOW_DB
        asides = [Sound("aside", text, await _spoken(engine, text, "en", NEIGHBOUR, quiet)) for text in ASIDES]
    finally:
        engine.close()
    sounds += [Sound("backchannel", f"hummed mm ×{pulses}, {s} s", _sound(hum(s, pulses), "")) for s, pulses in HUMS]
    sounds += [Sound("noise", name, _sound(noise(name), "")) for name in NOISES]
    return sounds + asides


async def question() -> Speech:
    """What the person says first, so that the ears know their level."""
    engine = EspeakEngine(EspeakSettings())
    await asyncio.to_thread(engine.load)
    try:
        return await _spoken(engine, "Please tell me a long story about the river.", "en", PERSON, SPEECH_DBFS)
    finally:
        engine.close()


async def _spoken(engine: EspeakEngine, text: str, language: str, voice: str, dbfs: float) -> Speech:
    pcm = await engine.speak_all(text, language, voice=voice)
    wave = soxr.resample(pcm.astype(np.float32) / 32_768.0, engine.info.rate, RATE)
    return _sound(levelled(np.asarray(wave, np.float32), dbfs), text)


def _sound(samples: Wave, text: str) -> Speech:
    begins, ends = voiced(samples)
    return Speech(samples, (Span(begins / RATE, ends / RATE, text),))


def hum(seconds: float, pulses: int, pitch_hz: float = 190.0) -> Wave:
    """A closed-mouth "mm" (one pulse) or "mm-hm" (two): harmonics behind a nasal low-pass, gently falling in pitch."""
    count = round(seconds * RATE)
    t = np.arange(count) / RATE
    pitch = pitch_hz * (1.0 + 0.08 * np.sin(np.pi * pulses * t / seconds) - 0.06 * t / seconds)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    wave = np.zeros(count)
    for harmonic in range(1, 12):
        frequency = harmonic * pitch_hz
        # The murmur of [m]: a resonance near 250 Hz, little above 1 kHz.
        wave += np.sin(harmonic * phase) / (1.0 + (frequency / 300.0) ** 2)
    wave += np.random.default_rng(pulses).normal(0, 0.004, count)
    shape = np.abs(np.sin(np.pi * pulses * t / seconds)) ** 0.6
    return levelled(np.asarray(wave * shape, np.float32), SPEECH_DBFS - 4.0)


def noise(name: str) -> Wave:
    """One of `NOISES`, always the same."""
    random = np.random.default_rng(NOISES.index(name))
    return {
        "cough": lambda: _bursts(random, [(0.0, 0.16, 0.05), (0.28, 0.14, 0.05)], 300, 4_000, SPEECH_DBFS + 4),
        "throat": lambda: _bursts(random, [(0.0, 0.22, 0.12), (0.26, 0.2, 0.1)], 80, 900, SPEECH_DBFS - 2),
        "click": lambda: _bursts(random, [(0.0, 0.012, 0.003)], 1_000, 7_000, SPEECH_DBFS),
        "keyboard": lambda: _bursts(
            random, [(at, 0.02, 0.004) for at in np.cumsum(random.uniform(0.09, 0.2, 8))], 1_200, 7_000, SPEECH_DBFS - 4
        ),
        "door": lambda: _bursts(random, [(0.0, 0.35, 0.08), (0.06, 0.1, 0.02)], 40, 400, SPEECH_DBFS + 6),
        "clatter": lambda: _bursts(
            random, [(0.0, 0.12, 0.03), (0.15, 0.1, 0.03), (0.24, 0.2, 0.06)], 1_500, 6_000, SPEECH_DBFS + 2
        ),
    }[name]()


def _bursts(
    random: np.random.Generator, bursts: list[tuple[float, float, float]], low_hz: float, high_hz: float, dbfs: float
) -> Wave:
    """Noise between two frequencies, in bursts of (start, length, time constant of the decay) seconds."""
    count = round((max(start + length for start, length, _ in bursts) + 0.05) * RATE)
    spectrum = np.fft.rfft(random.normal(size=count))
    frequencies = np.fft.rfftfreq(count, 1 / RATE)
    spectrum[(frequencies < low_hz) | (frequencies > high_hz)] = 0
    hiss = np.fft.irfft(spectrum, count)
    t = np.arange(count) / RATE
    shape = np.zeros(count)
    for start, length, decay in bursts:
        inside = (t >= start) & (t < start + length)
        rise = np.minimum(1.0, (t - start) / 0.002)
        shape[inside] = np.maximum(shape[inside], (rise * np.exp(-(t - start) / decay))[inside])
    return levelled(np.asarray(hiss * shape, np.float32), dbfs)
