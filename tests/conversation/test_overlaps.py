"""Interruption, backchannel, side talk, noise: while the clone is silent, thinks, has just begun, speaks or holds."""

import pytest

from avatar_contracts import SpeechStopped

YIELD_S = 0.2
"""From the onset of a voice over a young answer to silence: 120 ms of voice, whole frames, a fade."""
DUCKED_S = 0.12
HELD_S = 0.6
"""From the onset of an interruption to silence."""

both_languages = pytest.mark.parametrize("talk", ["en", "uk"], indirect=True)
pytestmark = both_languages


# --- while the clone is silent -------------------------------------------------------------------------------------


async def test_an_interruption_of_nothing_is_a_turn_like_any_other(talk):
    await talk.says(talk.say.interruption)
    await talk.answer_sounds()
    await talk.settles()
    assert talk.turns() == [talk.say.interruption]
    assert talk.cancels() == []


async def test_a_hum_into_silence_makes_no_more_than_one_turn(talk):
    await talk.hums()
    await talk.settles()
    assert len(talk.turns()) <= 1
    assert talk.cancels() == []


async def test_a_noise_in_silence_is_no_turn(talk):
    await talk.clatters(0.4, heard_as=talk.say.invented)
    await talk.settles()
    assert talk.turns() == []
    assert talk.played() == ""


async def test_a_short_clatter_in_silence_is_not_even_asked_about(talk):
    await talk.clatters(0.3, voiced=0.2)
    await talk.settles()
    assert talk.turns() == []
    assert talk.questions() == []


# --- while the clone thinks ----------------------------------------------------------------------------------------


async def test_words_while_the_clone_thinks_belong_to_the_same_turn(talk):
    talk.mind.first_s = 1.0
    await talk.says(talk.say.question)
    first = await talk.turn_ends()
    await talk.wait(0.2)
    await talk.says(talk.say.interruption)
    second = await talk.turn_ends(2)
    await talk.settles()
    assert talk.cancels() == ["continued"]
    assert talk.turns() == [talk.say.question, f"{talk.say.question} {talk.say.interruption}"]
    assert second.continues == first.turn
    assert talk.played(first.turn) == ""
    assert talk.played(second.turn) == talk.made(second.turn)


async def test_a_hum_while_the_clone_thinks_leaves_the_answer_whole(talk):
    talk.mind.first_s = 0.8
    await talk.says(talk.say.question)
    turn = await talk.turn_ends()
    await talk.wait(0.1)
    await talk.hums()
    await talk.settles()
    assert talk.turns() == [talk.say.question]
    assert talk.cancels() == []
    assert talk.played() == talk.made(turn.turn)


async def test_a_noise_while_the_clone_thinks_leaves_the_answer_whole(talk):
    talk.mind.first_s = 0.8
    await talk.says(talk.say.question)
    turn = await talk.turn_ends()
    await talk.wait(0.1)
    await talk.clatters(0.3, heard_as=talk.say.invented)
    await talk.settles()
    assert talk.turns() == [talk.say.question]
    assert talk.cancels() == []
    assert talk.played() == talk.made(turn.turn)


async def test_nothing_begins_to_sound_while_a_hum_is_undecided(talk):
    talk.mind.first_s = 0.25
    await talk.says(talk.say.question)
    await talk.turn_ends()
    hum = talk.stage.room.hum(round((talk.now() + 0.05) * 16_000), 0.35, talk.say.mhm)
    await talk.settles()
    first = talk.stretches()[0]
    assert first.start >= hum.end / 16_000
    assert talk.turns() == [talk.say.question]


async def test_side_talk_while_the_clone_thinks_costs_no_answer(talk):
    talk.mind.first_s = 0.8
    await talk.says(talk.say.question)
    turn = await talk.turn_ends()
    await talk.wait(0.1)
    await talk.mumbles_aside()
    await talk.settles()
    assert talk.turns() == [talk.say.question]
    assert talk.played() == talk.made(turn.turn)


# --- in the first moments of an answer -----------------------------------------------------------------------------


async def test_words_in_the_first_moments_of_an_answer_continue_the_turn(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=0.5)
    onset = talk.now()
    await talk.says(talk.say.more)
    second = await talk.turn_ends(2)
    await talk.settles()
    assert talk.silent_after(onset) <= YIELD_S
    assert talk.cancels() == ["continued"]
    assert talk.turns()[-1] == f"{talk.say.question} {talk.say.more}"
    assert talk.played(second.turn) == talk.made(second.turn)


