import numpy as np
import pytest

from avatar_contracts import LlmSentence, TtsChunk, Word
from avatar_edge.playout import Playout

RATE = 16_000


def loud(count, value=1_000):
    return np.full(count, value, np.int16)


def test_a_reply_sounds_once_committed_and_its_first_picture_has_come(device):
    clock = device()
    clock.chunk(1, 0, loud(1_600))
    clock.run(0.1)
    assert not clock.sound.any()
    clock.commit(1)
    clock.playout.frame(1)
    clock.done(1, 1_600)
    clock.run(0.2)
    assert np.count_nonzero(clock.sound) == 1_600
    assert np.flatnonzero(clock.sound)[0] == 1_600
    assert clock.states() == ["started", "audible", "finished"]


def test_without_a_picture_it_waits_40_ms_and_no_longer(device):
    clock = device(frame_wait_s=0.04)
    clock.commit(1)
    clock.run(0.1)
    clock.chunk(1, 0, loud(1_600))
    clock.run(0.1)
    assert abs(np.flatnonzero(clock.sound)[0] / RATE - 0.14) < 0.011


def test_a_jittery_bus_makes_it_wait_for_more_sound_but_not_for_a_whole_reply(device):
    clock = device(frame_wait_s=0, target_s=lambda: 0.15)
    clock.commit(1)
    clock.chunk(1, 0, loud(800))
    clock.run(0.05)
    assert not clock.sound.any()
    clock.chunk(1, 800, loud(1_600))
    clock.run(0.05)
    assert clock.sound.any()
    short = device(frame_wait_s=0, target_s=lambda: 0.15)
    short.commit(1)
    short.chunk(1, 0, loud(800))
    short.done(1, 800)
    assert short.run(0.05).sound.any()


def test_running_dry_is_silence_during_which_the_clock_stands_still(device):
    clock = device(frame_wait_s=0)
    clock.commit(1)
    clock.chunk(1, 0, loud(800))
    clock.run(0.2)
    head = clock.playout.playhead(clock.now)
    assert head is not None
    assert head.sounding
    assert head.seconds == pytest.approx(0.05)
    clock.chunk(1, 800, loud(800))
    clock.done(1, 1_600)
    clock.run(0.2)
    changes = clock.playout.changes(clock.now)
    assert np.count_nonzero(clock.sound) == 1_600
    assert changes[-1].state == "finished"
    assert changes[-1].underruns == 1
    assert changes[-1].progress.played == 1_600


def test_a_hole_is_silence_of_its_length_and_the_clock_goes_on(device):
    clock = device(frame_wait_s=0)
    clock.commit(1)
    clock.chunk(1, 0, loud(800))
    clock.chunk(1, 1_600, loud(800))
    clock.done(1, 2_400)
    clock.run(0.3)
    assert np.array_equal(clock.sound[:2_400] != 0, np.r_[np.ones(800), np.zeros(800), np.ones(800)].astype(bool))
    assert clock.states()[-1] == "finished"


def test_a_stop_fades_out_within_20_ms_and_counts_the_words_heard(device):
    clock = device(frame_wait_s=0)
    clock.playout.sentence(LlmSentence(turn=1, reply=1, sentence=0, text="one two three", language="en"))
    words = (Word(0, 1_600, 3), Word(1_600, 3_200, 7), Word(3_200, 4_800, 13))
    clock.chunk(1, 0, loud(4_800, 8_000), words=words, last=True)
    clock.commit(1)
    clock.run(0.15)
    stopped_at = len(clock.sound)
    clock.playout.cancel(1, "barge_in", clock.now)
    clock.run(0.2)
    tail = clock.sound[stopped_at:]
    assert np.all(np.diff(tail[:160]) <= 0)
    assert tail[0] > 7_000
    assert not tail[160:].any()
    last = clock.playout.changes(clock.now)[-1]
    assert (last.state, last.why, last.text) == ("stopped", "barge_in", "one")
    assert (last.progress.played, last.progress.sentence, last.progress.chars) == (2_560, 0, 3)
    assert clock.playout.playhead(clock.now) is None


def test_a_reply_cancelled_before_it_began_is_never_heard_and_reported_with_nothing_played(device):
    clock = device(frame_wait_s=0)
    clock.commit(1)
    clock.playout.cancel_turn(1, "stop", clock.now)
    clock.chunk(1, 0, loud(1_600))
    clock.run(0.1)
    assert not clock.sound.any()
    (change,) = clock.playout.changes(clock.now)
    assert (change.state, change.progress.played) == ("stopped", 0)


def test_two_committed_replies_follow_on_without_a_gap(device):
    clock = device(frame_wait_s=0)
    for reply in (1, 2):
        clock.commit(reply, turn=reply)
        clock.chunk(reply, 0, loud(1_000, reply * 1_000), turn=reply)
        clock.done(reply, 1_000, turn=reply)
    clock.run(0.2)
    assert np.array_equal(clock.sound[:2_000], np.r_[loud(1_000, 1_000), loud(1_000, 2_000)])


