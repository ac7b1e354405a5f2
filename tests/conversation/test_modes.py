"""Typed lines, repeating, drafts for approval, the address gate, fixed lines, the stop key, languages."""

import pytest

from avatar_contracts import ReplyDeclined, TurnTyped

SHORT = {"weather": "It is fine and warm today.", "old": "I am seven years old.", "line": "This answers your line."}
DISCLOSURE = "You are talking to an artificial voice and this call may be recorded for training."

both_languages = pytest.mark.parametrize("talk", ["en", "uk"], indirect=True)


# --- typed lines ---------------------------------------------------------------------------------------------------


@both_languages
async def test_a_typed_line_into_silence_is_answered(talk):
    await talk.types(talk.say.question)
    await talk.settles()
    assert talk.turns() == [talk.say.question]
    assert talk.played() == talk.made(1)


async def test_a_line_typed_while_the_clone_thinks_is_answered_instead(talk):
    talk.mind.first_s = 1.0
    await talk.says(talk.say.question)
    await talk.turn_ends()
    await talk.wait(0.2)
    await talk.types("here is a line")
    await talk.settles()
    assert talk.turns() == [talk.say.question, "here is a line"]
    assert talk.played() == talk.made(2)


async def test_a_line_typed_while_the_clone_speaks_replaces_its_answer(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    await talk.types("here is a line")
    at = talk.now()
    await talk.settles()
    assert talk.turns()[-1] == "here is a line"
    assert talk.played(2) == talk.made(2)
    assert not [each for each in talk.stretches() if each.turn == 1 and each.start > at + 1.0]


async def test_a_line_typed_while_the_person_speaks_leaves_their_words_to_a_turn_of_their_own(talk):
    talk.mind.answers = SHORT
    sound = talk.begins("this is what I am saying about the weather")
    await talk.wait(1.0)
    await talk.types("here is a line")
    await talk.until_sample(sound.end)
    await talk.settles()
    assert talk.turns() == ["here is a line", "this is what i am saying about the weather"]


async def test_a_line_typed_while_an_answer_is_held_is_answered(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    await talk.holds()
    await talk.types("here is a line")
    await talk.settles()
    assert talk.turns()[-1] == "here is a line"
    last = talk.texts()[-1]
    assert talk.played(last.turn) == talk.made(last.turn)


async def test_a_draft_is_dropped_when_a_line_is_typed(talk):
    talk.mind.answers = SHORT
    talk.begins(talk.say.question, over=0.1)
    await talk.draft_begins()
    await talk.types("here is a line")
    await talk.settles()
    assert set(talk.turns()) == {talk.say.question, "here is a line"}
    assert len(talk.turns()) == 2


async def test_in_typed_mode_the_microphone_is_ignored(begin):
    talk = await begin(mode="typed")
    await talk.says(talk.say.question)
    await talk.settles()
    assert talk.turns() == []
    await talk.types(talk.say.other)
    await talk.answer_sounds(for_s=2.0)
    await talk.says(talk.say.interruption)
    await talk.settles()
    assert talk.turns() == [talk.say.other]
    assert talk.cancels() == []
    assert talk.played() == talk.made(1)


async def test_a_line_sent_twice_is_answered_once(talk):
    talk.wire.double(TurnTyped, after=0.4)
    await talk.types(talk.say.question)
    await talk.settles()
    assert len(talk.turns()) == 1
    assert talk.played() == talk.made(1)


# --- repeat --------------------------------------------------------------------------------------------------------


@both_languages
async def test_in_repeat_mode_the_clone_speaks_the_words_themselves(talk):
    await talk.switches(mode="repeat")
    await talk.says(talk.say.question)
    await talk.settles()
    assert talk.played() == talk.say.question
    assert talk.questions() == []


async def test_in_repeat_mode_the_next_reply_waits_for_the_one_before(begin):
    talk = await begin(mode="repeat")
    await talk.says("one two three four five six seven eight nine ten", word_s=0.2)
    await talk.turn_ends(1)
    await talk.says("red green blue", word_s=0.3)
    await talk.turn_ends(2)
    await talk.says("sun moon stars", word_s=0.3)
    await talk.settles()
    assert talk.played() == "one two three four five six seven eight nine ten red green blue sun moon stars"
    assert talk.cancels() == []
    assert all(each.level > 0.95 for each in talk.stretches())


async def test_a_verbatim_line_is_spoken_as_it_is_in_every_mode(begin):
    for mode in ("converse", "repeat", "draft", "typed"):
        talk = await begin(mode=mode)
        await talk.has_spoken("Good evening to you all.")
        await talk.settles()
        assert talk.played() == "good evening to you all", mode
        assert talk.questions() == [], mode


# --- draft ---------------------------------------------------------------------------------------------------------


async def test_in_draft_mode_nothing_is_heard_before_the_word_to_speak(begin):
    talk = await begin(mode="draft")
    talk.mind.answers = SHORT
    await talk.says(talk.say.question)
    await talk.until("a proposal", talk.proposals)
    await talk.wait(3.0)
    assert talk.stretches() == []
    assert talk.proposals()[0].text == SHORT["weather"]
    await talk.decides("speak")
    await talk.settles()
    assert talk.played() == "it is fine and warm today"


async def test_in_draft_mode_an_edited_text_is_spoken_instead(begin):
    talk = await begin(mode="draft")
    talk.mind.answers = SHORT
    await talk.says(talk.say.question)
    await talk.until("a proposal", talk.proposals)
    await talk.decides("speak", "It will rain all day.")
    await talk.settles()
    assert talk.played() == "it will rain all day"


async def test_in_draft_mode_a_dropped_proposal_is_never_heard(begin):
    talk = await begin(mode="draft")
    talk.mind.answers = SHORT
    await talk.says(talk.say.question)
    await talk.until("a proposal", talk.proposals)
    await talk.decides("drop")
    await talk.settles()
    assert talk.played() == ""
    assert talk.cancelled("dropped") == [talk.proposals()[0].reply]


async def test_in_draft_mode_a_newer_turn_supersedes_the_proposal(begin):
    talk = await begin(mode="draft")
    talk.mind.answers = SHORT
    await talk.says(talk.say.question)
    await talk.until("a proposal", talk.proposals)
    await talk.wait(11.0)
    await talk.says(talk.say.other)
    await talk.until("a second proposal", lambda: len(talk.proposals()) == 2)
    await talk.decides("speak")
    await talk.settles()
    assert talk.proposals()[0].reply in talk.cancelled("superseded")
    assert talk.played() == "i am seven years old"


# --- whom it answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "uk"])
async def test_when_addressed_only_the_turn_that_names_the_clone_is_answered(begin, language):
    talk = await begin(language=language, respond="addressed")
    name = talk.clone_name()
    await talk.says(talk.say.question)
    await talk.settles()
    assert talk.played() == ""
    assert [event.reason for event in talk.wire.of(ReplyDeclined)] == ["not_addressed"]
    await talk.says(f"{name} {talk.say.other}")
    await talk.settles()
    assert talk.played(2) == talk.made(2)


async def test_what_was_not_answered_is_remembered(begin):
    talk = await begin(respond="addressed")
    await talk.says("the meeting is on Friday")
    await talk.settles()
    await talk.says(f"{talk.clone_name()} when is the meeting")
    await talk.settles()
    asked = " ".join(message.content.lower() for message in talk.mind.asked[-1] if message.role == "user")
    assert "the meeting is on friday" in asked


async def test_a_question_right_after_the_clones_own_turn_is_answered_without_its_name(begin):
    talk = await begin(respond="addressed")
    talk.mind.answers = SHORT
    await talk.says(f"{talk.clone_name()} {talk.say.question}")
    await talk.settles()
    await talk.says(f"{talk.say.other}?")
    await talk.settles()
    assert talk.played(2) == "i am seven years old"


async def test_a_clone_told_never_to_answer_is_silent(begin):
    talk = await begin(respond="never")
    await talk.says(talk.say.question)
    await talk.settles()
    assert talk.played() == ""
    assert [event.reason for event in talk.wire.of(ReplyDeclined)] == ["silent"]
    assert talk.committed() == []


async def test_a_typed_line_is_answered_even_when_nobody_addressed_the_clone(begin):
    talk = await begin(respond="addressed")
    talk.mind.answers = SHORT
    await talk.types("here is a line")
    await talk.settles()
    assert talk.played() == "this answers your line"


async def test_two_clones_talking_in_circles_fall_silent(talk):
    """The other side is a clone too: it says the same few sentences again and again."""
    talk.expected_errors = ["llm.loop"]
    talk.mind.answers = {"how are you": "I am fine. How are you today?"}
    for _ in range(12):
        await talk.says("I am fine how are you today", word_s=0.2)
        await talk.settles()
    declined = [event.reason for event in talk.wire.of(ReplyDeclined)]
    assert "loop" in declined
    assert len(talk.committed()) <= 8
    assert [error.code for error in talk.stage.errors] == ["llm.loop"]
    talk.mind.answers = {"river": "The river is called Dnipro."}
    await talk.says("what is the name of the river here")
    await talk.settles()
    assert talk.played().endswith("the river is called dnipro")


# --- fixed lines and the stop key ----------------------------------------------------------------------------------


async def test_a_disclosure_is_spoken_to_its_end_whatever_the_person_says(talk):
    await talk.has_spoken(DISCLOSURE, interruptible=False)
    await talk.answer_sounds(for_s=0.6)
    await talk.says(talk.say.interruption)
    await talk.settles()
    assert talk.played().startswith(talk.bare(DISCLOSURE))
    assert all(each.level > 0.95 for each in talk.stretches() if each.reply == talk.committed()[0])
    assert talk.cancels() == []
    assert talk.turns()[-1] == talk.say.interruption
    last = talk.texts()[-1]
    assert talk.played(last.turn) == talk.made(last.turn)


async def test_a_disclosure_is_heard_out_although_a_turn_from_before_it_goes_on(talk):
    talk.mind.first_s = 1.0
    await talk.says(talk.say.question)
    await talk.turn_ends()
    talk.begins("in the small old town near the harbour where I was born")
    await talk.until("the turn is taken back", talk.cancels)
    await talk.has_spoken(DISCLOSURE, interruptible=False)
    await talk.settles()
    last = talk.texts()[-1]
    assert last.continues == 1
    assert talk.played() == talk.bare(f"{DISCLOSURE} {talk.made(last.turn)}")


async def test_a_line_typed_into_a_turn_that_goes_on_is_remembered(talk):
    talk.mind.first_s = 0.6
    await talk.says(talk.say.question)
    await talk.turn_ends()
    talk.begins("in the small old town near the harbour where I was born")
    await talk.until("the turn is taken back", talk.cancels)
    await talk.types("here is a line")
    await talk.settles()
    said = " ".join(message.content for message in talk.mind.asked[-1] if message.role == "user")
    assert "here is a line" in said
    assert talk.turns()[-1].startswith(talk.say.question)


async def test_the_stop_key_ends_even_a_disclosure(talk):
    await talk.has_spoken(DISCLOSURE, interruptible=False)
    await talk.answer_sounds(for_s=0.6)
    await talk.presses_stop()
    pressed = talk.now()
    await talk.settles()
    assert talk.silent_after(pressed) <= 0.1
    assert talk.cancels() == ["stop"]


@both_languages
async def test_the_stop_key_silences_an_answer_at_once(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.0)
    await talk.presses_stop()
    pressed = talk.now()
    await talk.settles()
    assert talk.silent_after(pressed) <= 0.1
    assert talk.cancels() == ["stop"]


async def test_the_stop_key_while_the_clone_thinks_leaves_it_silent(talk):
    talk.mind.first_s = 1.0
    await talk.says(talk.say.question)
    await talk.turn_ends()
    await talk.presses_stop()
    await talk.settles()
    assert talk.played() == ""


async def test_the_stop_key_in_silence_does_no_harm(talk):
    await talk.presses_stop()
    await talk.says(talk.say.question)
    await talk.settles()
    last = talk.texts()[-1]
    assert talk.played() == talk.made(last.turn)


# --- switching and languages ---------------------------------------------------------------------------------------


async def test_modes_can_be_switched_during_the_call(talk):
    talk.mind.answers = SHORT
    await talk.says(talk.say.question)
    await talk.settles()
    await talk.switches(mode="repeat")
    await talk.says("red green blue")
    await talk.settles()
    await talk.switches(mode="converse")
    await talk.says(talk.say.other)
    await talk.settles()
    assert talk.played() == "it is fine and warm today red green blue i am seven years old"


async def test_answers_follow_the_language_of_each_turn(talk):
    talk.mind.answers = {"weather": "It is fine and warm today.", "погода": "Сьогодні гарно й тепло."}
    await talk.says("what is the weather")
    await talk.settles()
    await talk.says("яка сьогодні погода")
    await talk.settles()
    await talk.says("what is the weather")
    await talk.settles()
    assert [turn.language for turn in talk.texts()] == ["en", "uk", "en"]
    assert talk.voice.spoken_in == ["en", "uk", "en"]
