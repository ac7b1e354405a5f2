from __future__ import annotations

import numpy as np
import pytest

from avatar_contracts import TtsChunk
from avatar_face import lipsync
from avatar_face.idle import Idle
from avatar_face.timeline import Timeline

FPS = 25


@pytest.fixture(scope="module")
def spoken(reading, face):
    """Six seconds of a person's reading as the face shows it, streamed in chunks, with its sound."""
    pcm, rate = reading
    pcm = pcm[: 6 * rate]
    timeline = Timeline(Idle(4), FPS, 0.0)
    shots, step = [], int(0.4 * rate)
    for at in range(0, len(pcm), step):
        piece = pcm[at : at + step].tobytes()
        timeline.chunk(TtsChunk(turn=1, reply=1, sentence=0, rate=rate, start=at, pcm=piece), 0.0)
    timeline.done(1, len(pcm))
    for tick in range(int(6.2 * 100)):
        now = tick / 100
        timeline.progress(1, "playing", now, now)
        while (shot := timeline.shot(now)) is not None:
            if shot.reply:
                shots.append(shot)
    frames = [face.render(shot.mouth, shot.pose) for shot in shots]
    return frames, pcm / 32768.0, rate, [shot.mouth.jaw for shot in shots]


def test_lips_in_the_picture_follow_real_speech_within_60_ms(spoken):
    frames, audio, rate, _ = spoken
    found = lipsync.measure(frames, FPS, audio, rate)
    assert abs(found.lag_ms) <= 60
    assert found.correlation > 0.5
    assert np.isfinite(found.openness).mean() > 0.98


def test_injected_leads_are_read_back(spoken):
    _, audio, rate, jaw = spoken
    base, _ = lipsync.lag(np.array(jaw), FPS, audio, rate)
    for frames in (-3, -1, 1, 2, 5):
        late = np.roll(jaw, frames)
        late[:frames] = jaw[0] if frames > 0 else late[:frames]
        found, _ = lipsync.lag(late, FPS, audio, rate)
        assert found - base == pytest.approx(frames * 40, abs=20)


def test_a_still_mouth_cannot_be_measured():
    with pytest.raises(ValueError, match="never seen to move"):
        lipsync.lag(np.zeros(50), FPS, np.random.default_rng(1).normal(0, 0.1, 32_000), 16_000)
