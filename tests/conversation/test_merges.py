"""A turn that was taken to be over and was not: its words and those that follow are one turn, answered once."""

import pytest

both_languages = pytest.mark.parametrize("talk", ["en", "uk"], indirect=True)


@both_languages
async def test_going_on_before_the_answer_sounds_gives_one_merged_turn_and_one_answer(talk):
    talk.mind.first_s = 0.6
    await talk.says(talk.say.question)
    await talk.turn_ends()
    await talk.wait(0.1)
    await talk.says(talk.say.more)
    second = await talk.turn_ends(2)
    await talk.settles()
    assert talk.turns() == [talk.say.question, f"{talk.say.question} {talk.say.more}"]
    assert second.continues == 1
    assert talk.questions()[-1] == talk.turns()[-1]
    assert talk.played() == talk.made(second.turn)


@both_languages
async def test_going_on_twice_merges_all_three_parts(talk):
    talk.mind.first_s = 0.6
    await talk.says(talk.say.question)
    await talk.turn_ends(1)
    await talk.wait(0.1)
    await talk.says(talk.say.more)
    await talk.turn_ends(2)
    await talk.wait(0.1)
    await talk.says(talk.say.even_more)
    third = await talk.turn_ends(3)
    await talk.settles()
    assert talk.turns()[-1] == talk.bare(f"{talk.say.question} {talk.say.more} {talk.say.even_more}")
    assert third.continues == 1
    assert talk.cancels() == ["continued", "continued"]
    assert talk.played() == talk.made(third.turn)


async def test_going_on_three_times_still_gives_one_answer(talk):
    talk.mind.first_s = 0.6
    parts = ["I was in town", "and then I met Anna", "with her small dog", "near the old bridge"]
    for count, part in enumerate(parts, 1):
        await talk.says(part)
        last = await talk.turn_ends(count)
        await talk.wait(0.1)
    await talk.settles()
    assert talk.turns()[-1] == talk.bare(" ".join(parts))
    assert last.continues == 1
    assert talk.cancels() == ["continued"] * 3
    assert talk.played() == talk.made(last.turn)


@pytest.mark.parametrize("heard_s", [0.2, 0.8])
async def test_going_on_after_hearing_a_little_of_the_answer_merges(talk, heard_s):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=heard_s)
    onset = talk.now()
    await talk.says(talk.say.more)
    second = await talk.turn_ends(2)
    await talk.settles()
    assert talk.silent_after(onset) <= 0.2
    assert talk.turns()[-1] == talk.bare(f"{talk.say.question} {talk.say.more}")
    assert second.continues == 1
    assert talk.played(second.turn) == talk.made(second.turn)


async def test_what_was_heard_for_200_ms_is_not_remembered_as_said(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=0.05)
    await talk.says(talk.say.more)
    await talk.settles()
    assert [message.role for message in talk.mind.asked[-1]] == ["system", "user"]


async def test_what_was_heard_for_longer_is_remembered_as_said(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=0.9)
    await talk.says(talk.say.more)
    await talk.settles()
    asked = talk.mind.asked[-1]
    assert talk.bare(asked[-1].content).endswith(talk.bare(f"{talk.say.question} {talk.say.more}"))
    said = [message.content for message in asked if message.role == "assistant"]
    assert len(said) == 1
    assert talk.bare(said[0].replace("[interrupted]", "")) == talk.played(1)


async def test_going_on_with_nothing_brings_the_old_words_again(talk):
    """A long hum that turns out to hold no words: the turn that was taken back comes again as it was."""
    talk.mind.first_s = 1.0
    await talk.says(talk.say.question)
    await talk.turn_ends()
    await talk.wait(0.1)
    await talk.clatters(0.7, heard_as="")
    await talk.settles()
    assert talk.turns()[-1] == talk.say.question
    assert len(talk.turns()) <= 2
    last = talk.texts()[-1]
    assert talk.played(last.turn) == talk.made(last.turn)
    assert talk.played() == talk.made(last.turn)


async def test_a_merged_turn_shows_all_its_words_while_they_are_spoken(talk):
    talk.mind.first_s = 0.6
    await talk.says(talk.say.question)
    await talk.turn_ends()
    await talk.wait(0.1)
    talk.begins("in the city of London where my sister lives")
    await talk.until("the cancel", talk.cancels)
    await talk.wait(1.0)
    assert talk.bare(talk.stage.dialogue.captions).startswith(talk.say.question)
    await talk.settles()


async def test_an_answer_older_than_a_second_is_interrupted_and_not_merged(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=1.4)
    await talk.says(talk.say.more)
    second = await talk.turn_ends(2)
    await talk.settles()
    assert talk.cancels() == ["barge_in"]
    assert talk.turns() == [talk.say.question, talk.say.more.lower()]
    assert second.continues == 0


async def test_two_turns_with_their_answers_are_never_merged(talk):
    talk.mind.answers = {"weather": "It is fine and warm today.", "old": "I am seven years old."}
    await talk.says(talk.say.question)
    await talk.answer_sounds()
    await talk.settles()
    await talk.says(talk.say.other)
    await talk.settles()
    assert talk.turns() == [talk.say.question, talk.say.other]
    assert [turn.continues for turn in talk.texts()] == [0, 0]
    assert talk.played() == "it is fine and warm today i am seven years old"


async def test_a_hundred_part_sentence_is_merged_within_bounds(talk):
    """Somebody who always goes on just after their turn was taken: one growing turn, never a queue of answers."""
    talk.mind.first_s = 0.5
    for count in range(1, 13):
        await talk.says(f"and part {count}", word_s=0.25)
        await talk.turn_ends(count)
        await talk.wait(0.05)
    await talk.settles()
    last = talk.texts()[-1]
    assert last.continues == 1
    assert talk.turns()[-1].split().count("part") == 12
    assert talk.played() == talk.made(last.turn)
