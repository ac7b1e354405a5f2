"""Who has the floor when the person's voice meets an answer, on scripted probabilities and words."""

from __future__ import annotations

import pytest

from avatar_asr.actions import Cancel, Decode, Draft, Final, Overlap, Partial, Started, Stopped
from avatar_asr.rules import rules_of
from avatar_asr.settings import AsrSettings

S = 16_000
FRAME = 512


@pytest.fixture
def talk(script):
    """A conversation in which finals are answered: none is declined."""
    return lambda **changes: script(answers=True, **changes)


def cancels(scene):
    return [(action.turn, action.reason) for action in scene.of(Cancel)]


def slow(scene, decode_s=5.0):
    """From here on the decoder takes its time."""
    scene.decode_s = decode_s
    return scene


# --- a final is tentative until its answer is heard -------------------------------------------------------------------


@pytest.mark.parametrize("state", ["thinking", "early"])
def test_a_person_who_goes_on_holds_the_answer_within_150_ms_and_takes_the_turn_back(talk, state):
    scene = talk().reach(state)
    began = scene.at / S
    scene.voice(1.0, "and some more").silence(1.5)
    (held,) = scene.at_of(Overlap, state="hold")
    assert held - began <= 0.15
    assert scene.overlaps == [("hold", "voice")]
    assert cancels(scene) == [(1, "continued")]
    (final,) = scene.of(Final)
    assert (final.turn, final.text, final.continues) == (2, "the first words and some more", 1)
    assert final.start == round(0.5 * S / FRAME) * FRAME  # where the first part began


@pytest.mark.parametrize("state", ["thinking", "early"])
def test_voice_that_is_like_no_backchannel_takes_the_turn_back_after_0_45_s_without_a_word(talk, state):
    scene = slow(talk().reach(state), 5.0)
    began = scene.at / S
    scene.voice(0.6, "more")
    (taken,) = scene.at_of(Cancel)
    assert 0.45 <= taken - began <= 0.5


def test_one_word_takes_the_turn_back_before_that(talk):
    scene = talk(decode_s=0.03, rules=rules_of(AsrSettings(thinking_confirm_s=2.0))).reach("thinking")
    began = scene.at / S
    scene.voice(0.45, "Berlin")
    (taken,) = scene.at_of(Cancel)
    assert taken - began <= 0.4


def test_a_backchannel_while_the_answer_is_due_lets_it_begin(talk):
    scene = talk(alike=0.9).reach("thinking").voice(0.4, "mhm").silence(0.5)
    assert scene.overlaps == [("hold", "voice"), ("resume", "backchannel")]
    assert cancels(scene) == []
    assert scene.discarded == 1
    assert scene.of(Final) == []


@pytest.mark.parametrize("words", ["Men.", "Let him."])
def test_a_backchannel_misheard_as_words_is_told_by_its_sound(talk, words):
    scene = talk(alike=0.9).reach("early").voice(0.4, words).silence(0.5)
    assert scene.overlaps[-1] == ("resume", "backchannel")
    assert cancels(scene) == []


@pytest.mark.parametrize("state", ["thinking", "early", "speaking"])
def test_words_longer_than_a_backchannel_count_whatever_they_sound_like(talk, state):
    scene = talk(alike=0.9).reach(state).voice(1.1, "Let him go.").silence(0.5)
    assert [turn for turn, _ in cancels(scene)] == [1]


def test_words_of_a_backchannel_count_where_its_sound_does_not(talk):
    scene = talk(alike=0.2).reach("early").voice(0.4, "okay").silence(0.5)
    assert scene.overlaps[-1] == ("resume", "backchannel")


def test_a_voice_too_short_for_words_is_noise(talk):
    scene = talk().reach("thinking").voice(0.2).silence(0.6)
    assert scene.overlaps == [("hold", "voice"), ("resume", "noise")]
    assert [decode.purpose for decode in scene.of(Decode)] == []


