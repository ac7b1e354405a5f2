"""Answers that end early: what stops, what is remembered, and what the next answer knows of it."""

import asyncio

import pytest

from avatar_contracts import LlmDelta, LlmSentence
from avatar_llm.engines import scripted
from avatar_llm.marks import MARK
from avatar_llm.settings import LlmSettings

pytestmark = pytest.mark.virtual_time

ASK = "Tell me a story."


async def test_words_taken_back_before_anything_was_heard_leave_nothing(talking):
    async with talking() as talk:
        await talk.say(1, "I would like")
        await talk.cancel(1, "continued")
        await talk.say(2, "I would like some tea.", continues=1)
        assert talk.story() == ["committed 1 1", "cancelled 1 1 cancelled", "committed 2 2"]
        await asyncio.sleep(0.1)
        assert talk.engine.lines() == [("user", "I would like some tea.")]


@pytest.mark.parametrize(("played_s", "remembered"), [(0.25, []), (0.35, [("", "Once")])])
async def test_less_than_a_breath_of_an_answer_taken_back_is_not_remembered(talking, played_s, remembered):
    async with talking() as talk:
        await talk.say(1, "I would like")
        await asyncio.sleep(1)
        await talk.play("playing", 1, 0, 4, played_s=0.1)
        await talk.cancel(1, "continued")
        await talk.play("stopped", 1, 0, 4, played_s=played_s)
        assert talk.remembered() == remembered


async def test_of_a_chain_of_turns_only_the_last_is_answered(talking):
    async with talking() as talk:
        await talk.say(1, "I would")
        await talk.cancel(1, "continued")
        await talk.say(2, "I would like", continues=1)
        await talk.cancel(2, "continued")
        await talk.say(3, "I would like some tea.", continues=1)
        await asyncio.sleep(2)
        assert talk.story()[-2:] == ["committed 3 3", "done 3 3"]
        assert talk.engine.lines() == [("user", "I would like some tea.")]
        assert talk.remembered() == [("I would like some tea.", "")]


async def test_a_turn_that_continues_another_takes_it_back_also_when_the_cancel_is_late_or_lost(talking):
    async with talking() as talk:
        await talk.say(1, "I would like")
        await talk.say(2, "I would like some tea.", continues=1)
        await talk.cancel(1, "continued")
        await asyncio.sleep(0.1)
        assert talk.story() == ["committed 1 1", "cancelled 1 1 cancelled", "committed 2 2"]
        assert talk.engine.lines() == [("user", "I would like some tea.")]


async def test_words_that_come_again_alone_are_answered_under_their_new_number(talking):
    async with talking() as talk:
        await talk.say(1, ASK)
        await talk.cancel(1, "continued")
        await talk.say(2, ASK, continues=1)
        await asyncio.sleep(2)
        assert talk.words_of(2) == talk.engine.story
        assert talk.remembered() == [(ASK, "")]


async def test_an_answer_to_nobody_any_more_ends_even_if_the_merged_turn_gets_none(talking):
    async with talking() as talk:
        await talk.choose(respond="addressed")
        await talk.say(1, "Alex, I would like")
        await asyncio.sleep(0.1)
        await talk.choose(respond="never")
        await talk.say(2, "Alex, I would like some tea.", continues=1)
        assert talk.story() == ["committed 1 1", "cancelled 1 1 cancelled", "declined 2 silent"]


@pytest.mark.parametrize("reason", ["barge_in", "stop"])
async def test_what_was_heard_of_an_interrupted_answer_is_kept(talking, reason):
    async with talking() as talk:
        await talk.say(1, ASK)
        await asyncio.sleep(1)
        await talk.cancel(1, reason)
        await talk.play("stopped", 1, 0, 9, played_s=0.2)
        assert talk.remembered() == [(ASK, "Once")]
        await talk.say(2, "Wait, what?")
        await asyncio.sleep(0.1)
        assert talk.engine.lines() == [("user", ASK), ("assistant", f"Once {MARK}"), ("user", "Wait, what?")]


async def test_an_answer_of_which_nothing_was_played_was_not_given(talking):
    async with talking() as talk:
        await talk.say(1, ASK)
        await asyncio.sleep(1)
        await talk.cancel(1, "barge_in")
        await talk.say(2, "Wait, what?")
        await asyncio.sleep(0.1)
        assert talk.engine.lines() == [("user", f"{ASK}\nWait, what?")]


@pytest.mark.parametrize("reason", ["continued", "barge_in", "stop"])
async def test_generation_ends_at_once_with_its_turn(talking, reason):
    async with talking() as talk:
        await talk.say(1, ASK)
        await asyncio.sleep(0.1)
        given = talk.engine.given
        await talk.cancel(1, reason)
        await talk.cancel(1, reason)
        await asyncio.sleep(2)
        assert talk.story() == ["committed 1 1", "cancelled 1 1 cancelled"]
        assert talk.engine.given <= given + 1
        assert talk.engine.running == 0
        assert talk.late_words() == []


