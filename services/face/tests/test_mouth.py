from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest

from avatar_contracts import Viseme
from avatar_face.controls import REST
from avatar_face.mouth import LOOK_S, MAX_JAW, MouthTrack

RATE = 22_050


def tone(seconds: float, hz: float = 140, rate: int = RATE) -> bytes:
    t = np.arange(int(seconds * rate)) / rate
    wave = sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 14))
    return (wave * 6000).astype("<i2").tobytes()


def track_of(pcm: bytes, rate: int, pieces: int = 1, visemes: tuple[Viseme, ...] = ()) -> MouthTrack:
    track = MouthTrack(rate)
    step = -(-len(pcm) // pieces // 2) * 2
    for at in range(0, len(pcm), step):
        now = tuple(v for v in visemes if at <= v.start * 2 < at + step)
        track.push(pcm[at : at + step], now)
    track.end()
    return track


def test_streamed_and_whole_sound_move_the_mouth_alike(reading):
    pcm, rate = reading
    pcm = pcm[: 4 * rate].tobytes()
    whole, streamed = track_of(pcm, rate), track_of(pcm, rate, pieces=17)
    for k in range(100):
        a, b = (dataclasses.astuple(track.shape(k / 25)) for track in (whole, streamed))
        assert a == pytest.approx(b, abs=1e-9)


def test_a_moment_that_is_ready_never_changes_again(reading):
    pcm, rate = reading
    track = MouthTrack(rate)
    track.push(pcm[: rate // 2].tobytes())
    assert track.ready_s == pytest.approx(0.5 - LOOK_S, abs=0.001)
    known = [track.shape(t / 100) for t in range(int(track.ready_s * 100))]
    track.push(pcm[rate // 2 : rate].tobytes())
    assert known == [track.shape(t / 100) for t in range(len(known))]


def test_silence_keeps_the_mouth_at_rest():
    noise = np.random.default_rng(1).normal(0, 8, RATE).astype("<i2")
    track = track_of(noise.tobytes(), RATE)
    assert all(track.shape(k / 25).jaw < 0.01 for k in range(25))


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_a_vowel_opens_the_mouth_at_any_rate(rate):
    track = track_of(tone(0.5, rate=rate), rate)
    assert max(track.shape(k / 25).jaw for k in range(12)) > 0.08


def test_the_jaw_never_opens_too_far(reading):
    pcm, rate = reading
    loud = np.clip(pcm[: 3 * rate].astype(int) * 8, -32768, 32767).astype("<i2").tobytes()
    for visemes in ((), tuple(Viseme(i * rate // 10, "aa") for i in range(30))):
        track = track_of(loud, rate, visemes=visemes)
        assert max(track.shape(k / 25).jaw for k in range(75)) <= MAX_JAW


@pytest.mark.parametrize("offset", range(0, 40, 7))
def test_lips_touch_in_one_frame_at_least_on_p_and_f(offset):
    start = int((0.3 + offset / 1000) * RATE)
    short = int(0.03 * RATE)
    for name, touches in (("PP", lambda m: m.close > 0.8 and m.jaw < 0.1), ("FF", lambda m: m.lip < -0.7)):
        visemes = (Viseme(0, "aa"), Viseme(start, name), Viseme(start + short, "aa"))
        track = track_of(tone(0.7), RATE, visemes=visemes)
        assert any(touches(track.shape(k / 25)) for k in range(6, 11)), name


def test_visemes_shape_the_mouth():
    for name, control, least in (("ou", "round", 0.6), ("ih", "wide", 0.4), ("aa", "jaw", 0.3), ("SS", "lip", 0.5)):
        track = track_of(tone(0.6), RATE, visemes=(Viseme(0, name),))
        assert getattr(track.shape(0.4), control) > least, name


def test_the_mouth_shuts_within_160_ms_of_the_end_of_sound():
    track = track_of(tone(0.5), RATE, visemes=(Viseme(0, "aa"),))
    assert track.shape(0.44).jaw > 0.1
    assert track.shape(0.5 + 0.16) == REST


def test_odd_bytes_and_empty_chunks_do_no_harm():
    track = MouthTrack(16_000)
    for piece in (b"", b"\x01", b"\x00\x10\x00"):
        track.push(piece)
    track.end()
    assert track.samples == 1
    assert track.shape(0.0) is not None


def test_a_chunk_costs_little(reading):
    pcm, rate = reading
    track = MouthTrack(rate)
    began = time.process_time()
    for i in range(20):
        track.push(pcm[i * rate * 4 // 10 : (i + 1) * rate * 4 // 10].tobytes())
    assert time.process_time() - began < 20 * 0.4 * 0.1  # a tenth of real time, however busy the machine