def test_a_click_does_not_even_hold(talk):
    scene = talk().reach("thinking").voice(0.07).silence(0.6)
    assert scene.overlaps == []
    assert scene.discarded == 1


@pytest.mark.parametrize("text", ["", "you"])
def test_a_noise_without_words_lets_the_answer_go_on(talk, text):
    scene = talk(alike=None).reach("early").voice(0.4, text).silence(0.6)
    assert scene.overlaps == [("hold", "voice"), ("resume", "noise")]
    assert scene.of(Final) == []


def test_three_parts_become_one_turn_that_continues_the_first(talk):
    scene = talk().reach("thinking", text="one two").voice(0.8, "three four").silence(0.4).voice(0.8, "five six")
    scene.silence(1.5)
    assert [final.text for final in scene.of(Final)] == ["one two three four", "one two three four five six"]
    assert [(final.turn, final.continues) for final in scene.of(Final)] == [(2, 1), (3, 1)]
    assert cancels(scene) == [(1, "continued"), (2, "continued")]


def test_partials_and_drafts_of_a_merged_turn_carry_the_words_before(talk):
    scene = talk().reach("thinking").voice(1.5, "some more").silence(1.0)
    assert {partial.text for partial in scene.of(Partial)} == {"the first words some more"}
    (draft,) = scene.of(Draft)
    assert draft.text == scene.of(Final)[0].text
    assert (draft.turn, draft.revision) == (2, 1)


def test_the_old_words_come_again_at_once_if_nothing_was_added(talk):
    scene = talk().reach("thinking").voice(0.5, "more")
    scene.text, scene.complete = "", 0.1
    scene.silence(0.2)
    assert cancels(scene) == [(1, "continued")]
    went_quiet = scene.at / S - 0.2
    scene.silence(1.5)
    (final,) = scene.of(Final)
    assert (final.turn, final.text, final.continues) == (2, "the first words", 1)
    assert scene.at_of(Final)[0] - went_quiet <= 0.4


def test_the_old_words_come_again_if_the_microphone_starts_anew(talk):
    scene = talk().reach("thinking").voice(0.7, "more")
    scene.take(scene.turns.restart(5))
    assert [final.text for final in scene.of(Final)] == ["the first words"]


def test_a_merged_turn_is_looked_at_as_a_whole(talk):
    scene = talk(look_s=0.0).reach("thinking").voice(0.8, "some more").silence(0.5)
    final = scene.of(Final)[0]
    assert final.start < scene.of(Started)[0].at


def test_after_the_answer_is_over_the_next_words_are_a_new_turn(talk):
    scene = talk().reach("early").plays("finished").forget().voice(1.0, "another thing").silence(1.0)
    assert scene.overlaps == cancels(scene) == []
    assert [(final.text, final.continues) for final in scene.of(Final)] == [("another thing", 0)]


def test_a_declined_turn_is_not_taken_back(talk):
    scene = talk().reach("thinking")
    scene.take(scene.turns.unanswered(1))
    scene.voice(1.0, "another thing").silence(1.0)
    assert scene.overlaps == cancels(scene) == []
    assert [final.text for final in scene.of(Final)] == ["another thing"]


def test_a_turn_nobody_answers_for_ten_seconds_is_a_turn_of_its_own(talk):
    scene = talk().reach("thinking").silence(10.0).voice(1.0, "hello there").silence(1.0)
    assert [(final.text, final.continues) for final in scene.of(Final)] == [("hello there", 0)]


def test_playback_that_begins_during_the_onset_is_held_like_a_due_answer(talk):
    scene = talk().reach("thinking").voice(0.07)
    scene.plays("started").voice(0.8, "and more").silence(1.0)
    assert scene.overlaps == [("hold", "voice")]
    assert cancels(scene) == [(1, "continued")]


# --- barge-in ---------------------------------------------------------------------------------------------------------


