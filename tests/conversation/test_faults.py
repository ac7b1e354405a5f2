"""A mind or a voice that fails, workers that die: an honest line, and a call that goes on."""

import pytest

from avatar_contracts import LlmDone, LlmSentence, ReplyCommitted, TtsChunk, TtsDone, TurnText
from avatar_llm import apology
from avatar_llm.settings import LlmSettings

both_languages = pytest.mark.parametrize("talk", ["en", "uk"], indirect=True)
SHORT = {"weather": "It is fine and warm today.", "old": "I am seven years old."}


# --- the mind ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "uk"])
async def test_a_mind_that_hangs_is_apologised_for_at_its_deadline(begin, language):
    talk = await begin(language=language, llm=LlmSettings(deadline_s=2.0))
    talk.expected_errors = ["llm.deadline"]
    talk.mind.hangs = True
    await talk.says(talk.say.question)
    began = await talk.answer_sounds()
    asked = talk.wire.times(TurnText)[0]
    assert began - asked <= 3.0
    await talk.settles()
    assert talk.played() == talk.bare(apology.line("deadline", language, begun=False))
    assert [error.code for error in talk.stage.errors] == ["llm.deadline"]


@pytest.mark.parametrize("language", ["en", "uk"])
async def test_a_mind_that_fails_is_apologised_for(begin, language):
    talk = await begin(language=language)
    talk.expected_errors = ["llm.engine"]
    talk.mind.fails_after = 0
    await talk.says(talk.say.question)
    await talk.settles()
    assert talk.played() == talk.bare(apology.line("engine", language, begun=False))


async def test_a_mind_that_fails_in_the_middle_says_that_it_lost_its_thread(talk):
    talk.expected_errors = ["llm.engine"]
    talk.mind.fails_after = 10
    await talk.says(talk.say.question)
    await talk.settles()
    assert talk.played().endswith(talk.bare(apology.line("engine", "en", begun=True)))
    assert talk.played().startswith("here is a little story for you")


async def test_a_failure_inside_a_wrong_draft_is_nobodys_business(talk):
    talk.mind.fails_after = 0
    talk.begins(talk.say.question, over=0.1)
    talk.stage.room.speak(talk.stage.room.silent_from() + 6_400, talk.say.more)
    await talk.draft_begins()
    await talk.wait(0.15)
    talk.mind.fails_after = None
    await talk.settles()
    assert [error.code for error in talk.stage.errors] == []
    assert talk.played() == talk.made(1)


async def test_a_slow_mind_is_waited_for(talk):
    talk.mind.first_s = 3.0
    talk.mind.word_s = 0.2
    await talk.says(talk.say.question)
    await talk.settles()
    assert talk.played() == talk.made(1)


async def test_a_turn_after_a_failure_is_answered_as_usual(talk):
    talk.expected_errors = ["llm.engine"]
    talk.mind.fails_after = 0
    await talk.says(talk.say.question)
    await talk.settles()
    talk.mind.fails_after = None
    talk.mind.answers = SHORT
    await talk.says(talk.say.other)
    await talk.settles()
    assert talk.played(2) == "i am seven years old"


async def test_a_person_who_goes_on_during_the_apology_is_merged_all_the_same(begin):
    talk = await begin(llm=LlmSettings(deadline_s=1.0))
    talk.expected_errors = ["llm.deadline"]
    talk.mind.hangs = True
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=0.4)
    talk.mind.hangs = False
    await talk.says(talk.say.more)
    await talk.settles()
    assert talk.turns()[-1] == talk.bare(f"{talk.say.question} {talk.say.more}")


# --- the voice -----------------------------------------------------------------------------------------------------


async def test_a_voice_that_fails_leaves_the_text_and_an_error(talk):
    talk.expected_errors = ["tts."]
    talk.voice.broken = RuntimeError("the voice has failed by script")
    await talk.says(talk.say.question)
    await talk.settles()
    assert talk.stage.errors
    assert talk.played() == ""
    talk.voice.broken = None
    talk.mind.answers = SHORT
    await talk.says(talk.say.other)
    await talk.settles()
    assert talk.played() == "i am seven years old"


# --- workers that die ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["asr", "llm", "tts"])
async def test_after_any_worker_died_in_silence_the_talk_goes_on(talk, kind):
    talk.expected_errors = [f"{kind}.lost"]
    await talk.stage.kill(kind)
    await talk.says(talk.say.question)
    await talk.settles()
    assert talk.turns() == [talk.say.question]
    last = talk.texts()[-1]
    assert talk.played() == talk.made(last.turn)


@pytest.mark.parametrize("kind", ["asr", "llm", "tts"])
async def test_after_a_worker_died_while_the_clone_spoke_the_next_turn_is_answered(talk, kind):
    talk.expected_errors = [f"{kind}.lost", "tts."]
    talk.forgetful = True
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.0)
    await talk.stage.kill(kind)
    await talk.settles()
    talk.mind.answers = SHORT
    await talk.says(talk.say.other)
    await talk.settles()
    last = talk.texts()[-1]
    assert talk.bare(last.text) == talk.say.other
    assert talk.played(last.turn) == "i am seven years old"


