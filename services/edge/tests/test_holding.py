"""Ducked, held, gone on with: exact samples."""

import numpy as np
import pytest

from avatar_contracts import LlmSentence, Word

RATE = 16_000
LEVEL = 10_000
TEXT = "One two three, four five six seven eight nine ten, eleven twelve."
WORD = 6_400
"""Every word takes 0.4 s."""


def ramp(start=0, count=12 * WORD):
    """Samples that tell their place: a saw that repeats every 4,000, well above any fade."""
    return (np.arange(start, start + count) % 4_000 + 8_000).astype(np.int16)


def words():
    ends = [offset for offset, char in enumerate(TEXT) if char in " ."]
    return tuple(Word(number * WORD, (number + 1) * WORD, end) for number, end in enumerate(ends))


@pytest.fixture
def talk(device):
    """One reply of twelve words in three phrases, begun `seconds` ago."""

    def make(seconds, *, timed=True, latency_s=0.0, **options):
        clock = device(frame_wait_s=0, latency_s=latency_s)
        clock.playout.sentence(LlmSentence(turn=1, reply=1, sentence=0, text=TEXT, language="en"))
        clock.chunk(1, 0, ramp(), words=words() if timed else (), last=True)
        clock.done(1, 12 * WORD)
        clock.commit(1, **options)
        clock.run(seconds)
        return clock

    return make


def constant(device, **options):
    clock = device(frame_wait_s=0)
    clock.chunk(1, 0, np.full(3 * RATE, LEVEL))
    clock.commit(1, **options)
    clock.run(0.2)
    clock.heard.clear()
    return clock


# --- ducking ---------------------------------------------------------------------------------------------------


def test_ducking_goes_down_18_db_in_25_ms_and_comes_back_in_60_ms(device):
    clock = constant(device)
    assert clock.playout.duck(clock.now)
    sound = clock.run(0.1).sound
    down = np.rint(LEVEL * (1 - (1 - 10 ** (-18 / 20)) * np.arange(400) / 400))
    assert np.array_equal(sound[:400], down)
    assert (sound[400:] == round(LEVEL * 10 ** (-18 / 20))).all()
    clock.heard.clear()
    clock.playout.unduck(clock.now)
    sound = clock.run(0.1).sound
    assert np.all(np.diff(sound[:960].astype(int)) > 0)
    assert (sound[960:] == LEVEL).all()


def test_ducking_twice_or_on_the_way_back_never_jumps(device):
    clock = constant(device)
    for action in ("duck", "duck", "unduck", "duck", "unduck"):
        getattr(clock.playout, action)(clock.now)
        clock.run(0.01)
    steps = np.abs(np.diff(clock.run(0.1).sound.astype(int)))
    assert steps.max() <= LEVEL / 400 + 1
    assert clock.sound[-1] == LEVEL


def test_only_what_sounds_is_ducked_and_the_next_reply_is_not(device):
    clock = device(frame_wait_s=0)
    assert not clock.playout.duck(clock.now)
    clock.chunk(1, 0, np.full(800, LEVEL))
    clock.done(1, 800)
    clock.commit(1)
    clock.chunk(2, 0, np.full(800, LEVEL), turn=2)
    clock.commit(2, turn=2)
    clock.run(0.01)
    assert clock.playout.duck(clock.now)
    clock.run(0.09)
    assert clock.sound[700] < LEVEL / 5
    assert (clock.sound[800:1_600] == LEVEL).all()


def test_a_fixed_line_is_neither_ducked_nor_held_but_stopped(device):
    clock = constant(device, interruptible=False)
    assert not clock.playout.duck(clock.now)
    clock.playout.hold(1, clock.now)
    assert (clock.run(0.2).sound == LEVEL).all()
    clock.playout.cancel_turn(1, "stop", clock.now)
    clock.heard.clear()
    assert not clock.run(0.1).sound[160:].any()


# --- holding ---------------------------------------------------------------------------------------------------


