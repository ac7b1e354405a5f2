"""The parts of sound devices that need none: ring, elastic store, ears, monitor, saved choices."""

import time
import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_edge import AudioFileError, EdgeSettings, FileMic, FileOut, MemoryOut, NullOut
from avatar_edge.audio import MicBlock
from avatar_edge.devices.drift import Elastic
from avatar_edge.devices.ears import Ears
from avatar_edge.devices.monitor import Monitored
from avatar_edge.devices.open import open_sound
from avatar_edge.devices.ring import Ring
from avatar_edge.devices.saved import save
from avatar_runtime.settings import SettingsError, load


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 25)), max_size=60))
def test_a_ring_gives_back_what_was_written_in_order_and_takes_no_more_than_fits(steps):
    ring, wrote, read = Ring(20), [], []
    number = 0
    for writes, count in steps:
        if writes:
            block = np.arange(number, number + count, dtype=np.int16)
            taken = ring.write(block)
            assert taken == min(count, 20 - (len(wrote) - len(read)))
            wrote += block[:taken].tolist()
            number += taken
        else:
            out = np.empty(count, np.int16)
            got = ring.read(out)
            read += out[:got].tolist()
        assert ring.fill == len(wrote) - len(read)
    assert read == wrote[: len(read)]


def carried(ppm, seconds=40, rate=48_000, out_rate=48_000):
    """A tone through a store whose writer's clock runs `ppm` faster, in blocks of 10 ms: sound, fill, the store."""
    store = Elastic(rate, out_rate)
    tone = (10_000 * np.sin(2 * np.pi * 1_000 * np.arange(rate) / rate)).astype(np.int16)
    pushed, out, fill = 0, [], []
    block = rate // 100
    for number in range(100 * seconds):
        while pushed < (number * 0.01 + 0.004) * rate * (1 + ppm * 1e-6):
            store.push(tone[pushed % rate : pushed % rate + block])
            pushed += block
        out.append(store.pull(out_rate // 100))
        fill.append(store.fill_s)
    return np.concatenate(out[-500:]), np.array(fill), store


def purity_db(sound, rate, hz):
    """Power of the tone over that of the rest."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    at = round(hz * len(sound) / rate)
    tone = power[at - 20 : at + 21].sum()
    return 10 * np.log10(tone / (power.sum() - tone))


@pytest.mark.parametrize("ppm", [0, 300, -300, 1_500, -1_500])
def test_two_clocks_that_differ_leave_the_store_as_full_as_it_was_and_the_tone_clean(ppm):
    sound, fill, store = carried(ppm)
    assert store.dry == 0
    assert np.abs(fill[-1_000:] - fill[300:1_300].mean()).max() < 0.025
    assert np.mean([store.correction]) == pytest.approx(ppm * 1e-6, abs=1.5e-3)
    assert purity_db(sound, 48_000, 1_000) > 50


def test_the_store_converts_between_rates():
    sound, _, store = carried(100, seconds=20, rate=16_000)
    assert store.dry == 0
    assert purity_db(sound, 48_000, 1_000) > 50


def test_an_empty_store_is_silent_and_starts_again_once_there_is_enough():
    store = Elastic(48_000, 48_000, target_s=0.03)
    assert not store.pull(480).any()
    store.push(np.full(960, 1_000, np.int16))
    assert not store.pull(480).any()
    store.push(np.full(960, 1_000, np.int16))
    assert store.pull(480).any()
    for _ in range(4):
        store.pull(480)
    assert store.dry == 1
    assert not store.pull(480).any()


def test_what_nobody_pulls_is_forgotten_but_the_newest():
    store = Elastic(48_000, 48_000, target_s=0.03)
    store.push(np.full(4_800, 1_000, np.int16))
    store.pull(480)
    for _ in range(2_000):
        store.push(np.full(480, 2_000, np.int16))
    store.pull(480)
    assert store.fill_s < 0.05
    assert np.abs(store.pull(480).astype(int) - 2_000).max() <= 1


class Source:
    """A microphone whose frames the test hands over."""

    def __init__(self, acoustic):
        self.acoustic = acoustic
        self.number = 0

    def open(self, deliver):
        self.deliver = deliver
        self.began_at = time.perf_counter()

    def close(self):
        self.deliver = None

    def voiced_end(self, heard, margin):
        return heard

    def give(self, value, at=None):
        at = self.began_at + self.number * 0.02 if at is None else at
        self.deliver(MicBlock(320 * self.number, at, np.full(320, value, np.int16)))
        self.number += 1


def listening(choice, mode="converse"):
    mic, meeting, heard = Source(acoustic=True), Source(acoustic=False), []
    ears = Ears(mic, meeting, choice, mode)
    ears.open(heard.append)
    return mic, meeting, ears, heard


@pytest.mark.parametrize(
    ("choice", "mode", "value"),
    [("auto", "converse", 200), ("auto", "repeat", 100), ("mic", "converse", 100), ("meeting", "draft", 200)],
)
def test_the_ears_hear_what_the_mode_and_the_choice_call_for(choice, mode, value):
    mic, meeting, _, heard = listening(choice, mode)
    for _ in range(5):
        meeting.give(200)
        mic.give(100)
    assert [int(block.pcm[0]) for block in heard] == [value] * 5
    assert [block.start for block in heard] == [0, 320, 640, 960, 1_280]


def test_of_itself_the_person_is_heard_until_the_meeting_sounds_and_again_after_a_minute_of_silence(monkeypatch):
    mic, meeting, ears, heard = listening("auto")
    for value in (0, 20, 200, 0):
        meeting.give(value)
        mic.give(100)
    assert [int(block.pcm[0]) for block in heard] == [100, 100, 200, 0]
    now = time.perf_counter()
    monkeypatch.setattr(time, "perf_counter", lambda: now + 61.0)
    assert ears.heard == "mic"


def test_a_change_of_mode_changes_the_source_and_the_count_of_samples_goes_on():
    mic, meeting, ears, heard = listening("auto")
    for number in range(10):
        if number == 5:
            ears.select("repeat")
        meeting.give(200)
        mic.give(100)
    assert [int(block.pcm[0]) for block in heard] == [200] * 5 + [100] * 5
    assert [block.start for block in heard] == [320 * number for number in range(10)]
    assert (np.diff([block.at for block in heard]) > 0.009).all()
    assert ears.voiced_end(1_600, 100) == 1_600


def test_both_are_mixed_at_the_pace_of_the_microphone():
    mic, meeting, ears, heard = listening("both")
    for _ in range(20):
        meeting.give(2_000)
        mic.give(1_000)
    assert len(heard) == 20
    assert int(heard[0].pcm[0]) == 1_000
    assert np.abs(heard[-1].pcm.astype(int) - 3_000).max() <= 10
    assert ears.heard == "both"


def test_the_monitor_plays_the_same_voice_a_little_later():
    out, monitor = MemoryOut(), MemoryOut()
    both = Monitored(out, monitor)
    place = 0

    def source(count, _):
        nonlocal place
        place += count
        return (8_000 * np.sin(2 * np.pi * 440 * np.arange(place - count, place) / 48_000)).astype(np.int16)

    both.open(source)
    time.sleep(0.4)
    both.close()
    heard = monitor.samples()
    assert np.abs(heard[:480]).max() == 0
    assert np.abs(heard[-4_800:]).max() == pytest.approx(8_000, rel=0.01)
    assert place <= len(out.samples()) + 480


def test_a_choice_is_saved_beside_what_the_file_holds_and_read_again(tmp_path, monkeypatch):
    path = tmp_path / "avatar.toml"
    path.write_text('# mine\n[bus]\nurl = "nats://box:4222"\n\n[edge]\nmode = "repeat"  # often\nmic = "old"\n[tts]\n')
    monkeypatch.setenv("AVATAR_CONFIG", str(path))
    assert save({"mic": 'Jabra "65"', "ears": "both"}) == path
    text = path.read_text()
    assert text.startswith("# mine\n")
    assert 'mode = "repeat"  # often' in text
    settings = load("edge", EdgeSettings, argv=[], environ={}, path=path)
    assert (settings.mic, settings.ears, settings.mode) == ('Jabra "65"', "both", "repeat")
    assert settings.bus.url == "nats://box:4222"


def test_a_choice_makes_the_file_and_the_section_and_refuses_a_broken_one(tmp_path):
    path = save({"camera_width": 640, "mic": "Мікрофон"}, tmp_path / "new.toml")
    assert tomllib.loads(path.read_text(encoding="utf-8")) == {"edge": {"camera_width": 640, "mic": "Мікрофон"}}
    save({"mic": "other"}, path)
    assert tomllib.loads(path.read_text(encoding="utf-8"))["edge"]["mic"] == "other"
    path.write_text("[edge\n")
    with pytest.raises(SettingsError, match=r"new\.toml cannot hold the choice"):
        save({"mic": "x"}, path)
    assert path.read_text() == "[edge\n"


def test_files_need_no_sound_system(tmp_path):
    settings = EdgeSettings(mic="none", meeting="none", speaker=f"file:{tmp_path}/voice.wav")
    sound = open_sound(settings)
    assert sound.portaudio is None
    assert isinstance(sound.ears, FileMic)
    assert isinstance(sound.speaker, FileOut)
    assert isinstance(open_sound(EdgeSettings(mic="none", meeting="none", speaker="none")).speaker, NullOut)


@pytest.mark.parametrize(("mic", "words"), [("file:nowhere.wav", "cannot be read"), ("a.wav", "write file:a.wav")])
def test_a_file_that_is_not_there_or_named_like_a_device_is_a_clear_error(mic, words):
    with pytest.raises(AudioFileError, match=words):
        open_sound(EdgeSettings(mic=mic, meeting="none", speaker="none"))