async def test_a_hum_in_the_first_moments_of_an_answer_lets_it_begin_again(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=0.5)
    onset = talk.now()
    await talk.hums()
    await talk.settles()
    assert talk.silent_after(onset, for_s=0.15) <= YIELD_S
    assert talk.overlaps()[0] == "hold voice"
    assert talk.overlaps()[-1].startswith("resume")
    assert talk.cancels() == []
    again = [each for each in talk.stretches() if each.start > onset + YIELD_S]
    assert (again[0].word.index, again[0].word.utterance) == (0, 1)
    assert talk.everything_was_heard(1)


async def test_a_noise_in_the_first_moments_of_an_answer_lets_it_go_on(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=0.5)
    await talk.clatters(0.3, heard_as=talk.say.invented)
    await talk.settles()
    assert talk.cancels() == []
    assert talk.turns() == [talk.say.question]
    assert talk.everything_was_heard(1)


async def test_side_talk_in_the_first_moments_of_an_answer_lets_it_go_on(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=0.5)
    await talk.mumbles_aside()
    await talk.settles()
    assert talk.cancels() == []
    assert talk.turns() == [talk.say.question]
    assert talk.everything_was_heard(1)


# --- while the clone speaks ----------------------------------------------------------------------------------------


async def test_an_interruption_ducks_then_silences_and_is_the_next_turn(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    onset = talk.now()
    await talk.says(talk.say.interruption)
    second = await talk.turn_ends(2)
    await talk.settles()
    assert talk.quieter_after(onset) <= DUCKED_S
    assert talk.silent_after(onset) <= HELD_S
    assert talk.cancels() == ["barge_in"]
    assert talk.turns() == [talk.say.question, talk.say.interruption]
    assert second.continues == 0
    assert talk.played(second.turn) == talk.made(second.turn)


async def test_an_objection_without_a_stop_word_interrupts_by_its_words(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    onset = talk.now()
    await talk.says(talk.say.objection)
    await talk.settles()
    assert talk.silent_after(onset) <= HELD_S
    assert talk.cancels() == ["barge_in"]
    assert talk.turns() == [talk.say.question, talk.say.objection]


async def test_the_next_answer_knows_what_was_heard_of_the_interrupted_one(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    await talk.says(talk.say.interruption)
    await talk.settles()
    asked = talk.mind.asked[-1]
    assert [message.role for message in asked] == ["system", "user", "assistant", "user"]
    assert asked[2].content.rstrip().endswith("[interrupted]")
    assert talk.bare(asked[2].content.replace("[interrupted]", "")) == talk.played(1)
    assert "[interrupted]" in asked[0].content


async def test_a_hum_never_stops_the_clone(talk):
    await talk.says(talk.say.question)
    turn = await talk.turn_ends()
    await talk.answer_sounds(for_s=2.5)
    onset = talk.now()
    await talk.hums()
    await talk.settles()
    assert talk.quieter_after(onset) <= DUCKED_S
    assert talk.silent_after(onset) > 3.0
    assert "hold voice" not in talk.overlaps()
    assert talk.cancels() == []
    assert talk.turns() == [talk.say.question]
    assert talk.played() == talk.made(turn.turn)


async def test_a_spoken_yes_never_stops_the_clone(talk):
    await talk.says(talk.say.question)
    turn = await talk.turn_ends()
    await talk.answer_sounds(for_s=2.5)
    await talk.says(talk.say.yes)
    await talk.settles()
    assert talk.cancels() == []
    assert talk.turns() == [talk.say.question]
    assert talk.played() == talk.made(turn.turn)


async def test_seven_hums_in_a_row_do_not_stop_the_clone_either(talk):
    await talk.says(talk.say.question)
    turn = await talk.turn_ends()
    await talk.answer_sounds(for_s=1.5)
    for _ in range(7):
        await talk.hums(0.3)
        await talk.wait(0.6)
    await talk.settles()
    assert talk.cancels() == []
    assert talk.turns() == [talk.say.question]
    assert talk.played() == talk.made(turn.turn)


async def test_after_a_hum_the_clone_is_as_loud_as_before(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    hum = await talk.hums()
    await talk.until("the hum is discarded", lambda: talk.wire.of(SpeechStopped, lambda event: event.discarded))
    await talk.wait(0.1)
    discarded = talk.now()
    await talk.settles()
    assert discarded - hum.end / 16_000 < 1.0
    assert all(each.level > 0.95 for each in talk.stretches() if each.start > discarded)


async def test_a_noise_while_the_clone_speaks_does_not_stop_it_for_good(talk):
    await talk.says(talk.say.question)
    await talk.turn_ends()
    await talk.answer_sounds(for_s=2.5)
    await talk.clatters(0.7, heard_as=talk.say.invented)
    await talk.settles()
    assert talk.cancels() == []
    assert talk.turns() == [talk.say.question]
    assert talk.everything_was_heard(1)


async def test_side_talk_does_not_take_the_floor_by_its_length(talk):
    await talk.says(talk.say.question)
    await talk.turn_ends()
    await talk.answer_sounds(for_s=2.5)
    await talk.mumbles_aside()
    await talk.settles()
    assert talk.cancels() == []
    assert talk.turns() == [talk.say.question]
    assert talk.everything_was_heard(1)


async def test_side_talk_does_not_take_the_floor_by_its_words_either(talk):
    await talk.says(talk.say.question)
    await talk.turn_ends()
    await talk.answer_sounds(for_s=2.5)
    await talk.says(talk.say.side, level_db=-45.0)
    await talk.settles()
    assert talk.cancels() == []
    assert talk.turns() == [talk.say.question]
    assert talk.everything_was_heard(1)


async def test_a_door_that_slams_is_no_voice_and_changes_nothing(talk):
    await talk.says(talk.say.question)
    turn = await talk.turn_ends()
    await talk.answer_sounds(for_s=2.5)
    await talk.clatters(0.3, voiced=0.2)
    await talk.settles()
    assert all(each.level > 0.95 for each in talk.stretches())
    assert talk.played() == talk.made(turn.turn)


# --- while an answer is held ---------------------------------------------------------------------------------------


async def held(talk):
    """The clone spoke, and holds its answer because of a noise that was mistaken for a word."""
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    await talk.holds(0.45)


async def test_an_interruption_while_an_answer_is_held_ends_it(talk):
    await held(talk)
    await talk.wait(0.15)
    await talk.says(talk.say.interruption)
    await talk.settles()
    assert talk.cancels() == ["barge_in"]
    assert talk.turns()[0] == talk.say.question
    assert talk.turns()[1].endswith(talk.say.interruption)
    assert len(talk.turns()) == 2


async def test_a_held_answer_goes_on_where_a_word_began(talk):
    await held(talk)
    silent = talk.now()
    await talk.settles()
    assert talk.cancels() == []
    assert talk.overlaps()[-1].startswith("resume")
    after = [each for each in talk.stretches() if each.start > silent + 0.05]
    before = [each for each in talk.stretches() if each.start <= silent]
    assert after[0].share > 0.97, "it goes on in the middle of a word"
    assert (after[0].word.utterance, after[0].word.index) <= (before[-1].word.utterance, before[-1].word.index + 1)
    assert talk.everything_was_heard(1)


async def test_a_hum_while_an_answer_is_held_lets_it_go_on(talk):
    await held(talk)
    await talk.wait(0.15)
    await talk.hums(0.25, heard_as=talk.say.yes)
    await talk.settles()
    assert talk.cancels() == []
    assert talk.turns() == [talk.say.question]
    assert talk.everything_was_heard(1)


async def test_a_noise_while_an_answer_is_held_lets_it_go_on(talk):
    await held(talk)
    await talk.wait(0.15)
    await talk.clatters(0.25, heard_as=talk.say.invented)
    await talk.settles()
    assert talk.cancels() == []
    assert talk.turns() == [talk.say.question]
    assert talk.everything_was_heard(1)


async def test_side_talk_while_an_answer_is_held_lets_it_go_on(talk):
    await held(talk)
    await talk.wait(0.15)
    await talk.mumbles_aside(word_s=0.06)
    await talk.settles()
    assert talk.cancels() == []
    assert talk.turns() == [talk.say.question]
    assert talk.everything_was_heard(1)


async def test_an_answer_is_never_held_longer_than_two_seconds(talk):
    """The recogniser hangs, so nobody ever learns what the voice said."""
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    talk.stage.pace.hangs = True
    onset = talk.now()
    await talk.says(talk.say.word, word_s=0.5)
    await talk.until("it holds", lambda: "hold voice" in talk.overlaps())
    await talk.settles()
    silent_from = onset + talk.silent_after(onset)
    again = [each.start for each in talk.stretches() if each.start > silent_from]
    assert again[0] - onset <= 2.3
    assert talk.everything_was_heard(1)
