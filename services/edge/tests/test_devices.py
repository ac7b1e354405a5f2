import asyncio
import time
import wave

import numpy as np
import pytest

from avatar_edge import AudioFileError, FileMic, FileOut, MemoryOut, NullMic, load_audio
from avatar_edge.audio import as_pcm
from avatar_edge.pacing import PacedThread


def tone(seconds, rate=16_000, level=0.3):
    return (level * np.sin(np.arange(int(rate * seconds)) * 2 * np.pi * 300 / rate)).astype(np.float32)


async def test_the_file_microphone_runs_in_real_time_and_says_what_it_is_told_sample_for_sample():
    mic = FileMic()
    blocks = []
    began = time.perf_counter()
    mic.open(lambda block: blocks.append((time.perf_counter(), block)))
    await asyncio.sleep(0.1)
    said = tone(0.3)
    utterance = await mic.say(said)
    await asyncio.sleep(0.1)
    mic.close()
    sound = np.concatenate([block.pcm for _, block in blocks])
    assert [block.start for _, block in blocks] == list(range(0, 320 * len(blocks), 320))
    assert abs(len(blocks) - (time.perf_counter() - began) / 0.02) < 3
    assert np.array_equal(sound[utterance.start : utterance.end], as_pcm(said))
    assert not sound[: utterance.start].any()
    assert not sound[utterance.end :].any()
    lateness = [came - (block.at + 0.02) for came, block in blocks]
    assert min(lateness) >= 0.0
    assert np.median(lateness) < 0.02
    assert mic.time_of(320) == pytest.approx(blocks[1][1].at)


def test_the_end_of_an_utterance_is_known_by_its_energy_and_that_of_its_sentences_is_not():
    mic = FileMic()
    sound = np.concatenate(
        (np.zeros(1_600, np.float32), tone(0.2), np.zeros(3_200, np.float32), tone(0.1), np.zeros(4_800))
    )
    utterance = mic.cue(sound)
    assert utterance.voiced_end == 1_600 + 3_200 + 3_200 + 1_600
    assert mic.voiced_end(utterance.voiced_end - 500, 4_000) == utterance.voiced_end
    assert mic.voiced_end(utterance.voiced_end + 500, 4_000) == utterance.voiced_end
    assert mic.voiced_end(4_800, 4_000) is None


def test_utterances_queue_and_other_rates_are_converted():
    mic = FileMic()
    first = mic.cue(tone(0.5, 48_000), rate=48_000)
    second = mic.cue(as_pcm(tone(0.25)))
    assert first.end == pytest.approx(8_000, abs=2)
    assert second.start == first.end
    assert second.end - second.start == 4_000


async def test_a_microphone_can_have_faint_noise_that_never_stops():
    mic = FileMic(noise_dbfs=-60)
    blocks = []
    mic.open(lambda block: blocks.append(block.pcm))
    await asyncio.sleep(0.15)
    mic.close()
    level = 20 * np.log10(np.sqrt(np.mean(np.concatenate(blocks).astype(float) ** 2)) / 32_768)
    assert level == pytest.approx(-60, abs=1)
    assert NullMic().voiced_end(10_000, 4_000) is None


@pytest.mark.parametrize("bad", [np.zeros((2, 10), np.float32), np.array([0.0, np.nan], np.float32)])
def test_sound_that_is_not_mono_or_not_finite_is_refused(bad):
    with pytest.raises(ValueError, match=r"mono|NaN"):
        FileMic().cue(bad)


async def test_an_output_pulls_at_its_own_pace_and_keeps_what_it_played():
    out = MemoryOut(rate=48_000, latency_s=0.05)
    asked = []
    began = time.perf_counter()

    def source(count, plays_at):
        asked.append((count, plays_at))
        return np.full(count, len(asked), np.int16)

    out.open(source)
    await asyncio.sleep(0.2)
    out.close()
    count = len(asked)
    assert count == pytest.approx((time.perf_counter() - began) * 100, abs=4)
    await asyncio.sleep(0.03)
    assert len(asked) == count
    times = np.array([at for _, at in asked])
    assert np.allclose(np.diff(times), 0.01)
    assert times[0] == pytest.approx(out.began_at)
    assert np.array_equal(out.samples()[::480], np.arange(1, count + 1))


async def test_a_file_output_is_a_wav_of_what_was_played(tmp_path):
    out = FileOut(tmp_path / "voice.wav", rate=16_000)
    out.open(lambda count, _: np.full(count, 5, np.int16))
    await asyncio.sleep(0.1)
    out.close()
    with wave.open(str(tmp_path / "voice.wav")) as file:
        assert (file.getframerate(), file.getnchannels()) == (16_000, 1)
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    assert len(samples) >= 1_280
    assert (samples == 5).all()


def test_an_output_file_that_cannot_be_written_says_so(tmp_path):
    with pytest.raises(AudioFileError, match="cannot be written"):
        FileOut(tmp_path / "no" / "voice.wav").open(lambda count, _: np.zeros(count, np.int16))


def test_audio_files_are_read_as_mono_at_the_wanted_rate(tmp_path):
    path = tmp_path / "stereo.wav"
    stereo = np.stack([as_pcm(tone(0.5, 44_100))] * 2, axis=1)
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 44_100, 0, "NONE", ""))
        file.writeframes(stereo.tobytes())
    samples = load_audio(path)
    assert len(samples) == pytest.approx(8_000, abs=2)
    assert np.abs(samples[200:-200] - tone(0.5)[200 : len(samples) - 200]).max() < 0.01


def test_a_file_that_is_no_audio_is_a_clear_error(tmp_path):
    path = tmp_path / "not.wav"
    path.write_bytes(b"hello")
    with pytest.raises(AudioFileError, match=r"not\.wav cannot be read as audio"):
        load_audio(path)
    with pytest.raises(AudioFileError, match="cannot be read"):
        load_audio(tmp_path / "missing.wav")


def test_a_paced_thread_survives_a_failing_tick_and_skips_what_is_too_late():
    ticks = []

    def tick(index, due):
        ticks.append(index)
        if len(ticks) == 3:
            raise RuntimeError("once")
        if len(ticks) == 5:
            time.sleep(0.1)

    thread = PacedThread("test", 0.01, tick, late_s=0.02)
    thread.start()
    time.sleep(0.4)
    thread.stop()
    assert ticks[:3] == [0, 1, 2]
    assert ticks[5] - ticks[4] >= 9
    assert ticks == sorted(set(ticks))