def test_a_hold_fades_out_in_10_ms_and_says_how_far_it_was_heard(talk):
    clock = talk(1.5)
    before = len(clock.sound)
    clock.playout.hold(1, clock.now)
    tail = clock.run(0.3).sound[before:]
    assert np.array_equal(tail[:160], np.rint(ramp(before, 160) * (1 - np.arange(160) / 160)))
    assert not tail[160:].any()
    held = clock.playout.changes(clock.now)[-1]
    assert (held.state, held.progress.state, held.progress.played) == ("held", "held", before + 160)
    assert held.at == pytest.approx(1.51)
    assert held.text == "One two three,"
    assert clock.playout.held
    assert clock.playout.playhead(clock.now) is None
    later = clock.playout.progress(clock.now)
    assert (later.state, later.played) == ("held", before + 160)


@pytest.mark.parametrize(
    ("held_at", "again_at"),
    [
        (0.3, 0.0),  # it has hardly begun: from the beginning of the phrase
        (1.1, 0.0),
        (1.5, 1.2),  # the phrase began 0.3 s ago
        (2.1, 1.2),
        (2.5, 2.4),  # the phrase began 1.3 s ago: from the beginning of the word
        (3.9, 3.6),
        (4.3, 4.0),  # the last phrase
    ],
)
def test_it_goes_on_at_the_start_of_the_phrase_or_of_the_word_that_was_cut(talk, held_at, again_at):
    clock = talk(held_at)
    clock.playout.hold(1, clock.now)
    clock.run(0.5)
    clock.playout.resume(1, clock.now)
    before = len(clock.sound)
    sound = clock.run(6.0).sound[before:]
    start = round(again_at * RATE)
    whole = ramp()[start:]
    assert np.array_equal(sound[:160], np.rint(whole[:160] * np.arange(160) / 160))
    assert np.array_equal(sound[160 : len(whole)], whole[160:])
    assert not sound[len(whole) :].any()
    changes = clock.playout.changes(clock.now)
    assert [change.state for change in changes] == ["started", "audible", "held", "playing", "finished"]
    assert changes[3].progress.played == start
    assert changes[3].at == pytest.approx(held_at + 0.5)
    assert changes[4].progress.played == 12 * WORD
    assert changes[4].text == TEXT


def test_between_two_phrases_it_goes_on_where_it_was(device):
    clock = device(frame_wait_s=0)
    clock.playout.sentence(LlmSentence(turn=1, reply=1, sentence=0, text="Well, so what?", language="en"))
    timed = (Word(0, 24_000, 5), Word(32_000, 36_000, 8), Word(36_000, 40_000, 14))
    clock.chunk(1, 0, ramp(0, 40_000), words=timed, last=True)
    clock.commit(1)
    clock.run(1.7)
    clock.playout.hold(1, clock.now)
    clock.run(0.1)
    clock.playout.resume(1, clock.now)
    clock.run(0.01)
    assert clock.playout.changes(clock.now)[-1].progress.played == 27_200 + 160


def test_without_word_times_it_goes_on_near_the_start_of_the_word(talk):
    clock = talk(2.5, timed=False)
    clock.playout.hold(1, clock.now)
    clock.run(0.1)
    clock.playout.resume(1, clock.now)
    clock.run(0.01)
    again = clock.playout.changes(clock.now)[-1].progress.played
    assert 0 < 2.51 * RATE - again < 1.0 * RATE


def test_what_was_heard_before_the_hold_stays_heard_though_the_clock_goes_back(talk):
    clock = talk(2.1)
    clock.playout.hold(1, clock.now)
    clock.run(0.1)
    clock.playout.resume(1, clock.now)
    clock.run(0.1)
    again = clock.playout.progress(clock.now)
    assert again.played == pytest.approx(1.3 * RATE, abs=2)
    assert TEXT[: again.chars] == "One two three, four five"
    clock.playout.cancel_turn(1, "barge_in", clock.now)
    clock.run(0.1)
    stopped = clock.playout.changes(clock.now)[-1]
    assert (stopped.state, stopped.text) == ("stopped", "One two three, four five")


def test_the_playhead_follows_the_sound_back(talk):
    clock = talk(2.1, latency_s=0.1)
    assert clock.playout.playhead(clock.now).seconds == pytest.approx(2.0)
    clock.playout.hold(1, clock.now)
    clock.run(0.5)
    clock.playout.resume(1, clock.now)
    clock.run(0.3)
    assert clock.playout.playhead(clock.now).seconds == pytest.approx(1.2 + 0.2)
    assert clock.playout.progress(clock.now).played == pytest.approx(1.4 * RATE, abs=2)


