"""The ear for backchannels, on voices, sentences, hums and people it was not fitted on.

espeak-ng's noise differs from run to run, so the bounds leave room; ``fit_backchannel.py`` prints the rates on more
clips.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from avatar_asr.backchannel import FEATURES, features, likeness

pytestmark = pytest.mark.timeout(120)  # the clips are made anew: 3 s of a free core

SPEECH_DB = -26.0


class Heard:
    """Clips and what the ear made of them."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as file:
            self.kind, self.label, self.cut = file["kind"], file["label"], file["cut"]
            self.clips = np.split(file["sound"], np.cumsum(file["size"])[:-1])
        self.likeness = np.array([likeness(clip, SPEECH_DB) for clip in self.clips])

    def taken(self, *kinds: str, cut: float) -> float:
        """The share of clips of `kinds`, cut after so many seconds (0: whole), that count as backchannels."""
        chosen = np.isin(self.kind, kinds) & (self.cut == cut)
        assert chosen.sum() >= 10
        return float((self.likeness[chosen] > 0.5).mean())


@pytest.fixture(scope="module")
def heard(tmp_path_factory) -> Heard:
    path = tmp_path_factory.mktemp("clips") / "clips.npz"
    subprocess.run([sys.executable, Path(__file__).parent / "backchannel_clips.py", "test", path], check=True)
    return Heard(path)


@pytest.mark.parametrize("cut", [0.0, 0.4, 0.5])
def test_backchannels_are_heard_as_such(heard, cut):
    assert heard.taken("backchannel", "hum", cut=cut) >= 0.84
    assert heard.taken("hum", cut=cut) >= 0.93


def test_most_backchannels_are_known_after_three_tenths_of_a_second(heard):
    assert heard.taken("backchannel", "hum", cut=0.3) >= 0.8


@pytest.mark.parametrize(("cut", "most"), [(0.3, 0.08), (0.4, 0.07), (0.5, 0.05)])
def test_openings_of_sentences_are_not(heard, cut, most):
    assert heard.taken("opening", cut=cut) <= most
    assert heard.taken("recording", cut=cut) <= 0.06


@pytest.mark.parametrize("cut", [0.0, 0.3, 0.4, 0.5])
def test_phrases_that_take_the_floor_are_not(heard, cut):
    assert heard.taken("command", cut=cut) <= 0.08


@pytest.mark.parametrize(
    "phrase",
    [
        *("stop", "wait", "wait, stop", "no", "what about", "excuse me", "стоп", "зачекай", "ні", "чекай"),
        "hold on",
    ],
)
def test_no_phrase_that_takes_the_floor_is_usually_mistaken(heard, phrase):
    assert (heard.likeness[heard.label == phrase] > 0.5).mean() <= 0.34


def test_the_same_sound_is_less_of_a_backchannel_the_louder_it_is(heard):
    clips = [clip for clip, kind in zip(heard.clips, heard.kind, strict=True) if kind == "backchannel"][::4]
    soft = np.mean([likeness(clip, SPEECH_DB + 6) for clip in clips])
    loud = np.mean([likeness(clip, SPEECH_DB - 12) for clip in clips])
    assert soft > loud + 0.05


@pytest.mark.parametrize("size", [0, 1, 100, 3_200])
def test_silence_is_nothing(size):
    assert likeness(np.zeros(size, dtype=np.float32), SPEECH_DB) == 0.0
    assert likeness(np.full(size, 0.3, dtype=np.float32), SPEECH_DB) == 0.0


@pytest.mark.parametrize("size", [10, 500, 3_200, 16_000, 100_000])
def test_white_noise_is_no_backchannel_however_long(size):
    noise = np.random.default_rng(size).normal(0, 0.05, size).astype(np.float32)
    assert likeness(noise, SPEECH_DB) < 0.5


def test_quiet_around_a_sound_changes_little(heard):
    clip = next(
        clip for clip, kind, cut in zip(heard.clips, heard.kind, heard.cut, strict=True) if kind == "hum" and not cut
    )
    quiet = np.random.default_rng(0).normal(0, 1e-4, 3_200).astype(np.float32)
    assert abs(likeness(np.concatenate([quiet, clip, quiet]), SPEECH_DB) - likeness(clip, SPEECH_DB)) < 0.3


def test_every_feature_is_named(heard):
    measured = features(heard.clips[0], SPEECH_DB)
    assert measured is not None
    assert measured.shape == (len(FEATURES),)
    assert np.isfinite(measured).all()


def test_a_second_of_sound_is_judged_in_about_a_millisecond():
    sound = np.random.default_rng(1).normal(0, 0.05, 16_000).astype(np.float32)
    took = []
    for _ in range(20):
        started = time.perf_counter()
        likeness(sound, SPEECH_DB)
        took.append(time.perf_counter() - started)
    assert min(took) < 0.005
