"""Modes and manners of a call: repeat, verbatim lines, drafts to approve, the address gate, circles, languages."""

import asyncio

import pytest

from avatar_contracts import (
    ErrorRaised,
    Exchange,
    LlmDelta,
    LlmSentence,
    Pending,
    ReplyCancelled,
    ReplyCommitted,
    ReplyDeclined,
    ReplyProposed,
    SessionConfig,
)
from avatar_llm.engines import scripted
from avatar_llm.settings import LlmSettings
from avatar_llm.waiting import MOST, QUIET_S

pytestmark = pytest.mark.virtual_time

ASK = "Tell me a story."


# --- repeat and verbatim -----------------------------------------------------------------------------------------


async def test_in_mode_repeat_words_are_spoken_as_they_are_one_turn_after_another(talking):
    async with talking(SessionConfig(mode="repeat")) as talk:
        await talk.say(1, "Good morning, everybody. How are you?")
        await talk.say(2, "Сідайте, будь ласка.", "uk")
        await asyncio.sleep(1)
        assert talk.words_of(1) == "Good morning, everybody. How are you?"
        assert talk.story() == ["committed 1 1", "done 1 1"]
        await talk.play("finished", 1, 1, 12)
        await asyncio.sleep(0.1)
        assert talk.story()[2:] == ["committed 2 2", "done 2 2"]
        assert {piece.language for piece in talk.heard(LlmSentence, 2)} == {"uk"}
        assert talk.engine.asked == []


async def test_a_line_whose_playing_is_never_told_does_not_hold_up_the_next_for_ever(talking):
    async with talking(SessionConfig(mode="repeat")) as talk:
        await talk.say(1, "One.")
        await talk.say(2, "Two.")
        await asyncio.sleep(QUIET_S - 0.1)
        assert len(talk.heard(ReplyCommitted)) == 1
        await asyncio.sleep(0.2)
        assert talk.story() == ["committed 1 1", "done 1 1", "cancelled 1 1 superseded", "committed 2 2", "done 2 2"]


async def test_a_line_that_plays_longer_than_that_is_heard_out(talking):
    async with talking(SessionConfig(mode="repeat")) as talk:
        await talk.say(1, "One.")
        await talk.say(2, "Two.")
        for step in range(30):
            await asyncio.sleep(1)
            await talk.play("playing", 1, 0, 1, played_s=step)
        assert len(talk.heard(ReplyCommitted)) == 1


async def test_repeated_words_are_the_clones_not_the_persons(talking):
    async with talking(SessionConfig(mode="repeat")) as talk:
        await talk.say(1, "We start at nine.")
        await asyncio.sleep(0.1)
        await talk.play("finished", 1, 0, 17)
        await talk.choose(mode="converse")
        await talk.say(2, "When do we start?")
        await asyncio.sleep(0.1)
        assert talk.engine.lines() == [("assistant", "We start at nine."), ("user", "When do we start?")]


async def test_drafts_are_ignored_where_words_are_only_repeated(talking):
    async with talking(SessionConfig(mode="repeat")) as talk:
        await talk.draft(1, ASK)
        await asyncio.sleep(1)
        assert talk.engine.asked == []


async def test_more_lines_than_may_wait_are_refused_and_reported(talking):
    async with talking(SessionConfig(mode="repeat")) as talk:
        for turn in range(1, MOST + 4):
            await talk.say(turn, f"Line {turn}.")
        assert [error.turn for error in talk.heard(ErrorRaised)] == [MOST + 2, MOST + 3]
        assert len(talk.heard(ReplyCommitted)) == 1


async def test_a_verbatim_line_is_spoken_as_it_is_in_every_mode(talking):
    for mode in ("converse", "repeat", "draft", "typed"):
        async with talking(SessionConfig(mode=mode, respond="never")) as talk:
            await talk.say(1, "This call is recorded.", end_reason="typed", verbatim=True)
            await asyncio.sleep(0.1)
            assert talk.words_of(1) == "This call is recorded."
            assert talk.story() == ["committed 1 1", "done 1 1"]
            assert "".join(delta.text for delta in talk.heard(LlmDelta)) == "This call is recorded."


async def test_a_line_without_anything_to_pronounce_holds_up_nobody(talking):
    async with talking() as talk:
        await talk.say(1, "😀", verbatim=True)
        await talk.say(2, "Hello.", verbatim=True)
        await asyncio.sleep(0.1)
        assert talk.words_of(2) == "Hello."