def test_a_held_reply_at_another_rate_goes_back_to_the_same_place(device):
    clock = device(rate=48_000, frame_wait_s=0)
    clock.playout.sentence(LlmSentence(turn=1, reply=1, sentence=0, text="one two", language="en"))
    tone = 10_000 * np.sin(np.arange(2 * 22_050) * 2 * np.pi * 200 / 22_050)
    timed = (Word(0, 33_075, 3), Word(33_075, 44_100, 7))
    clock.chunk(1, 0, tone, rate=22_050, words=timed, last=True)
    clock.done(1, 44_100)
    clock.commit(1)
    clock.run(1.7)
    clock.playout.hold(1, clock.now)
    clock.run(0.2)
    clock.playout.resume(1, clock.now)
    before = len(clock.sound)
    again = clock.run(0.4).sound[before:]
    assert clock.playout.changes(clock.now)[-1].progress.played == pytest.approx(33_075, abs=1)
    whole = 10_000 * np.sin(np.arange(72_000, 72_000 + len(again)) * 2 * np.pi * 200 / 48_000)
    assert np.abs(again[480:] - whole[480:]).max() < 60


def test_a_reply_that_had_not_begun_waits_and_then_begins_at_once(device):
    clock = device()
    clock.playout.hold(1, clock.now)
    clock.chunk(1, 0, ramp())
    clock.commit(1)
    clock.playout.frame(1)
    assert not clock.run(0.5).sound.any()
    assert clock.states() == []
    assert not clock.playout.busy
    clock.playout.resume(1, clock.now)
    assert np.array_equal(clock.run(0.05).sound[-800:], ramp(0, 800))


def test_holding_one_turn_holds_no_other(device):
    clock = device(frame_wait_s=0)
    clock.playout.hold(1, clock.now)
    clock.chunk(2, 0, ramp(), turn=2)
    clock.commit(2, turn=2)
    assert clock.run(0.1).sound[:160].all()


def test_a_cancelled_hold_is_over_at_once_where_it_fell_silent(talk):
    clock = talk(1.5)
    clock.playout.hold(1, clock.now)
    clock.run(0.5)
    before = len(clock.sound)
    clock.playout.cancel_turn(1, "barge_in", clock.now)
    stopped = clock.playout.changes(clock.now)[-1]
    assert (stopped.state, stopped.why, stopped.progress.played) == ("stopped", "barge_in", 24_000 + 160)
    assert stopped.at == clock.now
    clock.playout.resume(1, clock.now)
    assert not clock.run(0.5).sound[before:].any()
    assert not clock.playout.busy


def test_a_cancel_while_ducked_is_silent_after_10_ms(talk):
    clock = talk(1.5)
    clock.playout.duck(clock.now)
    clock.run(0.1)
    clock.playout.unduck(clock.now)
    clock.playout.cancel(1, "barge_in", clock.now)
    clock.playout.unduck(clock.now)
    before = len(clock.sound)
    tail = clock.run(0.2).sound[before:]
    assert tail[:160].max() < 2_000
    assert not tail[160:].any()


def test_a_cancel_while_it_fades_for_a_hold_is_silent_within_the_same_10_ms(talk):
    clock = talk(1.5)
    before = len(clock.sound)
    clock.playout.hold(1, clock.now)
    clock.playout.cancel(1, "barge_in", clock.now)
    assert not clock.run(0.1).sound[before + 160 :].any()
    assert [change.state for change in clock.playout.changes(clock.now)][-1] == "stopped"


def test_a_hold_taken_back_before_it_is_silent_goes_on_without_a_click(talk):
    clock = talk(1.5)
    clock.playout.hold(1, clock.now)
    clock.playout.resume(1, clock.now)
    clock.run(0.1)
    assert clock.states()[-2:] == ["held", "playing"]
    clock.run(6)
    assert clock.states() == ["finished"]


