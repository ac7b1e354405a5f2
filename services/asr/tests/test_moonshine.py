"""The moonshine engine on real recordings."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from avatar_asr.engines.moonshine import _choose
from avatar_runtime import engines

S = 16_000
LINES = [(0.96, 4.7), (4.8, 6.4), (6.5, 8.3), (8.6, 10.45), (10.6, 12.9), (13.2, 14.9), (17.3, 18.9), (21.0, 24.1)]


def test_the_engine_is_created_by_name_and_says_what_it_is():
    info = engines.create("asr", "moonshine", None).info
    assert info.languages == ("en",)
    assert "English only" in info.needs


def test_a_growing_decode_finds_the_words_of_a_fresh_one(ears, two_cities):
    grown = ears.engine.open()
    start = int(0.96 * 16_000)
    for end in (1.8, 2.4, 3.0, 3.6, 4.2, 4.7):
        sound = two_cities[start : int(end * 16_000)]
        assert grown.decode(sound) == ears.engine.open().decode(sound)


def test_a_draft_of_other_words_does_no_harm(ears, two_cities, beckett):
    decoder = ears.engine.open()
    decoder.decode(two_cities[: 5 * 16_000])
    sound = beckett[: 3 * 16_000]
    assert decoder.decode(sound) == ears.engine.open().decode(sound)


def test_sessions_that_decode_at_once_get_their_own_words(ears, two_cities):
    sounds = [two_cities[int(a * 16_000) : int(b * 16_000)] for a, b in LINES]
    alone = [ears.engine.open().decode(sound) for sound in sounds]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda sound: ears.engine.open().decode(sound), sounds))
    assert together == alone


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0, dtype=np.float32),
        np.zeros((2, 800), dtype=np.float32),
        np.zeros(1_600, dtype=np.float64),
        np.zeros(1_600, dtype=np.int16),
        np.array([0.0, np.nan], dtype=np.float32),
        np.array([np.inf] * 1_600, dtype=np.float32),
    ],
)
def test_samples_that_are_no_sound_are_refused(ears, samples):
    with pytest.raises(ValueError, match="float32 samples"):
        ears.engine.open().decode(samples)


@pytest.mark.parametrize("count", [1, 400, 3_200])
def test_very_short_sound_is_decoded_without_an_error(ears, count):
    assert isinstance(ears.engine.open().decode(np.zeros(count, dtype=np.float32)), str)


@pytest.mark.parametrize(
    ("found", "likely", "chosen"),
    [
        ([7, 7, 7], 7, 7),
        ([7, 7, 7, 7], 7, 1),
        ([5, 6, 5, 6], 5, 5),
        ([5, 6, 5, 6, 5, 6], 5, 1),
        ([5, 6, 5, 6, 5, 6], 9, 9),
        ([1, 2, 3, 4] * 3, 1, 0),
    ],
)
def test_a_phrase_that_came_three_times_may_not_begin_again(found, likely, chosen):
    scores = np.zeros(10, dtype=np.float32)
    scores[1 - chosen if chosen < 2 else 1] = 1.0
    scores[chosen if chosen < 2 else 1] = 2.0
    scores[likely] = 3.0
    token, chance = _choose(scores, found)
    assert token == chosen
    assert chance < 0


def test_a_careful_decode_makes_fewer_errors_in_noise(ears, two_cities, two_cities_words, word_error_rate):
    rng = np.random.default_rng(5)
    noisy = (two_cities + rng.normal(0, 1.5e-3, len(two_cities))).astype(np.float32)
    cuts = [1.02, 4.85, 6.5, 8.63, 10.58, 13.27, 14.94, 17.37, 18.8, 21.05, 24.44, 26.36, 28.92, 29.75, 32.58, 42.0]
    lines = [noisy[int(a * S) : int((b - 0.1) * S)] for a, b in itertools.pairwise(cuts)]

    def errors(*, careful):
        decoder = ears.engine.open()
        decoder.patience_s = 60.0
        return word_error_rate(two_cities_words, " ".join(decoder.decode(line, careful=careful) for line in lines))

    assert errors(careful=True) < errors(careful=False)


def test_no_sound_makes_the_decoder_run_on(ears):
    noise = np.random.default_rng(3).normal(0, 0.1, 12 * 16_000).astype(np.float32)
    words = ears.engine.open().decode(noise).split()
    assert all(words[k : k + 1] * 6 != words[k : k + 6] for k in range(len(words)))