def test_one_frame_of_voice_ducks_an_answer_that_sounds(talk):
    assert len(talk().reach("speaking").frames(1, 0.6).of(Started)) == 1
    assert len(talk().reach("speaking").frames(1, 0.4).of(Started)) == 0
    assert len(talk().reach("thinking").frames(1, 0.8).of(Started)) == 0


def test_an_interruption_is_held_at_0_4_s_and_confirmed_by_two_words(talk):
    scene = talk(decode_s=0.1).reach("speaking")
    began = scene.at / S
    scene.voice(1.2, "hold my beer").silence(1.0)
    assert 0.3 <= scene.at_of(Decode)[0] - began <= 0.35
    assert 0.4 <= scene.at_of(Overlap, state="hold")[0] - began <= 0.45 if scene.overlaps else True
    assert scene.at_of(Cancel)[0] - began <= 0.5
    assert cancels(scene) == [(1, "barge_in")]
    (final,) = scene.of(Final)
    assert (final.turn, final.text, final.continues) == (2, "hold my beer", 0)


def test_a_slow_decoder_does_not_keep_voice_from_holding_and_confirming(talk):
    scene = slow(talk().reach("speaking"), 3.0)
    began = scene.at / S
    scene.voice(1.2, "hold my beer")
    assert 0.4 <= scene.at_of(Overlap, state="hold")[0] - began <= 0.45
    assert 0.9 <= scene.at_of(Cancel)[0] - began <= 0.95


@pytest.mark.parametrize("word", ["Wait.", "Stop!"])
def test_one_word_of_the_interrupt_list_is_enough(talk, word):
    scene = talk(alike=0.7).reach("speaking").voice(0.4, word).silence(0.6)
    assert cancels(scene) == [(1, "barge_in")]
    assert [final.text for final in scene.of(Final)] == [word]


@pytest.mark.parametrize("words", ["mhm", "yeah okay", "Men.", "Let him."])
def test_a_backchannel_neither_holds_nor_stops_an_answer(talk, words):
    scene = talk(alike=0.9).reach("speaking").voice(0.5, words).silence(0.6)
    assert scene.overlaps == [("resume", "backchannel")]
    assert cancels(scene) == []
    assert scene.discarded == 1
    assert scene.of(Partial) == scene.of(Draft) == scene.of(Final) == []


@pytest.mark.parametrize(("text", "why"), [("", "noise"), ("you", "noise"), ("mhm", "backchannel")])
def test_what_a_decode_says_keeps_voice_alone_from_confirming(talk, text, why):
    scene = talk(alike=0.1).reach("speaking").voice(1.2, text).silence(0.6)
    assert cancels(scene) == []
    assert scene.overlaps[-1] == ("resume", why)


def test_a_single_word_of_0_7_s_confirms_once_the_voice_has_ended(talk):
    scene = talk().reach("speaking").voice(0.75, "Berlin")
    assert cancels(scene) == []
    scene.silence(0.4)
    assert cancels(scene) == [(1, "barge_in")]


def test_a_short_single_word_is_not_confirmed(talk):
    scene = talk().reach("speaking").voice(0.4, "Berlin").silence(1.0)
    assert cancels(scene) == []
    assert scene.overlaps[-1] == ("resume", "unconfirmed")


def test_what_is_not_confirmed_within_two_seconds_lets_the_answer_go_on(talk):
    scene = slow(talk(alike=None).reach("speaking"))
    began = scene.at / S
    scene.voice(3.0)
    assert scene.overlaps == [("resume", "unconfirmed")]
    assert 2.0 <= scene.at_of(Overlap)[0] - began <= 2.05
    assert [type(action) for action in scene.actions if isinstance(action, Started | Stopped)] == [Started, Stopped]


def test_voice_that_was_dropped_opens_a_turn_again_after_a_short_quiet_or_the_answer(talk):
    scene = slow(talk(alike=None).reach("speaking")).voice(2.5).forget().voice(2.0)
    assert scene.actions == []
    scene.silence(0.3).voice(0.1)
    assert len(scene.of(Started)) == 1
    other = slow(talk(alike=None).reach("speaking")).voice(2.5).forget().plays("finished").voice(0.1)
    assert len(other.of(Started)) == 1


