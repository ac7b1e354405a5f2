import asyncio

import numpy as np

from avatar_contracts import MicFrame
from avatar_edge import LAPTOP, FileMic, MicBlock, RoomMic
from avatar_edge.aec import MicCleaner
from avatar_edge.listening import MicPublisher
from avatar_runtime.testing.sessions import serving


def syllables(seconds, rate):
    """Noise that comes and goes four times a second, as loud as a voice."""
    times = np.arange(round(seconds * rate)) / rate
    wave = np.random.default_rng(2).normal(0.0, 0.15, len(times)) * np.maximum(0.0, np.sin(2 * np.pi * 4 * times))
    return (np.clip(wave, -1, 1) * 32_767).astype(np.int16)


class Talker:
    """What the loudspeaker plays from `begins_s` on, told to the publisher as the player does."""

    def __init__(self, publisher, sound, begins_s=0.2):
        self.publisher = publisher
        self.sound = sound
        self.began_at = None
        self.begins_s = begins_s

    def __call__(self, count, plays_at):
        self.began_at = self.began_at or plays_at
        place = round((plays_at - self.began_at - self.begins_s) * 48_000)
        pcm = np.zeros(count, np.int16)
        if 0 <= place < len(self.sound) - count:
            pcm = self.sound[place : place + count]
        self.publisher.played(pcm, plays_at)
        return pcm


def publisher_of(mic, cleaner, record=None):
    def make(session):
        publisher = MicPublisher(session, mic, record)
        publisher.cleaner = cleaner
        return Listening(publisher)

    return make


class Listening:
    def __init__(self, publisher):
        self.publisher = publisher

    async def close(self):
        await asyncio.to_thread(self.publisher.close)


def pcm_of(frames):
    return np.concatenate([np.frombuffer(frame.pcm, np.int16) for frame in frames]).astype(float)


async def test_the_ears_get_the_microphone_without_the_clone_and_are_guarded_until_then():
    mic = RoomMic(LAPTOP)
    recorded = []
    cleaner = await asyncio.to_thread(MicCleaner, mic.speaker.rate)
    make = publisher_of(mic, cleaner, lambda pcm, rate, at: recorded.append((pcm, rate, at)))
    async with serving("edge", make) as (worker, peer):
        mic.speaker.open(Talker(worker.publisher, syllables(5.0, 48_000)))
        await worker.publisher.start()
        await peer.wait_for(MicFrame, count=200, timeout_s=15.0)
        await worker.close()
        mic.speaker.close()
        frames = peer.heard(MicFrame)
    assert [frame.start for frame in frames] == list(range(0, 320 * len(frames), 320))
    guards = np.array([frame.guard for frame in frames])
    assert guards[20:50].all()
    assert not guards[150:].any()
    cleaned = pcm_of(frames[150:200])
    played = mic.speaker.samples()[48_000 * 3 : 48_000 * 4].astype(float)
    echo_db = 20 * np.log10(np.std(played)) + LAPTOP.level_db - 10 * np.log10(3)
    assert 20 * np.log10(np.std(cleaned)) < echo_db - 15.0
    assert np.array_equal(np.concatenate([pcm for pcm, _, _ in recorded])[: 200 * 320], pcm_of(frames[:200]))
    assert recorded[100][2] - recorded[0][2] > 1.9


async def test_without_a_cleaner_the_microphone_is_sent_as_it_is():
    mic = FileMic()
    said = syllables(0.3, 16_000)
    utterance = mic.cue(said)
    async with serving("edge", publisher_of(mic, None)) as (worker, peer):
        await worker.publisher.start()
        await peer.wait_for(MicFrame, count=20)
        assert worker.publisher.voiced_end(utterance.voiced_end + 50, 400) == mic.time_of(utterance.voiced_end)
        frames = peer.heard(MicFrame)
    assert not any(frame.guard for frame in frames)
    assert np.array_equal(pcm_of(frames[:15]), said)


async def test_times_of_the_cleaned_microphone_are_those_of_its_capture():
    mic = FileMic()
    utterance = mic.cue(syllables(0.3, 16_000))
    cleaner = await asyncio.to_thread(MicCleaner, 48_000, echo=False, noise_suppression=True)
    async with serving("edge", publisher_of(mic, cleaner)) as (worker, peer):
        await worker.publisher.start()
        await peer.wait_for(MicFrame, count=20)
        heard = utterance.voiced_end + cleaner.lag
        assert worker.publisher.voiced_end(heard, 10) == mic.time_of(utterance.voiced_end)
        unknown = worker.publisher.voiced_end(heard + 1_600, 10)
        assert abs(unknown - mic.time_of(utterance.voiced_end + 1_600)) < 1e-6


class Refusing(MicCleaner):
    """A cleaner whose library refuses the third frame."""

    def clean(self, block: MicBlock):
        if block.start == 640:
            raise RuntimeError("bad frame")
        return super().clean(block)


async def test_a_frame_that_cannot_be_cleaned_is_sent_as_it_is_and_guarded():
    mic = FileMic()
    said = syllables(0.3, 16_000)
    mic.cue(said)
    cleaner = await asyncio.to_thread(Refusing, 48_000)
    async with serving("edge", publisher_of(mic, cleaner)) as (worker, peer):
        await worker.publisher.start()
        await peer.wait_for(MicFrame, count=10)
        frames = peer.heard(MicFrame)
        assert worker.publisher.guarded(640)
        assert not worker.publisher.guarded(960)
    assert [frame.guard for frame in frames[:5]] == [False, False, True, False, False]
    assert np.array_equal(pcm_of(frames[2:3]), said[640:960])
    assert [frame.start for frame in frames[:10]] == list(range(0, 3_200, 320))
