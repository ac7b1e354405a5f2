import numpy as np
import pytest

from avatar_contracts import LlmSentence, Word
from avatar_edge.tape import Tape
from avatar_edge.tempo import SLOWEST, Tempo

RATE = 48_000
VOICE = 16_000


def vowel(seconds, rate=RATE, hz=120):
    t = np.arange(round(seconds * rate)) / rate
    wave = sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 15))
    return (6_000 * wave).astype(np.int16)


def taped(pcm, kept=3 * RATE):
    tape = Tape(kept)
    for start in range(0, len(pcm), 1_111):
        tape.append(pcm[start : start + 1_111])
    return tape


def slowed(pcm, pace, rate=RATE):
    tape, tempo = taped(pcm), Tempo(rate)
    blocks, clock, worst = [], 0.0, 0.0
    while (block := tempo.slow(tape, pace)) is not None:
        blocks.append(block.pcm)
        clock += block.consumed
        worst = max(worst, abs(tape.position + tempo.ahead - clock), abs(tempo.ahead))
    return np.concatenate(blocks), clock, worst


def pitch_hz(pcm, rate=RATE):
    size = 8 * len(pcm)
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)), size))[: 350 * size // rate]
    return float(np.argmax(spectrum)) * rate / size


@pytest.mark.parametrize("hz", [75, 120, 240])
@pytest.mark.parametrize("pace", [0.8, 0.9])
def test_slower_sound_is_longer_as_high_as_before_and_without_clicks(hz, pace):
    pcm = vowel(1.0, hz=hz)
    out, clock, worst = slowed(pcm, pace)
    assert len(out) == pytest.approx(len(pcm) / pace, rel=0.03)
    assert clock == pytest.approx(len(out) * pace, abs=1)
    assert worst <= 0.008 * RATE + 0.2 * 0.01 * RATE + 1
    assert pitch_hz(out) == pytest.approx(pitch_hz(pcm), rel=0.02)
    assert np.abs(np.diff(out.astype(int))).max() <= 1.2 * np.abs(np.diff(pcm.astype(int))).max()
    assert np.sqrt(np.mean(out.astype(float) ** 2)) == pytest.approx(np.sqrt(np.mean(pcm.astype(float) ** 2)), rel=0.1)


def test_at_its_own_pace_the_sound_stays_as_it_is():
    pcm = vowel(0.5)
    out, clock, _ = slowed(pcm, 1.0)
    assert np.array_equal(out, pcm[: len(out)])
    assert clock == len(out)


def test_only_silence_is_skipped():
    pcm = np.concatenate([vowel(0.1), np.zeros(RATE // 5, np.int16), vowel(0.1)])
    tape, tempo = taped(pcm), Tempo(RATE)
    assert tempo.skip(tape) is None
    tape.read(RATE // 10)
    skipped = 0
    while (block := tempo.skip(tape)) is not None:
        assert not block.pcm.any()
        skipped += 1
    assert skipped == 10
    assert tape.position == RATE // 10 + RATE // 5


def test_a_reply_that_runs_low_on_a_bad_link_is_stretched_over_a_gap_that_would_have_been_heard(device):
    def gaps(wanted_s):
        clock = device(frame_wait_s=0, target_s=lambda: wanted_s)
        clock.commit(1)
        clock.chunk(1, 0, vowel(0.5, VOICE))
        clock.run(0.54)
        clock.chunk(1, VOICE // 2, vowel(0.5, VOICE))
        clock.done(1, VOICE)
        clock.run(1.0)
        sound = clock.sound
        first, last = np.flatnonzero(sound)[[0, -1]]
        blocks = sound[first:last].reshape(-1)[: (last - first) // 80 * 80].reshape(-1, 80)
        return int((~blocks.any(axis=1)).sum()) * 5

    assert gaps(0.0) >= 30
    assert gaps(0.3) == 0


def test_the_clock_follows_a_stretched_reply_and_its_words_count_when_they_have_sounded(device):
    clock = device(frame_wait_s=0, target_s=lambda: 0.3)
    clock.playout.sentence(LlmSentence(turn=1, reply=1, sentence=0, text="one two", language="en"))
    words = (Word(0, VOICE // 4, 3), Word(VOICE // 4, VOICE // 2, 7))
    clock.commit(1)
    clock.chunk(1, 0, vowel(0.5, VOICE), words=words, last=True)
    heads, heard = [], []
    for _ in range(70):
        clock.run(0.01)
        heads.append(clock.playout.playhead(clock.now))
        heard.append(clock.playout.heard_now(clock.now)[1])
    seconds = np.array([head.seconds for head in heads if head is not None])
    steps = np.diff(seconds[: np.argmax(seconds)])
    assert seconds.max() == pytest.approx(0.5, abs=0.001)
    assert np.all(steps >= 0)
    assert steps[10:].min() == pytest.approx(SLOWEST * 0.01, abs=0.001)
    one = heard.index("one") * 0.01
    assert one == pytest.approx(
        float(np.interp(0.25, seconds[: np.argmax(seconds)], np.arange(np.argmax(seconds)) * 0.01)), abs=0.021
    )
    assert heard[-1] == "one two"
    clock.done(1, VOICE // 2)
    clock.run(0.02)
    assert clock.playout.changes(clock.now)[-1].progress.played == VOICE // 2


def test_after_it_stood_still_the_pauses_are_shortened_until_it_is_on_time_again(device):
    clock = device(frame_wait_s=0, target_s=lambda: 0.1)
    pause = np.zeros(VOICE // 4, np.int16)
    clock.commit(1)
    clock.chunk(1, 0, vowel(0.2, VOICE))
    clock.run(0.35)
    rest = np.concatenate([vowel(0.3, VOICE), pause, vowel(0.3, VOICE), pause, vowel(0.3, VOICE)])
    clock.chunk(1, VOICE // 5, rest)
    clock.done(1, VOICE // 5 + len(rest))
    clock.run(2.0)
    last = np.flatnonzero(clock.sound)[-1] / VOICE
    assert last == pytest.approx(1.6, abs=0.04)  # as if it had never stood still
    (finished,) = [change for change in clock.playout.changes(clock.now) if change.state == "finished"]
    assert finished.progress.played == VOICE // 5 + len(rest)


def test_on_a_good_link_nothing_of_it_happens(device):
    clock = device(frame_wait_s=0)
    sound = np.concatenate([vowel(0.2, VOICE), np.zeros(VOICE // 4, np.int16), vowel(0.2, VOICE)])
    clock.commit(1)
    clock.chunk(1, 0, sound[:3_200])
    clock.run(0.3)  # it runs dry for a while
    clock.chunk(1, 3_200, sound[3_200:])
    clock.done(1, len(sound))
    clock.run(1.0)
    heard = np.concatenate([clock.sound[:3_200], clock.sound[4_800:]])
    assert np.array_equal(heard[: len(sound)], sound)


def test_a_reply_held_while_it_is_stretched_goes_on_at_its_phrase(device):
    clock = device(frame_wait_s=0, target_s=lambda: 0.3)
    clock.playout.sentence(LlmSentence(turn=1, reply=1, sentence=0, text="one two", language="en"))
    clock.commit(1)
    clock.chunk(1, 0, vowel(0.6, VOICE), words=(Word(0, 4_800, 3), Word(4_800, 9_600, 7)))
    clock.run(0.5)
    clock.playout.hold(1, clock.now)
    clock.run(0.2)
    clock.chunk(1, 9_600, vowel(0.6, VOICE), words=(), last=True)
    clock.done(1, 19_200)
    clock.playout.resume(1, clock.now)
    clock.run(2.5)
    changes = clock.playout.changes(clock.now)
    assert [change.state for change in changes] == ["started", "audible", "held", "playing", "finished"]
    assert changes[3].progress.played == 0
    assert changes[-1].progress.played == 19_200