async def test_an_answer_whose_playback_was_stopped_is_not_thought_to_its_end(talking):
    async with talking() as talk:
        await talk.say(1, ASK)
        await asyncio.sleep(0.2)
        await talk.play("stopped", 1, 0, 9)
        given = talk.engine.given
        await asyncio.sleep(2)
        assert talk.story() == ["committed 1 1", "cancelled 1 1 cancelled"]
        assert talk.engine.given <= given + 1
        assert talk.remembered() == [(ASK, "Once")]


async def test_an_answer_that_is_only_held_goes_on(talking):
    async with talking() as talk:
        await talk.say(1, ASK)
        await asyncio.sleep(0.2)
        await talk.play("held", 1, 0, 9)
        await asyncio.sleep(2)
        assert talk.story() == ["committed 1 1", "done 1 1"]
        await talk.play("playing", 1, 0, 5)
        await talk.play("finished", 1, 3, 17)
        assert talk.remembered() == [(ASK, talk.engine.story)]


async def test_a_cancel_of_a_turn_nobody_knows_or_nobody_answered_is_quiet(talking):
    async with talking() as talk:
        await talk.choose(respond="never")
        await talk.say(1, ASK)
        await talk.cancel(1, "barge_in")
        await talk.cancel(7, "stop")
        assert talk.story() == ["declined 1 silent"]
        assert talk.remembered() == [(ASK, "")]


async def test_a_stop_ends_the_answer_to_an_older_turn_too(talking):
    async with talking() as talk:
        await talk.say(3, ASK)
        await asyncio.sleep(0.1)
        await talk.cancel(5, "stop")
        assert talk.story() == ["committed 1 3", "cancelled 1 3 cancelled"]
        await talk.say(6, ASK)
        assert talk.story()[-1] == "committed 2 6"


async def test_a_turn_that_comes_twice_is_answered_once(talking):
    async with talking() as talk:
        await talk.say(1, ASK)
        await talk.say(1, ASK)
        await asyncio.sleep(2)
        await talk.say(1, ASK)
        assert talk.story() == ["committed 1 1", "done 1 1"]


async def test_progress_of_a_reply_that_was_cancelled_changes_only_what_was_heard(talking):
    async with talking() as talk:
        await talk.say(1, ASK)
        await asyncio.sleep(1)
        await talk.say(2, "And then?")
        await talk.play("stopped", 1, 1, 6)
        await asyncio.sleep(1)
        assert talk.story()[-2:] == ["committed 2 2", "done 2 2"]
        assert talk.remembered()[0] == (ASK, "Once there was a small town. It had")


async def test_the_mark_of_an_interruption_never_reaches_captions_or_voice(talking):
    async with talking() as talk:
        talk.engine.story = "So [Interrupted] there was [ interrupted ] a town. [interrupted]"
        await talk.say(1, ASK)
        await asyncio.sleep(1)
        assert talk.words_of(1) == "So there was a town."
        assert "interrupted" not in "".join(delta.text for delta in talk.heard(LlmDelta)).lower()
        assert talk.story() == ["committed 1 1", "done 1 1"]


def scripted_engine():
    engine = scripted.create(LlmSettings(first_token_ms=0, tokens_per_s=1_000))
    engine.load()
    return engine


@pytest.mark.parametrize(
    ("language", "ask", "go_on"),
    [
        ("en", "Tell me about yourself. Who are you?", "Sorry, go on."),
        ("en", "What is the weather like?", "Continue, please."),
        ("uk", "Хто ти?", "Продовжуй, будь ласка."),
    ],
)
async def test_asked_to_go_on_the_scripted_mind_says_the_rest_of_what_was_cut_short(talking, language, ask, go_on):
    async with talking(engine=scripted_engine()) as talk:
        await talk.say(1, ask, language)
        await asyncio.sleep(1)
        whole = talk.words_of(1).split()
        first = talk.heard(LlmSentence, 1)[0].text
        heard = first.split()[:2]
        await talk.play("stopped", 1, 0, len(" ".join(heard)))
        await talk.cancel(1, "barge_in")
        await talk.say(2, go_on, language)
        await asyncio.sleep(1)
        assert talk.words_of(2).split() == whole[2:]
        first_again = talk.heard(LlmSentence, 2)[0].text
        await talk.play("stopped", 2, 0, len(first_again.split()[0]))
        await talk.cancel(2, "barge_in")
        await talk.say(3, go_on, language)
        await asyncio.sleep(1)
        assert talk.words_of(3).split() == whole[3:]


async def test_after_an_interruption_the_scripted_mind_answers_the_new_question(talking):
    async with talking(engine=scripted_engine()) as talk:
        await talk.say(1, "Who are you?")
        await asyncio.sleep(1)
        await talk.play("stopped", 1, 0, 8)
        await talk.cancel(1, "barge_in")
        await talk.say(2, "No, wait, what time is it?")
        await asyncio.sleep(1)
        assert any(char.isdigit() for char in talk.words_of(2))