async def test_a_fixed_line_is_finished_before_the_next_turn_is_answered(talking):
    async with talking() as talk:
        await talk.say(1, "This call is recorded.", end_reason="typed", verbatim=True, interruptible=False)
        assert not talk.heard(ReplyCommitted)[0].interruptible
        await talk.draft(2, "Who")
        await talk.say(2, "Who are you?")
        await talk.say(3, "Where am I?")
        await asyncio.sleep(1)
        assert talk.story() == ["committed 1 1", "done 1 1"]
        assert talk.engine.asked == []
        await talk.play("finished", 1, 0, 22)
        await asyncio.sleep(1)
        assert talk.story()[2:] == ["committed 2 3", "done 2 3"]
        assert talk.engine.lines() == [
            ("assistant", "This call is recorded."),
            ("user", "Who are you?\nWhere am I?"),
        ]


async def test_a_turn_taken_back_while_it_waits_is_never_answered(talking):
    async with talking() as talk:
        await talk.say(1, "This call is recorded.", verbatim=True, interruptible=False)
        await talk.say(2, "Who")
        await talk.cancel(2, "continued")
        await talk.say(3, "Who are you?", continues=2)
        await talk.play("finished", 1, 0, 22)
        await asyncio.sleep(0.1)
        assert [event.turn for event in talk.heard(ReplyCommitted)] == [1, 3]
        assert talk.engine.lines()[-1] == ("user", "Who are you?")


async def test_stop_ends_a_fixed_line_and_everything_that_waits(talking):
    async with talking() as talk:
        await talk.say(1, "This call is recorded.", verbatim=True, interruptible=False)
        await talk.say(2, "Second line.", verbatim=True)
        await talk.say(3, "Who are you?")
        await talk.cancel(3, "stop")
        await asyncio.sleep(QUIET_S + 1)
        assert [event.turn for event in talk.heard(ReplyCommitted)] == [1]
        assert talk.remembered() == [("Who are you?", "")]


async def test_who_interrupts_a_line_does_not_hear_the_ones_behind_it(talking):
    async with talking() as talk:
        await talk.say(1, "First line.", verbatim=True)
        await talk.say(2, "Second line.", verbatim=True)
        await talk.cancel(1, "barge_in")
        await talk.say(3, "Who are you?")
        await asyncio.sleep(1)
        assert [event.turn for event in talk.heard(ReplyCommitted)] == [1, 3]


# --- drafts to approve -------------------------------------------------------------------------------------------


async def proposal(talk, turn=1):
    await talk.say(turn, ASK)
    return await talk.peer.wait_for(ReplyProposed, where=lambda event: event.turn == turn)


async def test_a_draft_is_shown_whole_and_not_spoken(talking):
    async with talking(SessionConfig(mode="draft")) as talk:
        proposed = await proposal(talk)
        await asyncio.sleep(30)
        assert proposed.text == talk.engine.story
        assert talk.heard(LlmSentence) == []
        assert talk.story() == ["proposed 1 1"]


async def test_an_approved_draft_is_spoken_as_it_was_shown(talking):
    async with talking(SessionConfig(mode="draft")) as talk:
        proposed = await proposal(talk)
        await talk.decide(1, "speak")
        await talk.decide(1, "speak")
        await talk.decide(1, "drop")
        await asyncio.sleep(1)
        assert talk.story() == ["proposed 1 1", "committed 1 1", "done 1 1"]
        assert talk.words_of(1) == proposed.text
        await talk.play("finished", 1, 3, 17)
        assert talk.remembered() == [(ASK, proposed.text)]


async def test_an_edited_draft_is_spoken_as_it_was_edited(talking):
    async with talking(SessionConfig(mode="draft")) as talk:
        await proposal(talk)
        await talk.decide(1, "speak", "No stories today. Sorry.")
        await asyncio.sleep(1)
        assert talk.story() == ["proposed 1 1", "cancelled 1 1 dropped", "committed 2 1", "done 2 1"]
        assert talk.words_of(1) == ""
        assert talk.words_of(2) == "No stories today. Sorry."
        await talk.play("stopped", 2, 0, 2)
        assert talk.remembered() == [(ASK, "No")]