async def test_ears_that_die_while_the_clone_speaks_do_not_silence_it(talk):
    talk.expected_errors = ["asr.lost"]
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.0)
    await talk.stage.kill("asr")
    await talk.settles()
    assert talk.played() == talk.made(1)


async def test_ears_that_die_while_they_hold_an_answer_do_not_hold_it_for_ever(talk):
    talk.expected_errors = ["asr.lost"]
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    await talk.holds()
    held_at = talk.now()
    await talk.stage.kill("asr", back_after=None)
    await talk.settles()
    again = min(each.start for each in talk.stretches() if each.start > held_at + 0.1)
    assert again - held_at <= 2.8
    assert talk.everything_was_heard(1)
    await talk.stage.start("asr")


async def test_ears_that_die_just_after_ducking_do_not_leave_it_quiet(talk):
    talk.expected_errors = ["asr.lost"]
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    talk.rumbles(1.0)
    await talk.wait(0.15)
    died = talk.now()
    await talk.stage.kill("asr", back_after=None)
    await talk.settles()
    assert all(each.level > 0.95 for each in talk.stretches() if each.start > died + 2.8)
    assert talk.everything_was_heard(1)
    await talk.stage.start("asr")


@both_languages
async def test_a_mind_that_dies_while_thinking_leaves_its_turn_to_the_next_one(talk):
    talk.expected_errors = ["llm.lost"]
    talk.mind.first_s = 1.0
    await talk.says(talk.say.question)
    await talk.turn_ends()
    await talk.wait(0.2)
    await talk.stage.kill("llm")
    await talk.settles()
    assert talk.turns() == [talk.say.question]
    assert talk.questions()[-1] == talk.say.question
    assert talk.played() == talk.made(1)


async def test_a_mind_that_dies_with_its_answer_held_leaves_its_turn_or_what_was_heard(talk):
    talk.expected_errors = ["llm.lost"]
    talk.forgetful = True
    talk.mind.word_s = 0.2
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.0)
    await talk.holds()
    await talk.stage.kill("llm")
    await talk.settles()
    talk.mind.answers, talk.mind.word_s = SHORT, 0.012
    await talk.says(talk.say.other)
    await talk.settles()
    assert talk.played(talk.texts()[-1].turn) == "i am seven years old"


async def test_a_new_mind_is_told_what_was_heard(talk):
    talk.expected_errors = ["llm.lost"]
    talk.forgetful = True
    talk.mind.answers = SHORT
    await talk.says(talk.say.question)
    await talk.settles()
    await talk.stage.kill("llm")
    await talk.says(talk.say.other)
    await talk.settles()
    asked = talk.mind.asked[-1]
    assert [message.content for message in asked[1:]] == [talk.say.question, SHORT["weather"], talk.say.other]


async def test_a_mind_that_dies_during_a_draft_answers_the_turn_with_its_successor(talk):
    talk.expected_errors = ["llm.lost"]
    talk.begins(talk.say.question, over=0.1)
    await talk.draft_begins()
    await talk.stage.kill("llm")
    await talk.settles()
    assert talk.turns() == [talk.say.question]
    last = talk.texts()[-1]
    assert talk.played() == talk.made(last.turn)


async def test_without_any_mind_the_person_is_told(begin):
    talk = await begin(answer_timeout_s=6.0)
    talk.expected_errors = ["llm."]
    talk.mind.first_s = 1.0
    await talk.says(talk.say.question)
    await talk.turn_ends()
    await talk.stage.kill("llm", back_after=None)
    await talk.settles()
    assert talk.stage.dialogue.ledger.reports[-1].errors
    await talk.stage.start("llm")


async def test_a_voice_that_dies_while_thinking_still_lets_the_answer_be_heard_or_explained(talk):
    talk.expected_errors = ["tts."]
    talk.mind.first_s = 1.0
    await talk.says(talk.say.question)
    await talk.turn_ends()
    await talk.wait(0.1)
    await talk.stage.kill("tts")
    await talk.settles()
    report = talk.stage.dialogue.ledger.reports[-1]
    assert report.reply or report.errors


async def test_what_a_dead_mind_still_sends_is_never_heard(talk):
    talk.expected_errors = ["llm.lost"]
    talk.forgetful = True
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=1.5)
    await talk.stage.kill("llm")
    await talk.settles()
    before = talk.played()
    assert talk.wire.replay(LlmSentence, LlmDone, ReplyCommitted, where=lambda event: event.epoch == 1) > 0
    await talk.wait(5.0)
    assert talk.played() == before


async def test_a_voice_back_from_the_dead_does_not_repeat_itself(talk):
    talk.expected_errors = ["tts."]
    talk.mind.answers = SHORT
    await talk.says(talk.say.question)
    await talk.settles()
    await talk.stage.kill("tts")
    assert talk.wire.replay(TtsChunk, TtsDone, where=lambda event: event.epoch == 1) > 0
    await talk.wait(5.0)
    assert talk.played() == "it is fine and warm today"


async def test_a_mind_gone_silent_before_the_end_of_its_answer_ends_in_listening(talk):
    talk.expected_errors = ["tts.", "llm."]
    talk.wire.lose(LlmDone)
    talk.mind.answers = SHORT
    await talk.says(talk.say.question)
    await talk.settles()
    assert talk.played() == "it is fine and warm today"