@pytest.mark.parametrize("words", [None, "we are leaving at seven"])
def test_faint_side_talk_neither_holds_nor_confirms(talk, words):
    scene = talk().reach("speaking")
    if words is None:
        slow(scene)
    scene.level_db -= 16
    scene.voice(1.5, words or "").silence(1.0)
    assert scene.overlaps == [("resume", "unconfirmed")]
    assert cancels(scene) == []


def test_two_little_words_in_a_short_voice_are_not_enough(talk):
    scene = talk().reach("speaking").voice(0.6, "In them,").silence(1.0)
    assert cancels(scene) == []
    assert scene.overlaps[-1] == ("resume", "unconfirmed")
    assert cancels(talk().reach("speaking").voice(1.0, "is it you").silence(0.3)) == [(1, "barge_in")]


def test_one_interrupt_word_in_what_is_surely_a_hum_was_misheard(talk):
    scene = talk(alike=0.9).reach("speaking").voice(0.4, "Oh, but.").silence(0.5)
    assert cancels(scene) == []
    assert scene.overlaps == [("resume", "backchannel")]


def test_the_first_words_of_a_call_are_never_faint(talk):
    scene = talk()
    scene.take(scene.turns.typed()[1])
    scene.reply = 1
    scene.plays("started").silence(1.5).forget()
    scene.level_db = -60
    scene.voice(1.2, "hold my beer").silence(0.5)
    assert cancels(scene) == [(1, "barge_in")]


def test_an_answer_that_ends_while_it_is_undecided_leaves_an_ordinary_turn(talk):
    scene = talk(alike=0.9).reach("speaking").voice(0.3, "okay").plays("finished").silence(1.0)
    assert scene.overlaps == cancels(scene) == []
    assert [final.text for final in scene.of(Final)] == ["okay"]


def test_an_answer_that_ends_while_it_is_held_is_released(talk):
    scene = slow(talk().reach("speaking"), 3.0).voice(0.5, "well then").plays("finished").silence(8.0)
    assert [state for state, _ in scene.overlaps] == ["hold", "resume"]
    assert [final.text for final in scene.of(Final)] == ["well then"]


def test_a_cancelled_answer_stays_cancelled_whatever_still_arrives(talk):
    scene = talk().reach("speaking").voice(1.0, "hold my beer").plays("playing")
    scene.take(scene.turns.committed(1, 1, interruptible=True))
    scene.take(scene.turns.unanswered(1))
    scene.voice(0.5).silence(0.4).voice(1.0, "and more").silence(1.0)
    assert cancels(scene) == [(1, "barge_in"), (2, "continued")]


def test_another_reply_to_the_same_turn_is_early_again(talk):
    scene = talk().reach("speaking")
    scene.take(scene.turns.unanswered(1))
    scene.reply = 2
    scene.take(scene.turns.committed(1, 2, interruptible=True))
    scene.plays("started").silence(0.2).voice(1.0, "and some more").silence(1.0)
    assert cancels(scene) == [(1, "continued")]


def test_an_answer_of_a_worker_before_is_learnt_from_its_playback(talk):
    scene = talk(first_turn=9)
    scene.reply = 7
    scene.plays("playing", turn=9).silence(0.2).voice(1.0, "hold my beer").silence(1.0)
    assert cancels(scene) == [(9, "barge_in")]
    assert [final.turn for final in scene.of(Final)] == [10]


# --- what must not be interrupted, what cannot be trusted ----------------------------------------------------------


def test_a_fixed_line_is_neither_held_nor_cancelled_and_the_speech_is_a_turn(talk):
    scene = talk().reach("speaking")
    scene.take(scene.turns.committed(1, 1, interruptible=False))
    scene.voice(1.5, "but I want to say").silence(1.0)
    assert scene.overlaps == cancels(scene) == []
    assert [final.turn for final in scene.of(Final)] == [2]