async def test_a_dropped_draft_is_gone_and_the_question_remembered(talking):
    async with talking(SessionConfig(mode="draft")) as talk:
        await proposal(talk)
        await talk.decide(1, "drop")
        await talk.decide(1, "speak")
        await asyncio.sleep(1)
        assert talk.story() == ["proposed 1 1", "cancelled 1 1 dropped"]
        assert talk.remembered() == [(ASK, "")]


async def test_a_decision_on_what_was_not_proposed_is_ignored(talking):
    async with talking(SessionConfig(mode="draft")) as talk:
        await talk.say(1, ASK)
        await talk.decide(1, "speak")
        await talk.decide(7, "drop")
        await asyncio.sleep(1)
        assert talk.story() == ["proposed 1 1"]


async def test_a_newer_turn_supersedes_a_draft(talking):
    async with talking(SessionConfig(mode="draft")) as talk:
        await proposal(talk, 1)
        await proposal(talk, 2)
        await talk.decide(1, "speak")
        await talk.decide(2, "speak")
        await asyncio.sleep(1)
        assert talk.story() == ["proposed 1 1", "cancelled 1 1 superseded", "proposed 2 2", "committed 2 2", "done 2 2"]


async def test_a_mind_that_fails_proposes_its_apology(talking):
    async with talking(SessionConfig(mode="draft")) as talk:
        talk.engine.fails = True
        proposed = await proposal(talk)
        assert "sorry" in proposed.text
        assert talk.story() == ["error 1 1 llm.engine", "proposed 1 1"]


async def test_a_very_long_draft_is_cut_to_what_its_owner_can_see(talking):
    async with talking(SessionConfig(mode="draft"), max_reply_chars=50_000) as talk:
        talk.engine.story = "word " * 10_000
        talk.engine.at_once = True
        proposed = await proposal(talk)
        await talk.decide(1, "speak")
        await asyncio.sleep(1)
        assert len(proposed.text) <= 8_000
        assert talk.words_of(1) == proposed.text


async def test_switching_the_mode_holds_from_the_next_turn_on(talking):
    async with talking() as talk:
        await talk.choose(mode="draft")
        await proposal(talk, 1)
        await talk.choose(mode="repeat")
        await talk.say(2, "As it is.")
        await talk.choose(mode="converse")
        await asyncio.sleep(1)
        await talk.play("finished", 2, 0, 9)
        await talk.say(3, ASK)
        await asyncio.sleep(2)
        assert talk.words_of(2) == "As it is."
        assert talk.words_of(3) == talk.engine.story


# --- who is answered ---------------------------------------------------------------------------------------------


async def test_in_a_meeting_what_is_not_for_the_clone_is_remembered_and_not_answered(talking):
    async with talking(SessionConfig(respond="addressed")) as talk:
        await talk.draft(1, "The budget is four million.")
        await talk.say(1, "The budget is four million.")
        assert talk.story() == ["declined 1 not_addressed"]
        await talk.draft(2, "Alex, what is the budget?")
        await talk.say(2, "Alex, what is the budget?")
        await asyncio.sleep(2)
        assert talk.story()[1:] == ["committed 1 2", "done 1 2"]
        assert talk.engine.lines() == [("user", "The budget is four million.\nAlex, what is the budget?")]


async def test_a_question_right_after_its_own_words_is_for_the_clone(talking):
    async with talking(SessionConfig(respond="addressed")) as talk:
        await talk.say(1, "Alex, a story please.")
        await asyncio.sleep(2)
        await talk.play("finished", 1, 3, 17)
        await asyncio.sleep(4)
        await talk.draft(2, "Where was that")
        await talk.say(2, "Where was that?")
        assert talk.story()[-1] == "committed 2 2"
        await asyncio.sleep(2)
        await talk.play("finished", 2, 3, 17)
        await talk.say(3, "I like it.")
        await talk.say(4, "Do you like it?")
        assert [event.turn for event in talk.heard(ReplyDeclined)] == [3, 4]


async def test_side_talk_in_a_meeting_leaves_the_answer_under_way_alone(talking):
    async with talking(SessionConfig(respond="addressed")) as talk:
        await talk.say(1, "Alex, a story please.")
        await asyncio.sleep(0.1)
        await talk.say(2, "Let us get some coffee.")
        await asyncio.sleep(2)
        assert talk.story() == ["committed 1 1", "declined 2 not_addressed", "done 1 1"]
        assert talk.heard(ReplyCancelled) == []


