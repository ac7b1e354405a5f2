"""Echo cancellation in simulated rooms, faster than real time: a loudspeaker, a room, a person and the cleaner."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import soxr

from avatar_edge import (
    HALL_SPEAKER,
    LAPTOP,
    MEETING_ROOM,
    AudioProcessingMissing,
    Call,
    EdgeSettings,
    MicBlock,
    NullCamera,
    Room,
    RoomMic,
    load_audio,
)
from avatar_edge.aec import MicCleaner, echo_expected
from avatar_edge.audio import as_pcm
from avatar_edge.rooms import Acoustics
from avatar_edge.timeline import Played
from avatar_runtime.memory_bus import MemoryBus

FRAME_S = 0.02
BEGAN_AT = 1_000.0


def recording(name, rate, level_db):
    """A recording of a voice at an RMS level; they come with the wheel of the ears' model."""
    spec = importlib.util.find_spec("moonshine_voice")
    if spec is None:
        pytest.skip("moonshine-voice, which brings the recordings, is not installed")
    wave = load_audio(Path(spec.submodule_search_locations[0]) / "assets" / name, rate)
    return wave * 10 ** (level_db / 20) / np.sqrt(np.mean(wave**2))


def level_db(wave):
    return 10 * np.log10(np.mean(np.asarray(wave, np.float64) ** 2) + 1e-12)