def test_an_answer_found_to_be_a_fixed_line_while_held_is_released(talk):
    scene = talk().reach("thinking").voice(0.2)
    scene.take(scene.turns.committed(1, 1, interruptible=False))
    assert [state for state, _ in scene.overlaps] == ["hold", "resume"]


@pytest.mark.parametrize("state", ["early", "speaking"])
def test_guarded_voice_counts_by_two_words_only(talk, state):
    scene = talk(decode_s=0.1).reach(state)
    scene.guard = True
    scene.voice(0.45, "stop").silence(0.1)
    assert scene.overlaps == cancels(scene) == []
    other = talk(decode_s=0.1).reach(state)
    other.guard = True
    other.voice(0.8, "no thanks").silence(0.1)
    assert [turn for turn, _ in cancels(other)] == [1]
    assert other.overlaps == []


def test_the_guard_ends_nothing_but_the_trust_and_unconfirmed_voice_is_listened_to_again(talk):
    scene = talk(text="").reach("speaking", text="the first words")
    scene.guard = True
    scene.voice(4.5, "")
    assert len(scene.of(Started)) >= 2
    assert cancels(scene) == []


@pytest.mark.parametrize("state", ["early", "speaking"])
@pytest.mark.parametrize("guard", [False, True])
def test_the_clones_own_words_are_an_echo_and_no_turn(talk, state, guard):
    scene = talk(alike=None, decode_s=0.05)
    scene.turns.saying(1, 0, "Well, it all began in Kyiv.")
    scene.reach(state)
    scene.guard = guard
    scene.voice(0.9, "it all began").silence(1.0)
    assert cancels(scene) == []
    assert scene.of(Final) == scene.of(Draft) == []
    assert [state for state, _ in scene.overlaps][-1:] in (["resume"], [])
    assert scene.discarded == 1


@pytest.mark.parametrize("state", ["early", "speaking"])
def test_the_first_word_of_an_echo_does_not_confirm_before_the_rest_is_heard(talk, state):
    scene = talk(decode_s=0.05)
    scene.turns.saying(1, 0, "Well, it all began in Kyiv.")
    scene.reach(state).voice(0.4, "Began").voice(0.8, "began in Kyiv").silence(1.0)
    assert cancels(scene) == []
    assert scene.overlaps[-1] == ("resume", "echo")


def test_a_repeated_word_right_after_the_answer_is_the_persons(talk):
    scene = talk()
    scene.turns.saying(1, 0, "Is it Tuesday or Wednesday?")
    scene.reach("speaking").plays("finished").silence(0.3).voice(0.5, "Wednesday").silence(1.0)
    assert [final.text for final in scene.of(Final)] == ["Wednesday"]


# --- typed lines, stop, modes --------------------------------------------------------------------------------------


def test_a_typed_line_during_an_overlap_takes_the_held_answer_with_it(talk):
    scene = talk().reach("thinking").voice(0.2, "and some")
    number, actions = scene.turns.typed()
    scene.take(actions)
    scene.voice(0.5).silence(1.0)
    assert number == 3
    assert cancels(scene) == [(1, "barge_in")]
    assert [(final.turn, final.text, final.continues) for final in scene.of(Final)] == [(4, "and some", 0)]


def test_a_typed_line_is_answered_and_never_merged(talk):
    scene = talk()
    _, actions = scene.turns.typed()
    scene.take(actions)
    scene.voice(1.0, "something else").silence(1.0)
    assert scene.overlaps == cancels(scene) == []
    assert [(final.turn, final.text, final.continues) for final in scene.of(Final)] == [(2, "something else", 0)]


