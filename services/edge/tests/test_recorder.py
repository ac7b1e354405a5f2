import threading
import time

import av
import numpy as np
import pytest

from avatar_edge import Picture, Recorder, RecordingError
from avatar_edge.mixer import Mixer
from avatar_edge.recorder import FRAMES_HELD

SIZE = 64
DARK, BRIGHT = 40, 220


def read_back(path):
    """Mean brightness per picture with its time, and the mono sound with the time of its first sample."""
    with av.open(str(path)) as container:
        video = [
            (float(frame.time), float(frame.to_ndarray(format="gray").mean())) for frame in container.decode(video=0)
        ]
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    sound = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    return video, sound, float(frames[0].time), frames[0].sample_rate


def level(value):
    i420 = np.full((SIZE * 3 // 2, SIZE), 128, np.uint8)
    i420[:SIZE] = value
    return Picture(i420)


def onsets(flags, times):
    return [times[i] for i in range(1, len(flags)) if flags[i] and not flags[i - 1]]


def test_beeps_and_flashes_stay_together_within_a_frame(tmp_path):
    recorder = Recorder(tmp_path / "call.mp4", SIZE, SIZE)
    recorder.open()
    base = 1_000.0
    seconds = 6
    for tick in range(seconds * 25):  # as three threads would hand things over, each at its own grain
        at = base + tick * 0.04
        time.sleep(0.002)
        flash = tick % 50 in (25, 26, 27)
        recorder.picture(level(BRIGHT if flash else DARK), at)
        for block in range(4):
            start = tick * 4 + block
            t = (start * 480 + np.arange(480)) / 48_000
            beep = (t % 2.0 >= 1.0) & (t % 2.0 < 1.12)
            recorder.voice(
                (beep * 12_000 * np.sin(2 * np.pi * 1_000 * t)).astype(np.int16), 48_000, base + start * 0.01
            )
        for block in range(2):
            start = tick * 2 + block
            t = (start * 320 + np.arange(320)) / 16_000
            hum = (t % 2.0 >= 1.5) & (t % 2.0 < 1.6)
            recorder.mic((hum * 12_000 * np.sin(2 * np.pi * 500 * t)).astype(np.int16), 16_000, base + start * 0.02)
    recorder.close()
    assert recorder.error == ""
    assert recorder.stats.seconds == pytest.approx(seconds)
    video, sound, sound_began, rate = read_back(tmp_path / "call.mp4")
    assert rate == 48_000
    assert len(video) + recorder.stats.dropped_frames == seconds * 25
    flashes = onsets([brightness > 130 for _, brightness in video], [at for at, _ in video])
    envelope = np.abs(sound[: len(sound) // 48 * 48].reshape(-1, 48)).max(axis=1) > 0.1
    quiet = np.convolve(envelope, np.ones(20), "full")[: len(envelope)] > 0  # bridges the zero crossings
    sounds = onsets(list(quiet), [sound_began + i / 1000 for i in range(len(quiet))])
    assert flashes == pytest.approx([1.0, 3.0, 5.0], abs=0.001)
    assert sounds == pytest.approx([1.0, 1.5, 3.0, 3.5, 5.0, 5.5], abs=0.01)


def test_a_recording_without_any_sound_or_with_one_voice_only_is_complete(tmp_path):
    recorder = Recorder(tmp_path / "silent.mp4", SIZE, SIZE)
    recorder.open()
    for tick in range(10):
        recorder.picture(level(DARK), 5.0 + tick * 0.04)
    recorder.mic(np.full(16_000, 900, np.int16), 16_000, 5.0)
    recorder.close()
    video, sound, _, _ = read_back(tmp_path / "silent.mp4")
    assert len(video) == 10
    assert len(sound) >= 48_000 - 2_048


def test_pictures_missed_by_the_camera_leave_the_time_line_straight(tmp_path):
    recorder = Recorder(tmp_path / "gap.mp4", SIZE, SIZE)
    recorder.open()
    for tick in (0, 1, 2, 20, 21):
        recorder.picture(level(DARK), 5.0 + tick * 0.04)
        recorder.voice(np.zeros(480, np.int16), 48_000, 5.0 + tick * 0.04)
    recorder.close()
    video, *_ = read_back(tmp_path / "gap.mp4")
    assert [at for at, _ in video] == pytest.approx([0.0, 0.04, 0.08, 0.8, 0.84])


def test_an_encoder_that_cannot_keep_up_loses_pictures_not_memory(tmp_path):
    recorder = Recorder(tmp_path / "fast.mp4", 1280, 720)
    recorder.open()
    big = Picture(np.zeros((1080, 1280), np.uint8))
    for tick in range(FRAMES_HELD * 6):
        recorder.picture(big, tick * 0.04)
    recorder.close()
    stats = recorder.stats
    assert stats.dropped_frames > 0
    assert stats.frames + stats.dropped_frames == FRAMES_HELD * 6


def test_a_disk_that_hangs_fills_no_memory_with_sound(tmp_path, monkeypatch):
    monkeypatch.setattr("avatar_edge.recorder.ITEMS_HELD", 100)
    recorder = Recorder(tmp_path / "slow.mp4", SIZE, SIZE)
    go_on = threading.Event()
    write = recorder._mux
    recorder._mux = lambda packets: go_on.wait(5) and write(packets)
    recorder.open()
    recorder.picture(level(DARK), 0.0)
    for block in range(1_000):
        recorder.voice(np.zeros(480, np.int16), 48_000, block * 0.01)
    assert recorder._items.qsize() <= 100
    go_on.set()
    recorder.close()
    assert recorder.error == ""


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path):
    with pytest.raises(RecordingError, match="cannot be written"):
        Recorder(tmp_path / "no" / "x.mp4").open()


def test_a_failure_while_recording_is_told_and_does_not_block_the_call(tmp_path):
    recorder = Recorder(tmp_path / "bad.mp4", SIZE, SIZE)
    recorder.open()
    recorder.picture(Picture(np.zeros((7, 3), np.uint8)), 1.0)
    deadline = time.monotonic() + 5
    while not recorder.error and time.monotonic() < deadline:
        time.sleep(0.01)
    for tick in range(1_000):
        recorder.picture(level(DARK), 1.0 + tick * 0.04)
    recorder.close()
    assert recorder.error.startswith("the recording stopped")
    assert not recorder._thread.is_alive()


def test_a_recording_that_never_began_leaves_no_trace(tmp_path):
    Recorder(tmp_path / "never.mp4").close()
    assert list(tmp_path.iterdir()) == []


def test_the_mixer_adds_sources_at_their_times_and_waits_for_the_slower_one():
    mixer = Mixer(48_000)
    mixer.add("voice", np.full(4_800, 100, np.int16), 48_000, 0.0)
    mixer.add("mic", np.full(2_400, 10, np.int16), 48_000, 0.01)
    out = mixer.take()
    assert len(out) == 480 + 2_400
    assert set(out[:480]) == {100}
    assert set(out[480:]) == {110}
    assert len(mixer.finish()) == 4_800 - 2_880


def test_a_source_that_stops_does_not_hold_up_the_other_for_ever():
    mixer = Mixer(48_000)
    mixer.add("mic", np.zeros(480, np.int16), 48_000, 0.0)
    taken = 0
    for index in range(300):
        mixer.add("voice", np.full(480, 7, np.int16), 48_000, index * 0.01)
        taken += len(mixer.take())
    assert taken == pytest.approx(2 * 48_000, abs=960)


def test_a_source_that_jumps_is_put_in_its_new_place_and_too_late_sound_is_left_out():
    mixer = Mixer(48_000)
    mixer.add("voice", np.full(480, 1, np.int16), 48_000, 0.0)
    mixer.add("voice", np.full(480, 2, np.int16), 48_000, 0.5)
    out = np.concatenate((mixer.take(), mixer.finish()))
    assert np.flatnonzero(out == 2)[0] == 24_000
    mixer.add("voice", np.full(480, 3, np.int16), 48_000, 0.1)
    assert len(mixer.finish()) == 0