async def test_told_never_to_answer_it_listens(talking):
    async with talking() as talk:
        await talk.choose(respond="never")
        await talk.say(1, "Alex, are you there?")
        assert talk.story() == ["declined 1 silent"]
        await talk.say(2, ASK, end_reason="typed")
        assert talk.story()[-1] == "committed 1 2"


async def in_circles(talk, first, last):
    for turn in range(first, last):
        await talk.say(turn, "Could you say that again, please?")
        await asyncio.sleep(2)
        committed = talk.heard(ReplyCommitted)
        if committed and committed[-1].turn == turn:
            await talk.play("finished", committed[-1].reply, 3, 17)


async def test_two_clones_that_only_repeat_themselves_end_in_silence_and_one_error(talking):
    async with talking() as talk:
        await in_circles(talk, 1, 100)
        declined = talk.heard(ReplyDeclined)
        assert {event.reason for event in declined} == {"loop"}
        assert [event.turn for event in declined] == list(range(8, 100))
        assert [error.code for error in talk.heard(ErrorRaised)] == ["llm.loop"]
        await talk.say(100, "Let us talk about the weather instead.")
        assert talk.heard(ReplyCommitted)[-1].turn == 100


async def test_a_mixed_conversation_is_answered_in_the_language_of_each_turn(talking):
    engine = scripted.create(LlmSettings(first_token_ms=0, tokens_per_s=1_000))
    engine.load()
    async with talking(engine=engine) as talk:
        for turn, (text, language) in enumerate(
            [("What is your name?", "en"), ("Як тебе звати?", "uk"), ("What time is it?", "en")], start=1
        ):
            await talk.draft(turn, text, language=language)
            await talk.say(turn, text, language)
            await asyncio.sleep(1)
            assert {piece.language for piece in talk.heard(LlmSentence, turn)} == {language}
            assert ("Алекс" in talk.words_of(turn)) == (language == "uk")
            await talk.play("finished", turn, 9, 0)


# --- a turn the mind before left unanswered ----------------------------------------------------------------------


WAITING = {"turn": 5, "reply": 20, "pending": Pending(turn=5, text=ASK, language="en")}


async def test_a_turn_nobody_answered_is_answered_first_and_once(talking):
    async with talking(claim=WAITING) as talk:
        await talk.say(5, ASK)
        await asyncio.sleep(2)
        assert talk.story() == ["committed 21 5", "done 21 5"]
        await talk.say(6, "Thank you.")
        assert talk.story()[-1] == "committed 22 6"


async def test_a_line_to_be_spoken_is_still_spoken_by_the_next_mind(talking):
    pending = Pending(turn=5, text="This call is recorded.", language="en", verbatim=True)
    async with talking(claim={"turn": 5, "pending": pending}) as talk:
        await asyncio.sleep(0.1)
        assert talk.words_of(1) == "This call is recorded."
        assert talk.engine.asked == []


async def test_a_typed_line_is_still_answered_by_the_next_mind_whoever_it_addresses(talking):
    pending = Pending(turn=5, text="It rains.", language="en", typed=True, interruptible=False)
    async with talking(SessionConfig(respond="addressed"), claim={"turn": 5, "pending": pending}) as talk:
        await asyncio.sleep(2)
        assert [(event.turn, event.interruptible) for event in talk.heard(ReplyCommitted)] == [(5, False)]


async def test_a_question_to_the_mind_before_is_known_to_follow_its_words(talking):
    heard = Exchange(said="Alex?", heard="I am here.", language="en")
    pending = Pending(turn=5, text="Where are you?", language="en")
    async with talking(SessionConfig(respond="addressed"), claim={"transcript": (heard,), "pending": pending}) as talk:
        await asyncio.sleep(2)
        assert talk.story() == ["committed 1 5", "done 1 5"]


async def test_a_waiting_turn_that_was_taken_back_meanwhile_is_dropped(talking):
    async with talking(claim=WAITING) as talk:
        await talk.cancel(5, "continued")
        await talk.say(6, "Tell me a story, please.", continues=5)
        await asyncio.sleep(2)
        assert [event.turn for event in talk.heard(ReplyCommitted)] == [5, 6]
        assert talk.engine.lines() == [("user", "Tell me a story, please.")]