def test_a_merged_turn_keeps_its_words_through_a_typed_line(talk):
    scene = talk().reach("thinking").voice(0.7, "and some more")
    _, actions = scene.turns.typed()
    scene.take(actions)
    scene.silence(1.0)
    assert [(f.turn, f.text, f.continues) for f in scene.of(Final)] == [(4, "the first words and some more", 1)]


@pytest.mark.parametrize("state", ["thinking", "early", "speaking"])
def test_stop_cancels_the_answer_in_every_state_once(talk, state):
    scene = talk().reach(state)
    scene.take(scene.turns.stop())
    scene.take(scene.turns.stop())
    assert cancels(scene) == [(1, "stop")]


def test_stop_during_an_overlap_ends_it_and_the_speech_goes_on(talk):
    scene = talk().reach("early").voice(0.3, "hello")
    scene.take(scene.turns.stop())
    scene.voice(0.4).silence(1.0)
    assert cancels(scene) == [(1, "stop")]
    assert [(final.text, final.continues) for final in scene.of(Final)] == [("hello", 0)]


def test_stop_reaches_the_answer_to_a_turn_of_a_worker_before(talk):
    scene = talk(first_turn=5)
    scene.take(scene.turns.stop())
    assert cancels(scene) == [(5, "stop")]


def test_in_repeat_mode_voice_meets_nothing_and_each_turn_stands_alone(talk):
    scene = talk()
    scene.take(scene.turns.configure(scene.rules, "repeat", speculate=True))
    scene.reach("early").voice(1.0, "and some more").silence(1.0)
    assert scene.overlaps == cancels(scene) == scene.of(Draft) == []
    assert [(final.text, final.continues) for final in scene.of(Final)] == [("and some more", 0)]
    scene.take(scene.turns.stop())
    assert cancels(scene) == [(1, "stop"), (2, "stop")]


def test_in_typed_mode_the_microphone_is_ignored(talk):
    scene = talk().reach("speaking")
    scene.take(scene.turns.configure(scene.rules, "typed", speculate=True))
    scene.voice(2.0).silence(1.5)
    assert scene.actions == []
    assert scene.turns.typed()[0] == 2
    scene.take(scene.turns.configure(scene.rules, "converse", speculate=True))
    scene.take(scene.turns.unanswered(1))
    scene.take(scene.turns.unanswered(2))
    scene.voice(1.0, "again").silence(1.0)
    assert [final.text for final in scene.of(Final)] == ["again"]


@pytest.mark.parametrize("mode", ["typed", "repeat"])
def test_a_change_of_mode_during_an_overlap_releases_the_answer(talk, mode):
    scene = talk().reach("thinking").voice(0.2, "more")
    scene.take(scene.turns.configure(scene.rules, mode, speculate=True))
    assert [state for state, _ in scene.overlaps] == ["hold", "resume"]
    scene.silence(1.0)
    assert scene.turns.idle


def test_words_taken_back_are_not_lost_when_the_microphone_is_turned_off(talk):
    scene = talk().reach("thinking").voice(0.7, "more")
    scene.take(scene.turns.configure(scene.rules, "typed", speculate=True))
    assert [final.text for final in scene.of(Final)] == ["the first words"]


# --- speech that does not end --------------------------------------------------------------------------------------


def test_an_answer_that_comes_very_late_does_not_begin_into_the_next_words(talk):
    scene = talk().reach("thinking").silence(10.0).voice(1.0, "hello there").plays("started").silence(1.0)
    assert cancels(scene) == [(1, "barge_in")]
    assert [(final.text, final.continues) for final in scene.of(Final)] == [("hello there", 0)]


def test_the_answer_to_a_turn_that_was_split_does_not_talk_over_the_person(talk):
    scene = talk(rules=rules_of(AsrSettings(turn_cap_s=16.0, segment_s=8.0))).voice(50.0, "so then")
    assert {reason for _, reason in cancels(scene)} == {"barge_in"}
    assert [turn for turn, _ in cancels(scene)] == [final.turn for final in scene.of(Final)]
    assert len(scene.of(Final)) >= 2
