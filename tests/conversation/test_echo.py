"""The clone's own voice in the microphone: never a turn, and no reason to stop."""

import pytest

from avatar_contracts import TurnText

both_languages = pytest.mark.parametrize("talk", ["en", "uk"], indirect=True)


async def echo_of(talk, *, from_word=0, words=6, at=None, level_db=-28.0):
    """What the clone says just now comes back into the microphone."""
    answer = talk.made(1).split()[from_word : from_word + words]
    talk._settled = False
    start = round((talk.now() if at is None else at) * 16_000)
    sound = talk.stage.room.speak(start, " ".join(answer), word_s=0.25, level_db=level_db, kind="echo")
    await talk.until_sample(sound.end)
    return sound


@both_languages
async def test_the_clones_own_words_while_it_speaks_are_no_turn(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    await echo_of(talk, from_word=8)
    await talk.settles()
    assert talk.turns() == [talk.say.question]
    assert talk.cancels() == []
    assert talk.everything_was_heard(1)


@both_languages
async def test_the_clones_own_words_in_its_first_moments_are_no_turn(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=0.3)
    await echo_of(talk, words=5)
    await talk.settles()
    assert talk.turns() == [talk.say.question]
    assert talk.everything_was_heard(1)


async def test_the_tail_of_an_answer_in_the_microphone_is_no_turn(talk):
    """A long way through room and cable: the last words come back when the answer has just ended."""
    talk.mind.answers = {"weather": "Well I can tell you that it is fine and warm today."}
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=1.6)
    await echo_of(talk, from_word=6, words=6)
    await talk.settles()
    assert talk.turns() == [talk.say.question]


async def test_echo_all_the_time_never_stops_the_clone(talk):
    talk.stage.room.guard = True
    await talk.says(talk.say.question)
    await talk.answer_sounds()
    await talk.wait(0.15)
    await echo_of(talk, words=36)
    await talk.settles()
    assert talk.turns() == [talk.say.question]
    assert talk.cancels() == []
    assert talk.played() == talk.made(1)


async def test_while_echo_may_be_left_voice_neither_ducks_nor_holds(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=0.4)
    talk.stage.room.guard = True
    await talk.clatters(0.9, heard_as="")
    await talk.settles()
    assert talk.overlaps() == []
    assert all(each.level > 0.95 for each in talk.stretches())
    assert talk.played() == talk.made(1)


@both_languages
async def test_while_echo_may_be_left_words_still_interrupt(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    talk.stage.room.guard = True
    onset = talk.now()
    await talk.says(talk.say.interruption)
    await talk.settles()
    assert talk.cancels() == ["barge_in"]
    assert talk.turns() == [talk.say.question, talk.say.interruption]
    assert talk.silent_after(onset) <= 1.2


async def test_an_interruption_over_the_echo_of_the_clone_is_heard(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    onset = talk.now()
    talk.stage.room.speak(round(onset * 16_000), "town by the sea", word_s=0.25, level_db=-35.0, kind="echo")
    await talk.says(talk.say.interruption)
    await talk.settles()
    assert talk.cancels() == ["barge_in"]
    assert talk.wire.of(TurnText)[-1].text.endswith(talk.say.interruption)
