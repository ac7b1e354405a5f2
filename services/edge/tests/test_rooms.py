import asyncio
from dataclasses import replace

import numpy as np
import pytest

from avatar_edge import HALL_SPEAKER, LAPTOP, MEETING_ROOM, Room, RoomMic
from avatar_edge.audio import as_pcm
from avatar_edge.rooms import Acoustics

CLEAR = Room(delay_s=0.1, decay_s=0.001, direct_db=60.0, level_db=-12.0)
"""A single reflection 100 ms later, 12 dB below what was played."""


def level_db(wave):
    return 10 * np.log10(np.mean(np.asarray(wave, np.float64) ** 2) + 1e-12)


def noise(seconds, rate=16_000, level=0.1):
    return np.random.default_rng(5).normal(0.0, level, round(seconds * rate)).astype(np.float32)


def through(room, wave):
    acoustics = Acoustics(room)
    return np.concatenate([acoustics.step(wave[first : first + 320]) for first in range(0, len(wave) - 319, 320)])


@pytest.mark.parametrize("room", [LAPTOP, MEETING_ROOM, HALL_SPEAKER])
def test_a_room_has_an_early_peak_and_an_exponential_decay_at_its_level(room):
    impulse = room.impulse()
    assert np.argmax(np.abs(impulse)) == 0
    assert 10 * np.log10(np.sum(impulse**2)) == pytest.approx(room.level_db, abs=0.01)
    direct_db = 10 * np.log10(impulse[0] ** 2 / np.sum(impulse[1:] ** 2))
    assert direct_db == pytest.approx(room.direct_db, abs=0.01)
    third = len(impulse) // 3
    early, late = level_db(impulse[40:third]), level_db(impulse[-third:])
    assert early - late == pytest.approx(40.0, abs=6.0)


def test_convolution_in_parts_equals_convolution_as_a_whole():
    room = Room(decay_s=0.33, level_db=-3.0)
    wave = noise(2.0)
    whole = np.convolve(wave, room.impulse())[: len(wave)]
    assert np.abs(through(room, wave) - whole).max() < 1e-4


def test_a_distorting_loudspeaker_adds_what_was_not_played():
    wave = (0.5 * np.sin(2 * np.pi * 500 * np.arange(16_000) / 16_000)).astype(np.float32)

    def third_harmonic_db(room):
        spectrum = np.abs(np.fft.rfft(through(room, wave)[-8_000:]))
        return 20 * np.log10(spectrum[750] / spectrum[250])

    assert third_harmonic_db(replace(CLEAR, distortion=2.0)) > -30.0
    assert third_harmonic_db(CLEAR) < -80.0


def test_a_room_has_noise_at_its_level():
    heard = through(replace(CLEAR, noise_dbfs=-50.0), np.zeros(16_000 * 10, np.float32))
    assert level_db(heard) == pytest.approx(-50.0, abs=0.2)


async def listen(mic, seconds, source):
    """The samples captured and the edge clock of the first, while the loudspeaker plays `source`."""
    blocks = []
    mic.speaker.open(source)
    mic.open(blocks.append)
    await asyncio.sleep(seconds)
    mic.close()
    mic.speaker.close()
    return np.concatenate([block.pcm for block in blocks]), blocks


@pytest.mark.parametrize("drift_ppm", [0.0, 200.0])
async def test_what_is_really_played_comes_back_at_its_time_and_level(drift_ppm):
    mic = RoomMic(CLEAR, drift_ppm=drift_ppm)
    sound = as_pcm(noise(0.2, 48_000, 0.3))
    click = []

    def source(count, plays_at):
        if not click:
            click.append(plays_at)
        place = round((plays_at - click[0] - 0.2) * 48_000)
        return np.zeros(count, np.int16) if not 0 <= place < len(sound) - count else sound[place : place + count]

    captured, _ = await listen(mic, 0.8, source)
    loud = np.flatnonzero(np.abs(captured) > 100)
    heard_at = mic.time_of(int(loud[0]))
    assert heard_at - (click[0] + 0.2) == pytest.approx(CLEAR.delay_s, abs=0.002)
    echo = captured[loud[0] + 100 : loud[0] + 2_500] / 32_768
    # a third of the band of 24 kHz noise is left at 16 kHz
    assert level_db(echo) == pytest.approx(level_db(sound / 32_768) - 12.0 - 10 * np.log10(3), abs=0.7)
    played = mic.speaker.samples()
    assert np.abs(played).max() == np.abs(sound[: len(sound) - 480]).max()


async def test_the_person_is_captured_sample_for_sample_on_top_of_the_room():
    mic = RoomMic(CLEAR)
    said = as_pcm(noise(0.2))
    utterance = mic.cue(said)
    captured, blocks = await listen(mic, 0.4, lambda count, _: np.zeros(count, np.int16))
    assert np.array_equal(captured[utterance.start : utterance.end], said)
    assert not captured[utterance.end :].any()
    assert [block.start for block in blocks] == list(range(0, 320 * len(blocks), 320))
    assert mic.voiced_end(utterance.voiced_end + 100, 400) == utterance.voiced_end


async def test_a_drifting_microphone_tells_the_true_times_of_its_samples():
    mic = RoomMic(CLEAR, drift_ppm=50_000.0)
    _, blocks = await listen(mic, 0.3, lambda count, _: np.zeros(count, np.int16))
    assert blocks[10].at - blocks[0].at == pytest.approx(0.2 / 1.05)
    assert mic.time_of(3_200) == pytest.approx(blocks[10].at)


async def test_the_room_may_change_while_it_is_listened_to():
    mic = RoomMic(replace(CLEAR, noise_dbfs=-70.0))
    blocks = []
    mic.speaker.open(lambda count, _: np.zeros(count, np.int16))
    mic.open(blocks.append)
    await asyncio.sleep(0.3)
    mic.room = replace(mic.room, noise_dbfs=-30.0)
    before = len(blocks)
    await asyncio.sleep(0.3)
    mic.close()
    mic.speaker.close()
    heard = [level_db(block.pcm / 32_768) for block in blocks]
    assert np.mean(heard[:before]) == pytest.approx(-70.0, abs=3.0)
    assert np.mean(heard[before + 1 :]) == pytest.approx(-30.0, abs=3.0)
