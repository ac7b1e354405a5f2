"""The voice detector and the end-of-turn model, as they come in their package."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from avatar_asr import assets, smart_turn
from avatar_runtime.engines import EngineUnavailable


def test_models_are_found_without_importing_their_packages():
    code = (
        "import sys; from avatar_asr import assets;"
        "assets.find('pipecat', 'audio', 'vad', 'data', 'silero_vad.onnx');"
        "assets.find('moonshine_voice', 'assets', 'tiny-en');"
        "sys.exit(any(name.split('.')[0] in ('pipecat', 'moonshine_voice') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("package", "file"), [("no_such_package", "x"), ("pipecat", "no_such_file")])
def test_a_missing_model_names_the_package_and_the_cure(package, file):
    with pytest.raises(EngineUnavailable, match=rf"{package}.*make setup"):
        assets.find(package, file)


def test_the_detector_tells_voice_from_silence(ears, two_cities):
    vad = ears.vad.open()
    chances = [vad.probability(two_cities[at : at + 512]) for at in range(0, 5 * 16_000, 512)]
    assert max(chances[:25]) < 0.3
    assert np.median(chances[45:140]) > 0.95


def test_detectors_of_two_streams_do_not_disturb_each_other(ears, two_cities):
    def run(vads):
        return [[vad.probability(two_cities[at : at + 512]) for vad in vads] for at in range(16_000, 40_000, 512)]

    alone = [row[0] for row in run([ears.vad.open()])]
    together = run([ears.vad.open(), ears.vad.open()])
    assert [row[0] for row in together] == [row[1] for row in together] == alone


def test_a_reset_detector_has_forgotten(ears, two_cities):
    vad = ears.vad.open()
    first = vad.probability(two_cities[:512])
    for at in range(16_000, 40_000, 512):
        vad.probability(two_cities[at : at + 512])
    vad.reset()
    assert vad.probability(two_cities[:512]) == first


def test_log_mel_equals_whispers_formula_written_out(two_cities):
    samples = two_cities[16_000 : 16_000 + 8_000].astype(np.float64)
    padded = np.concatenate([samples[200:0:-1], samples, samples[-2:-202:-1]])
    n = np.arange(400)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / 400)
    fourier = np.exp(-2j * np.pi * np.outer(np.arange(201), n) / 400)

    def hz(mel):
        return mel * 200 / 3 if mel < 15 else 1_000 * 6.4 ** ((mel - 15) / 27)

    top = 15 + 27 * np.log(8) / np.log(6.4)
    corners = [hz(top * k / 81) for k in range(82)]
    mel = np.zeros((80, 201))
    for m in range(80):
        low, mid, high = corners[m : m + 3]
        for k in range(201):
            f = k * 40.0
            rise, fall = (f - low) / (mid - low), (high - f) / (high - mid)
            mel[m, k] = max(0.0, min(rise, fall)) * 2 / (high - low)
    power = np.stack([abs(fourier @ (padded[t * 160 : t * 160 + 400] * hann)) ** 2 for t in range(50)], axis=1)
    log = np.log10(np.maximum(mel @ power, 1e-10))
    expected = (np.maximum(log, log.max() - 8) + 4) / 4

    found = smart_turn.log_mel(samples.astype(np.float32))
    assert found.shape == (80, 50)
    assert found.dtype == np.float32
    assert abs(found - expected).max() < 1e-5


def test_the_window_is_the_last_8_s_normalised_with_silence_in_front():
    short = smart_turn.window(np.ones(16_000, dtype=np.float32))
    assert short.shape == (128_000,)
    assert abs(short.mean()) < 1e-5
    assert abs(short.std() - 1) < 1e-4
    assert len(set(short[:112_000].tolist())) == 1
    assert short[-1] > short[0]
    ramp = np.arange(200_000, dtype=np.float32)
    assert np.allclose(smart_turn.window(ramp), smart_turn.window(ramp[-128_000:]))


def test_a_finished_sentence_sounds_more_finished_than_half_of_it(ears, two_cities):
    start, half, end = (int(at * 16_000) for at in (1.0, 4.05, 4.68))
    assert ears.smart_turn.probability(two_cities[start:end]) > 0.5
    assert ears.smart_turn.probability(two_cities[start:half]) < 0.5
