"""Every microphone frame is checked at the door."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_asr.frames import Door, Flaw
from avatar_contracts import MicFrame

TONE = (8_000 * np.sin(np.arange(320) * 0.2)).astype("<i2").tobytes()


def frame(start: int, pcm: bytes = TONE, rate: int = 16_000) -> MicFrame:
    return MicFrame(rate=rate, start=start, pcm=pcm)


def test_good_frames_pass_as_floats_within_one():
    door = Door()
    heard = [door.take(frame(k * 320)) for k in range(10)]
    assert all(h.flaws == () for h in heard)
    assert heard[0].restart_at == 0
    assert heard[1].restart_at is None
    assert heard[3].samples.dtype == np.float32
    assert np.allclose(heard[3].samples, np.frombuffer(TONE, "<i2") / 32_768)


def test_the_first_frame_may_start_anywhere():
    assert Door().take(frame(123_456_789)).restart_at == 123_456_789


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_a_wrong_rate_is_refused(rate):
    heard = Door().take(frame(0, rate=rate))
    assert heard.flaws == (Flaw.RATE,)
    assert len(heard.samples) == 0


@pytest.mark.parametrize("size", [0, 1, 639, 641, 642, 640 * 51, 64_000])
def test_a_wrong_length_is_refused(size):
    heard = Door().take(frame(0, pcm=bytes(size)))
    assert heard.flaws == (Flaw.LENGTH,)
    assert len(heard.samples) == 0


def test_several_frames_may_come_as_one():
    heard = Door().take(frame(0, pcm=TONE * 50))
    assert heard.flaws == ()
    assert len(heard.samples) == 16_000


def test_a_gap_is_filled_with_silence():
    door = Door()
    door.take(frame(0))
    heard = door.take(frame(320 * 4))
    assert heard.flaws == (Flaw.GAP,)
    assert len(heard.samples) == 320 * 4
    assert not heard.samples[: 320 * 3].any()


def test_a_gap_of_more_than_two_seconds_starts_the_stream_anew():
    door = Door()
    door.take(frame(0))
    heard = door.take(frame(320 + 32_320))
    assert heard.flaws == (Flaw.GAP,)
    assert heard.restart_at == 32_640
    assert len(heard.samples) == 320


def test_a_frame_that_comes_twice_is_heard_once():
    door = Door()
    door.take(frame(0))
    heard = door.take(frame(0))
    assert heard.flaws == (Flaw.STALE,)
    assert len(heard.samples) == 0


def test_of_an_overlapping_frame_only_the_new_end_is_heard():
    door = Door()
    door.take(frame(0))
    assert len(door.take(frame(160)).samples) == 160
    assert door.take(frame(480)).flaws == ()


def test_a_microphone_that_counts_from_zero_again_is_followed_after_half_a_second():
    door = Door()
    for k in range(100):
        door.take(frame(k * 320))
    heard = [door.take(frame(k * 320)) for k in range(30)]
    restarts = [h.restart_at for h in heard if h.restart_at is not None]
    assert restarts == [24 * 320]
    assert heard[-1].flaws == ()


def test_an_overdriven_microphone_is_heard_and_reported():
    loud = np.full(320, 32_767, dtype="<i2").tobytes()
    heard = Door().take(frame(0, pcm=loud))
    assert heard.flaws == (Flaw.CLIPPED,)
    assert len(heard.samples) == 320
    assert abs(heard.samples).max() <= 1.0


def test_a_flaw_is_news_once_until_it_was_gone_for_a_second():
    door = Door()
    bad = [door.take(frame(k * 320, rate=48_000)) for k in range(20)]
    assert [h.fresh for h in bad] == [(Flaw.RATE,)] + [()] * 19
    at = 0
    for at in range(60):
        door.take(frame(at * 320))
    assert door.take(frame(at * 320, rate=48_000)).fresh == (Flaw.RATE,)


@given(
    st.lists(
        st.tuples(st.integers(0, 2**53 - 1) | st.integers(0, 9_600), st.sampled_from([0, 1, 640, 1280, 64_000])),
        max_size=60,
    )
)
def test_whatever_comes_the_sound_stays_continuous_and_bounded(frames):
    door = Door()
    position = None
    for start, size in frames:
        heard = door.take(frame(start, pcm=bytes(size)))
        assert len(heard.samples) <= 3 * 16_000
        if heard.restart_at is not None:
            position = heard.restart_at
        if position is None:
            assert len(heard.samples) == 0
        else:
            position += len(heard.samples)
            assert position == door._next