def test_a_committed_reply_without_any_sound_does_not_hold_up_the_next_one(device):
    clock = device(frame_wait_s=0)
    clock.commit(1, turn=1)
    clock.commit(2, turn=2)
    clock.chunk(2, 0, loud(500), turn=2)
    clock.run(0.1)
    assert clock.sound.any()
    assert clock.states() == ["stopped", "started", "audible"]


def test_any_number_of_committed_replies_without_sound_does_not_make_it_mute(device):
    clock = device(frame_wait_s=0)
    for reply in range(1, 21):
        clock.commit(reply, turn=reply)
    clock.chunk(20, 0, loud(500), turn=20)
    clock.run(0.1)
    assert clock.sound.any()
    assert clock.states() == ["stopped"] * 19 + ["started", "audible"]


def test_a_reply_that_is_given_up_by_its_voice_ends_after_the_set_time(device):
    clock = device(frame_wait_s=0, starve_s=0.5)
    clock.commit(1)
    clock.chunk(1, 0, loud(800))
    clock.run(1.0)
    last = clock.playout.changes(clock.now)[-1]
    assert last.state == "stopped"
    assert last.progress.played == 800
    assert 0.5 < last.at < 0.6


def test_a_reply_nothing_could_be_spoken_of_is_finished_at_once(device):
    clock = device()
    clock.commit(1)
    clock.done(1, 0)
    assert clock.states() == ["finished"]


def test_only_what_is_not_all_there_is_broken_off_and_what_had_not_begun_without_a_word(device):
    clock = device(frame_wait_s=0)
    for reply in (1, 2, 3):
        clock.commit(reply, turn=reply)
        clock.chunk(reply, 0, loud(1_600), turn=reply)
    clock.done(1, 1_600)
    clock.run(0.05)
    assert clock.playout.break_off("the mind died", clock.now, spare={3}) == []
    clock.done(3, 1_600, turn=3)
    clock.run(0.3)
    assert clock.states() == ["started", "audible", "finished"] * 2
    clock.commit(4, turn=4)
    clock.chunk(4, 0, loud(1_600), turn=4)
    clock.run(0.05)
    assert clock.playout.break_off("the voice died", clock.now) == [4]
    clock.run(0.1)
    assert clock.states() == ["started", "audible", "stopped"]


def test_the_playhead_is_what_has_sounded_not_what_was_handed_over(device):
    clock = device(frame_wait_s=0, latency_s=0.1)
    clock.commit(1)
    clock.chunk(1, 0, loud(8_000))
    clock.run(0.08)
    assert clock.playout.playhead(clock.now) is None
    clock.run(0.12)
    assert clock.playout.playhead(clock.now).seconds == pytest.approx(0.1)
    assert clock.playout.progress(clock.now).played == 1_600


def test_the_clock_runs_on_a_little_after_the_end_for_the_closing_mouth(device):
    clock = device(frame_wait_s=0)
    clock.commit(1)
    clock.chunk(1, 0, loud(1_600))
    clock.done(1, 1_600)
    clock.run(0.3)
    head = clock.playout.playhead(clock.now)
    assert head.seconds == pytest.approx(0.3)
    assert not head.sounding
    assert clock.playout.playhead(clock.now + 1.0) is None


@pytest.mark.parametrize("voice_rate", [22_050, 24_000, 44_100])
def test_resampling_keeps_the_length_the_pitch_and_the_clock(device, voice_rate):
    clock = device(rate=48_000, frame_wait_s=0)
    clock.commit(1)
    tone = 10_000 * np.sin(np.arange(voice_rate) * 2 * np.pi * 440 / voice_rate)
    for start in range(0, voice_rate, 5_000):
        clock.chunk(1, start, tone[start : start + 5_000], rate=voice_rate)
    clock.done(1, voice_rate)
    clock.run(0.5)
    assert clock.playout.playhead(clock.now).seconds == pytest.approx(0.5, abs=0.001)
    clock.run(0.7)
    expected = 10_000 * np.sin(np.arange(48_000) * 2 * np.pi * 440 / 48_000)
    assert np.abs(clock.sound[500:47_500] - expected[500:47_500]).max() < 60
    assert not clock.sound[48_002:].any()
    assert clock.playout.changes(clock.now)[-1].progress.played == voice_rate


def test_a_chunk_of_another_time_is_not_believed(device):
    clock = device(frame_wait_s=0)
    clock.commit(1)
    clock.chunk(1, 0, loud(800))
    clock.chunk(1, 60 * RATE, loud(800))
    clock.chunk(1, 800, loud(800))
    clock.done(1, 1_600)
    clock.run(0.3)
    assert np.count_nonzero(clock.sound) == 1_600
    assert clock.states()[-1] == "finished"


def test_a_voice_that_runs_far_ahead_is_cut_and_fills_no_memory():
    playout = Playout(RATE)
    second = loud(RATE).tobytes()
    taken = [
        playout.chunk(TtsChunk(turn=1, reply=1, sentence=0, rate=RATE, start=at * RATE, pcm=second), 0.0)
        for at in range(200)
    ]
    assert taken == [True] * 121 + [False] * 79