def spans(flags):
    """[(from, to)] in seconds in which the flags of 20 ms frames are set."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], np.asarray(flags, int), [0]))))
    return [(round(a * FRAME_S, 2), round(b * FRAME_S, 2)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


class Rig:
    """`far` is played at `rate`, `near` said at 16 kHz; `run` gives what was captured, cleaned and guarded.

    `jitter_s` shakes the times the devices tell, `drift_ppm` the microphone's clock.
    """

    def __init__(self, room, *, rate=48_000, jitter_s=0.0, drift_ppm=0.0, latency_s=0.02, cleaner=None):
        self.cleaner = cleaner or MicCleaner(rate)
        self.acoustics = Acoustics(room)
        self.rate = rate
        self.latency_s = latency_s
        self.step_s = 1 / (16_000 * (1 + drift_ppm * 1e-6))
        self.truth = Played(rate, 4.0)
        self.jitter = lambda: rng.uniform(-jitter_s, jitter_s)
        rng = np.random.default_rng(0)
        self.now = self.out_pauses_s = 0.0
        self.sample = self.out_sample = 0

    def move(self, room):
        self.acoustics = Acoustics(room)

    def play(self, pcm):
        at = BEGAN_AT + self.out_pauses_s + self.out_sample / self.rate
        self.truth.add(pcm, at)
        self.cleaner.played(pcm, at + self.jitter())
        self.out_sample += len(pcm)

    def run(self, far, near):
        block = self.rate // 100
        fed, captured, cleaned, guards = 0, [], [], []
        for first in range(0, len(near) - 319, 320):
            at = BEGAN_AT + self.now
            end = at + 320 * self.step_s + self.latency_s
            while BEGAN_AT + self.out_pauses_s + self.out_sample / self.rate <= end and fed + block <= len(far):
                self.play(as_pcm(far[fed : fed + block]))
                fed += block
            room = self.acoustics.room
            echo = self.acoustics.step(self.truth.read(at - room.delay_s, 320, self.step_s))
            pcm = as_pcm((echo + near[first : first + 320]).astype(np.float32))
            heard, guard = self.cleaner.clean(MicBlock(self.sample, at + self.jitter(), pcm))
            assert heard.start == self.sample
            captured.append(pcm)
            cleaned.append(heard.pcm)
            guards.append(guard)
            self.sample += 320
            self.now += 320 * self.step_s
        return np.concatenate(captured) / 32_768, np.concatenate(cleaned) / 32_768, np.array(guards)


def erle_db(captured, cleaned, begin_s, end_s):
    part = slice(round(begin_s * 16_000), round(end_s * 16_000))
    return level_db(captured[part]) - level_db(cleaned[part])


@pytest.fixture(scope="module")
def far():
    return np.asarray(recording("two_cities.wav", 48_000, -20.0), np.float32)


@pytest.fixture(scope="module")
def near():
    return np.asarray(recording("beckett.wav", 16_000, -26.0), np.float32)


def silence(seconds):
    return np.zeros(round(seconds * 16_000), np.float32)


def said_at(seconds, speech, length_s):
    wave = silence(length_s)
    first = round(seconds * 16_000)
    wave[first : first + len(speech)] = speech[: len(wave) - first]
    return wave


ROOMS = {"laptop": LAPTOP, "meeting room": MEETING_ROOM, "hall": HALL_SPEAKER}
HEADPHONES = Room(level_db=-120.0, noise_dbfs=-60.0)


@pytest.mark.parametrize(("room", "guarded_s"), [("laptop", 2.5), ("meeting room", 2.0), ("hall", 5.0)])
def test_the_clone_is_taken_out_of_the_microphone_in_every_room_and_guarded_against_until_then(far, room, guarded_s):
    rig = Rig(ROOMS[room])
    captured, cleaned, guards = rig.run(far, silence(12.0))
    assert erle_db(captured, cleaned, 5.0, 12.0) >= 20.0
    ((begin, end),) = spans(guards)
    assert begin <= 0.2
    assert 0.5 <= end <= guarded_s
    assert rig.cleaner.convergence.echo_s == pytest.approx(ROOMS[room].delay_s, abs=0.003)


@pytest.mark.parametrize(
    ("room", "lost_db", "distance_db"), [("laptop", 3.0, 5.0), ("meeting room", 2.0, 2.5), ("hall", 5.0, 9.0)]
)
def test_a_person_who_speaks_at_the_same_time_is_kept_and_not_taken_for_echo(far, near, room, lost_db, distance_db):
    speech = said_at(6.0, near, 16.0)
    _, cleaned, guards = Rig(ROOMS[room]).run(far, speech)
    assert not guards[300:].any()
    said = slice(6 * 16_000, 6 * 16_000 + len(near))
    captured_at = np.concatenate((np.zeros(128), speech))[: len(speech)]
    assert abs(level_db(cleaned[said]) - level_db(near)) < lost_db
    assert spectral_distance_db(cleaned[said], captured_at[said]) < distance_db


@pytest.mark.parametrize(
    ("room", "lowest_db", "highest_db"), [("laptop", 0, 0), ("meeting room", 0, 0), ("hall", -15, -9)]
)
def test_how_loudly_a_room_gives_the_clone_back_is_measured_and_the_clone_lowered_only_where_it_must(
    far, room, lowest_db, highest_db
):
    rig = Rig(ROOMS[room])
    captured, _, _ = rig.run(far, silence(12.0))
    played = soxr.resample(far[: 48_000 * 12], 48_000, 16_000)
    coupling = rig.cleaner.convergence.coupling
    assert coupling.level_db == pytest.approx(level_db(captured) - level_db(played), abs=2.0)
    assert coupling.level_db == pytest.approx(ROOMS[room].level_db, abs=3.0)  # distortion takes some of it
    assert lowest_db <= 20 * np.log10(rig.cleaner.voice_gain) <= highest_db


@pytest.mark.parametrize("room", ["laptop", "meeting room", "hall"])
def test_a_person_who_speaks_at_the_same_time_does_not_make_the_clone_quieter_or_louder(far, near, room):
    rig = Rig(ROOMS[room])
    rig.run(far[: 48_000 * 8], silence(8.0))
    before = rig.cleaner.voice_gain
    rig.run(far[48_000 * 8 :], said_at(0.0, near, 8.0))
    assert abs(20 * np.log10(rig.cleaner.voice_gain / before)) <= 1.5


def test_with_headphones_the_clone_keeps_its_level_whatever_the_person_says(far, near):
    rig = Rig(HEADPHONES)
    rig.run(far, said_at(1.0, near, 12.0))
    assert rig.cleaner.voice_gain == 1.0


def test_a_person_in_a_hall_is_heard_over_the_clone_once_it_has_been_lowered(far, near):
    def heard_db(adapted):
        rig = Rig(HALL_SPEAKER)
        rig.run(far[: 48_000 * 10], silence(10.0))
        gain = rig.cleaner.voice_gain if adapted else 1.0
        _, cleaned, guards = rig.run(far[48_000 * 10 :] * gain, said_at(2.0, near, 8.0))
        assert not guards.any()
        truth = said_at(2.0, near, 8.0)
        return spectral_distance_db(cleaned[32_000 + 128 :], truth[32_000:-128])

    assert heard_db(adapted=True) < heard_db(adapted=False) - 2.0


def spectral_distance_db(wave, truth):
    """Mean difference of the levels in 20 bands of 250-4,000 Hz, where the person is at most 30 dB below their peak."""
    edges = np.geomspace(250, 4_000, 21)

    def bands(signal):
        frames = np.lib.stride_tricks.sliding_window_view(signal, 512)[::160] * np.hanning(512)
        power = np.abs(np.fft.rfft(frames)) ** 2
        places = np.searchsorted(np.fft.rfftfreq(512, 1 / 16_000), edges)
        return 10 * np.log10(np.add.reduceat(power, places, axis=1)[:, :-1] + 1e-9)

    wanted, found = bands(truth), bands(wave)
    return np.abs(wanted - found)[wanted > wanted.max() - 30.0].mean()


def test_with_headphones_the_guard_is_gone_within_a_second_and_the_person_is_not_touched(far, near):
    speech = said_at(3.0, near, 12.0)
    _, cleaned, guards = Rig(HEADPHONES).run(far, speech)
    ((begin, end),) = spans(guards)
    assert end - begin <= 1.0
    said = slice(3 * 16_000, 12 * 16_000)
    assert abs(level_db(cleaned[said]) - level_db(speech[said])) < 1.0


def test_a_microphone_carried_to_another_place_is_guarded_until_its_new_echo_is_cancelled(far):
    rig = Rig(LAPTOP)
    rig.run(far[: 48_000 * 8], silence(8.0))
    rig.move(Room(delay_s=0.15, decay_s=0.3, direct_db=3.0, level_db=-8.0, distortion=1.0, noise_dbfs=-65.0, seed=9))
    captured, cleaned, guards = rig.run(far[48_000 * 8 :], silence(12.0))
    begin, end = spans(guards)[0]
    assert begin <= 1.5
    assert end - begin <= 3.0
    assert rig.cleaner.convergence.losses == 1
    assert erle_db(captured, cleaned, 6.0, 12.0) >= 20.0
    assert not guards[300:].any()


@pytest.mark.parametrize(
    "devices",
    [{"jitter_s": 0.005}, {"drift_ppm": 100.0}, {"drift_ppm": -100.0, "jitter_s": 0.003}, {"latency_s": 0.3}],
    ids=str,
)
def test_jitter_drift_and_latency_of_the_devices_do_not_reach_the_canceller(far, devices):
    captured, cleaned, guards = Rig(LAPTOP, **devices).run(far, silence(12.0))
    assert erle_db(captured, cleaned, 4.0, 12.0) >= 25.0
    assert not guards[200:].any()


def test_outputs_of_other_rates_are_cancelled_as_well(far):
    slow = np.asarray(soxr.resample(far, 48_000, 22_050), np.float32)
    captured, cleaned, _ = Rig(LAPTOP, rate=22_050).run(slow, silence(10.0))
    assert erle_db(captured, cleaned, 4.0, 10.0) >= 25.0


def test_long_silence_of_the_clone_does_not_bring_the_guard_back(far):
    rig = Rig(MEETING_ROOM)
    rig.run(far[: 48_000 * 5], silence(5.0))
    rig.run(np.zeros(48_000 * 20, np.float32), silence(20.0))
    captured, cleaned, guards = rig.run(far[48_000 * 5 :], silence(5.0))
    assert not guards.any()
    assert erle_db(captured, cleaned, 1.0, 5.0) >= 15.0


def test_nothing_is_guarded_while_the_clone_is_silent(near):
    _, cleaned, guards = Rig(LAPTOP).run(np.zeros(48_000 * 12, np.float32), said_at(1.0, near, 12.0))
    assert not guards.any()
    assert level_db(cleaned[16_000 : 11 * 16_000]) == pytest.approx(level_db(near), abs=1.0)


def test_an_output_that_was_suspended_is_heard_at_its_new_time(far):
    rig = Rig(LAPTOP)
    rig.run(far[: 48_000 * 5], silence(5.0))
    rig.out_pauses_s += 3.0
    captured, cleaned, guards = rig.run(far[48_000 * 5 :], silence(12.0))
    assert erle_db(captured, cleaned, 4.5, 12.0) >= 25.0
    assert not guards.any()


def test_a_microphone_that_lost_sound_goes_on_in_its_new_place(far):
    rig = Rig(LAPTOP)
    rig.run(far[: 48_000 * 5], silence(5.0))
    rig.sample += 320 * 25
    rig.now += 0.5
    captured, cleaned, guards = rig.run(far[48_000 * 5 :], silence(8.0))
    assert erle_db(captured, cleaned, 2.0, 8.0) >= 25.0
    assert not guards.any()


def test_after_a_jump_of_the_microphones_clock_the_guard_is_up_until_the_echo_is_seen_to_be_cancelled(far):
    rig = Rig(LAPTOP)
    rig.run(far[: 48_000 * 5], silence(5.0))
    rig.now += 0.5
    captured, cleaned, guards = rig.run(far[48_000 * 5 :], silence(8.0))
    assert guards[:40].all()
    assert not guards[150:].any()
    assert erle_db(captured, cleaned, 3.0, 8.0) >= 25.0


@pytest.mark.parametrize(
    "settings",
    [
        {"echo": True},
        {"echo": True, "noise_suppression": True},
        {"echo": False, "noise_suppression": True},
        {"echo": False, "high_pass": True},
    ],
    ids=str,
)
def test_the_cleaned_microphone_is_late_by_what_is_said(near, settings):
    cleaner = MicCleaner(48_000, **settings)
    cleaned, speech = [], as_pcm(near[: 16_000 * 4])
    for first in range(0, len(speech) - 319, 320):
        cleaner.played(np.zeros(960, np.int16), BEGAN_AT + first / 16_000)
        block, _ = cleaner.clean(MicBlock(first, BEGAN_AT + first / 16_000, speech[first : first + 320]))
        assert block.at == pytest.approx(BEGAN_AT + (first - cleaner.lag) / 16_000)
        cleaned.append(block.pcm)
    spectrum = np.fft.rfft(np.concatenate(cleaned), 1 << 17) * np.conj(np.fft.rfft(speech, 1 << 17))
    assert np.argmax(np.fft.irfft(spectrum)[:1_000]) == pytest.approx(cleaner.lag, abs=2)


def test_noise_is_suppressed_and_hum_filtered_only_if_wanted():
    times = np.arange(16_000 * 5) / 16_000
    hum = 0.05 * np.sin(2 * np.pi * 30 * times)
    noise = np.random.default_rng(1).normal(0.0, 0.01, len(times))

    def left_db(wave, **settings):
        cleaner = MicCleaner(48_000, echo=False, **settings)
        blocks = [cleaner.clean(MicBlock(first, first / 16_000, pcm)) for first, pcm in frames(as_pcm(wave))]
        assert not any(guard for _, guard in blocks)
        return level_db(np.concatenate([block.pcm for block, _ in blocks])[32_000:] / 32_768) - level_db(wave)

    def frames(pcm):
        return [(first, pcm[first : first + 320]) for first in range(0, len(pcm), 320)]

    assert left_db(hum, high_pass=True) < -20.0
    assert left_db(noise, high_pass=True) > -1.0
    assert left_db(noise, noise_suppression=True) < -8.0


def test_a_frame_waits_only_for_what_a_running_output_has_still_to_play():
    cleaner = MicCleaner(48_000)
    block = MicBlock(0, 10.0, np.zeros(320, np.int16))
    assert not cleaner.lacks(block, 10.02)
    cleaner.played(np.zeros(480, np.int16), 10.0)
    assert cleaner.lacks(block, 10.021)
    cleaner.played(np.zeros(960, np.int16), 10.01)
    assert not cleaner.lacks(block, 10.022)
    later = MicBlock(640, 10.04, block.pcm)
    assert cleaner.lacks(later, 10.06)
    assert not cleaner.lacks(later, 10.4)


class Device:
    def __init__(self, acoustic):
        self.acoustic = acoustic


@pytest.mark.parametrize(
    ("aec", "mic", "speaker", "expected"),
    [
        ("auto", True, True, True),
        ("auto", False, True, False),
        ("auto", True, False, False),
        ("on", False, False, True),
        ("off", True, True, False),
    ],
)
def test_echo_is_expected_where_the_microphone_can_hear_the_loudspeaker(aec, mic, speaker, expected):
    assert echo_expected(EdgeSettings(aec=aec), Device(mic), Device(speaker)) is expected


def test_a_missing_library_is_a_clear_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "livekit.rtc", None)
    with pytest.raises(AudioProcessingMissing, match=r"cannot be removed.*install livekit"):
        MicCleaner(48_000)


async def test_a_call_told_to_cancel_echo_does_not_begin_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "livekit.rtc", None)
    mic = RoomMic(LAPTOP)
    with pytest.raises(AudioProcessingMissing):
        async with Call(MemoryBus(), EdgeSettings(aec="on"), mic, mic.speaker, NullCamera()):
            pass


async def test_a_call_that_would_cancel_echo_goes_on_without_the_library_and_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "livekit.rtc", None)
    mic = RoomMic(LAPTOP)
    async with Call(MemoryBus(), EdgeSettings(), mic, mic.speaker, NullCamera()) as call:
        assert [error.code for error in call.errors] == ["echo.missing"]
        assert "headphones" in call.errors[0].hint
