"""Loudness against the reference values of the recommendation."""

from __future__ import annotations

import numpy as np
import pytest

from avatar_tts.loudness import integrated_lufs, reference_gain


def sine(hertz: float, level_db: float, rate: int, seconds: float = 3.0) -> np.ndarray:
    return 10 ** (level_db / 20) * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
def test_a_full_scale_997_hz_sine_measures_minus_3_01(rate: int) -> None:
    assert integrated_lufs(sine(997, 0.0, rate), rate) == pytest.approx(-3.01, abs=0.1)


def test_high_frequencies_count_four_decibels_more_and_rumble_less() -> None:
    mid = integrated_lufs(sine(500, -20, 22_050), 22_050)
    assert integrated_lufs(sine(6000, -20, 22_050), 22_050) - mid == pytest.approx(4.0, abs=0.7)
    assert integrated_lufs(sine(20, -20, 22_050), 22_050) < mid - 10


def test_silence_around_speech_is_gated_out() -> None:
    tone = sine(997, -20, 22_050)
    padded = np.concatenate([np.zeros(5 * 22_050), tone, np.zeros(5 * 22_050)])
    assert integrated_lufs(padded, 22_050) == pytest.approx(integrated_lufs(tone, 22_050), abs=0.6)


def test_silence_has_no_level_and_keeps_its_gain() -> None:
    assert integrated_lufs(np.zeros(100), 22_050) == float("-inf")
    assert reference_gain(np.zeros(1000, np.int16), 22_050) == 1.0


def test_the_gain_brings_sound_to_minus_18() -> None:
    pcm = (sine(997, -30, 22_050) * 32767).astype(np.int16)
    raised = pcm / 32768 * reference_gain(pcm, 22_050)
    assert integrated_lufs(raised, 22_050) == pytest.approx(-18.0, abs=0.05)