def test_what_runs_dry_while_held_is_not_given_up(device):
    clock = device(frame_wait_s=0, starve_s=0.3)
    clock.chunk(1, 0, ramp(0, 1_600))
    clock.commit(1)
    clock.run(0.15)
    clock.playout.hold(1, clock.now)
    clock.run(1.0)
    clock.chunk(1, 1_600, ramp(1_600, 1_600))
    clock.done(1, 3_200)
    clock.playout.resume(1, clock.now)
    clock.run(0.5)
    assert clock.states() == ["started", "audible", "held", "playing", "finished"]


def test_holding_again_and_again_loses_and_doubles_no_phrase(talk):
    clock = talk(1.5)
    for _ in range(5):
        clock.playout.hold(1, clock.now)
        clock.run(0.2)
        clock.playout.resume(1, clock.now)
        clock.run(0.2)
    clock.run(6)
    changes = clock.playout.changes(clock.now)
    assert [change.progress.played for change in changes if change.state == "playing"] == [round(1.2 * RATE)] * 5
    assert (changes[-1].state, changes[-1].progress.played) == ("finished", 12 * WORD)


# --- commits and cancels ---------------------------------------------------------------------------------------


def test_a_committed_draft_plays_at_once_from_what_is_there(device):
    clock = device(frame_wait_s=0.04)
    clock.chunk(1, 0, ramp())
    clock.playout.frame(1)
    assert not clock.run(0.5).sound.any()
    clock.commit(1)
    assert np.array_equal(clock.run(0.01).sound[-160:], ramp(0, 160))


def test_a_wrong_draft_says_nothing_about_the_replies_before_and_after_it(device):
    clock = device(frame_wait_s=0)
    clock.chunk(1, 0, ramp(0, 3_200))
    clock.commit(1)
    clock.run(0.05)
    clock.chunk(2, 0, ramp(), turn=2)
    clock.chunk(3, 0, ramp(), turn=2)
    assert not clock.playout.cancel(2, "draft", clock.now)
    assert not clock.chunk(2, 100, ramp(), turn=2)
    assert not clock.commit(2, turn=2)
    clock.chunk(1, 3_200, ramp(3_200, 1_600))
    clock.done(1, 4_800)
    clock.run(0.3)
    assert np.array_equal(clock.sound[:4_800], ramp(0, 4_800))
    assert clock.commit(3, turn=2)
    assert np.array_equal(clock.run(0.05).sound[-800:], ramp(0, 800))


def test_no_reply_to_a_cancelled_turn_is_ever_heard_however_late_it_comes(device):
    clock = device(frame_wait_s=0)
    assert not clock.playout.cancel_turn(1, "continued", clock.now)
    assert not clock.commit(1)
    assert not clock.chunk(1, 0, ramp())
    assert not clock.run(0.2).sound.any()
    assert clock.states() == []


def test_silence_asked_for_is_of_every_turn_until_then(device):
    clock = device(frame_wait_s=0)
    for turn in (1, 2, 3):
        clock.chunk(turn, 0, ramp(0, 3_200), turn=turn)
        clock.commit(turn, turn=turn)
    clock.run(0.05)
    clock.playout.cancel_upto(2, "stop", clock.now)
    clock.run(0.05)
    changes = clock.playout.changes(clock.now)
    assert {change.progress.reply for change in changes if change.state == "stopped"} == {1, 2}
    assert clock.playout.busy


def test_a_new_mind_does_not_take_a_fixed_line_back(device):
    clock = device(frame_wait_s=0)
    clock.chunk(1, 0, ramp(0, 1_600))
    clock.done(1, 1_600)
    clock.commit(1, interruptible=False)
    clock.run(0.02)
    clock.chunk(20, 0, ramp(0, 1_600), turn=2)
    clock.commit(20, turn=2)
    clock.playout.supersede(20, clock.now)
    clock.run(0.3)
    assert np.array_equal(clock.sound[:3_200], np.tile(ramp(0, 1_600), 2))


def test_events_of_an_old_reply_push_nobody_out(device):
    clock = device(frame_wait_s=0)
    clock.playout.cancel(1, "draft", clock.now)
    for reply in range(2, 10):
        clock.chunk(reply, 0, ramp(0, 1_600), turn=reply)
    clock.chunk(1, 0, ramp())
    clock.commit(2, turn=2)
    assert clock.run(0.02).sound.any()
