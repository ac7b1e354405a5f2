"""Thinking inside the pause: a reply begun on a draft is used when the turn says the same, and gone otherwise."""

import asyncio

import pytest

from avatar_contracts import LlmDone, LlmSentence, ReplyCancelled, ReplyCommitted, SessionConfig
from avatar_llm.speculation import LIFE_S
from avatar_runtime import metrics

pytestmark = pytest.mark.virtual_time

ASK = "Tell me a story."


def counted(outcome):
    return metrics.REGISTRY.get_sample_value("avatar_speculation_total", {"outcome": outcome}) or 0.0


async def test_a_draft_is_thought_about_for_two_sentences_and_no_further(talking):
    async with talking() as talk:
        await talk.draft(1, ASK)
        await asyncio.sleep(5)
        assert [piece.text for piece in talk.heard(LlmSentence, 1)] == [
            "Once there was a small town.",
            "It had seven houses.",
        ]
        assert talk.engine.given == 10
        assert talk.story() == []


async def test_the_same_words_commit_what_is_there_and_the_rest_follows(talking):
    before = counted("committed")
    async with talking() as talk:
        await talk.draft(1, "tell me a story")
        await asyncio.sleep(1)
        await talk.say(1, ASK)
        assert talk.story() == ["committed 1 1"]
        await asyncio.sleep(5)
        assert talk.story() == ["committed 1 1", "done 1 1"]
        assert talk.words_of(1) == talk.engine.story
        assert len(talk.engine.asked) == 1
        assert talk.remembered() == [(ASK, "")]
    assert counted("committed") == before + 1


async def test_a_turn_that_comes_before_the_guess_has_its_first_word_commits_it_all_the_same(talking):
    async with talking() as talk:
        await talk.draft(1, ASK)
        await talk.say(1, ASK)
        assert talk.story() == ["committed 1 1"]
        await asyncio.sleep(5)
        assert talk.words_of(1) == talk.engine.story
        assert len(talk.engine.asked) == 1


async def test_other_words_cancel_the_guess_and_are_answered_anew(talking):
    before = counted("wrong")
    async with talking() as talk:
        await talk.draft(1, "Tell me")
        await asyncio.sleep(1)
        await talk.say(1, ASK)
        await asyncio.sleep(5)
        assert talk.story() == ["cancelled 1 1 draft", "committed 2 1", "done 2 1"]
        assert talk.late_words() == []
        assert talk.engine.lines() == [("user", ASK)]
    assert counted("wrong") == before + 1


async def test_a_short_reply_that_is_complete_is_done_only_when_it_is_an_answer(talking):
    async with talking() as talk:
        talk.engine.story = "Yes."
        await talk.draft(1, ASK)
        await asyncio.sleep(1)
        assert talk.words_of(1) == "Yes."
        assert talk.story() == []
        await talk.say(1, ASK)
        assert talk.story() == ["committed 1 1", "done 1 1"]


async def test_the_same_words_in_another_language_are_other_words(talking):
    async with talking() as talk:
        await talk.draft(1, "Стоп", language="en")
        await asyncio.sleep(1)
        await talk.say(1, "Стоп", "uk")
        assert talk.story() == ["cancelled 1 1 draft", "committed 2 1"]


async def test_a_draft_with_the_same_words_keeps_the_guess(talking):
    async with talking() as talk:
        await talk.draft(1, "Tell me a story")
        await asyncio.sleep(0.2)
        await talk.draft(1, "Tell me a story.", revision=2)
        await talk.draft(1, "tell me a story", revision=3)
        await asyncio.sleep(1)
        assert len(talk.engine.asked) == 1
        assert talk.story() == []


async def test_a_draft_with_other_words_renews_the_guess(talking):
    async with talking() as talk:
        await talk.draft(1, "Tell me")
        await asyncio.sleep(1)
        await talk.draft(1, ASK, revision=2)
        await asyncio.sleep(1)
        assert talk.story() == ["cancelled 1 1 draft"]
        await talk.say(1, ASK)
        assert talk.story()[-1] == "committed 2 1"
        assert talk.engine.most_running == 1


@pytest.mark.parametrize("revision", [1, 2])
async def test_an_older_or_doubled_draft_changes_nothing(talking, revision):
    async with talking() as talk:
        await talk.draft(1, ASK, revision=2)
        await talk.draft(1, ASK if revision == 2 else "Tell me", revision=revision)
        await asyncio.sleep(1)
        assert len(talk.engine.asked) == 1
        assert talk.story() == []


async def test_a_draft_after_its_turn_is_ignored(talking):
    async with talking() as talk:
        await talk.say(1, ASK)
        await asyncio.sleep(5)
        await talk.draft(1, "Tell me")
        await asyncio.sleep(5)
        assert len(talk.engine.asked) == 1


async def test_a_draft_of_a_cancelled_turn_is_ignored(talking):
    async with talking() as talk:
        await talk.cancel(1, "continued")
        await talk.draft(1, ASK)
        await asyncio.sleep(1)
        assert talk.engine.asked == []


async def test_nothing_is_thought_about_while_an_answer_is_still_being_made(talking):
    async with talking() as talk:
        await talk.say(1, ASK)
        await asyncio.sleep(0.1)
        await talk.draft(2, "And then?")
        await asyncio.sleep(5)
        assert len(talk.engine.asked) == 1
        assert talk.story() == ["committed 1 1", "done 1 1"]


@pytest.mark.parametrize("state", ["playing", "held"])
async def test_a_draft_leaves_an_answer_alone_that_still_plays_or_is_held(talking, state):
    async with talking() as talk:
        await talk.say(1, ASK)
        await asyncio.sleep(1)
        await talk.play(state, 1, 1, 5)
        await talk.draft(2, "And then?")
        await asyncio.sleep(1)
        assert talk.story() == ["committed 1 1", "done 1 1"]
        assert len(talk.engine.asked) == 2
        await talk.draft(2, "And then what?", revision=2)
        assert talk.story() == ["committed 1 1", "done 1 1", "cancelled 2 2 draft"]
        await talk.play("finished", 1, 3, 17)
        assert talk.remembered() == [(ASK, talk.engine.story)]


async def test_a_turn_supersedes_the_answer_before_only_when_it_is_final(talking):
    async with talking() as talk:
        await talk.say(1, ASK)
        await asyncio.sleep(1)
        await talk.play("playing", 1, 1, 6)
        await talk.draft(2, "And then?")
        await asyncio.sleep(1)
        await talk.say(2, "And then?")
        assert talk.story() == ["committed 1 1", "done 1 1", "cancelled 1 1 superseded", "committed 2 2"]


async def test_a_guess_made_before_more_of_the_last_answer_was_heard_is_wrong(talking):
    before = counted("wrong")
    async with talking() as talk:
        await talk.say(1, ASK)
        await asyncio.sleep(1)
        await talk.play("playing", 1, 0, 10)
        await talk.draft(2, "And then?")
        await talk.play("stopped", 1, 1, 6)
        await talk.say(2, "And then?")
        assert talk.story()[2:] == ["cancelled 2 2 draft", "committed 3 2"]
        await asyncio.sleep(1)
        assert talk.engine.lines()[1] == ("assistant", "Once there was a small town. It had [interrupted]")
    assert counted("wrong") == before + 1


async def test_the_guess_is_asked_what_the_turn_would_be(talking):
    async with talking() as talk:
        await talk.say(1, ASK)
        await asyncio.sleep(1)
        await talk.play("finished", 1, 3, 17)
        await talk.draft(2, "and then")
        await talk.say(2, "And then?")
        assert talk.engine.lines() == [("user", ASK), ("assistant", talk.engine.story), ("user", "and then")]
        assert talk.story()[-1] == "committed 2 2"


async def test_without_speculation_drafts_are_ignored(talking):
    async with talking(SessionConfig(speculate=False)) as talk:
        await talk.draft(1, ASK)
        await asyncio.sleep(1)
        assert talk.engine.asked == []
        await talk.say(1, ASK)
        assert talk.story() == ["committed 1 1"]


async def test_turning_speculation_off_drops_the_guess(talking):
    before = counted("dropped")
    async with talking() as talk:
        await talk.draft(1, ASK)
        await asyncio.sleep(0.1)
        await talk.choose(speculate=False)
        assert talk.story() == ["cancelled 1 1 draft"]
        await talk.draft(1, ASK, revision=2)
        await asyncio.sleep(1)
        assert talk.engine.given < 10
        assert len(talk.engine.asked) == 1
    assert counted("dropped") == before + 1


async def test_a_draft_whose_turn_never_comes_is_dropped_after_a_while(talking):
    async with talking() as talk:
        await talk.draft(1, ASK)
        await asyncio.sleep(LIFE_S - 0.1)
        assert talk.story() == []
        await asyncio.sleep(0.2)
        assert talk.story() == ["cancelled 1 1 draft"]
        assert talk.engine.running == 0
        await talk.say(1, ASK)
        assert talk.story()[-1] == "committed 2 1"


async def test_a_renewed_draft_lives_on(talking):
    async with talking() as talk:
        await talk.draft(1, ASK)
        await asyncio.sleep(LIFE_S - 1)
        await talk.draft(1, ASK, revision=2)
        await asyncio.sleep(LIFE_S - 1)
        await talk.say(1, ASK)
        assert talk.story() == ["committed 1 1"]


async def test_a_draft_whose_turn_never_comes_is_dropped_by_the_next_turn(talking):
    async with talking() as talk:
        await talk.draft(1, ASK)
        await asyncio.sleep(1)
        await talk.say(2, ASK)
        assert talk.story() == ["cancelled 1 1 draft", "committed 2 2"]


async def test_a_guess_is_cancelled_with_its_turn(talking):
    async with talking() as talk:
        await talk.draft(1, ASK)
        await asyncio.sleep(0.1)
        given = talk.engine.given
        await talk.cancel(1, "continued")
        await asyncio.sleep(1)
        assert talk.story() == ["cancelled 1 1 cancelled"]
        assert talk.engine.given <= given + 1
        assert talk.engine.running == 0


async def test_a_guess_that_fails_is_silent_until_it_becomes_an_answer(talking):
    async with talking() as talk:
        talk.engine.fails = True
        await talk.draft(1, ASK)
        await asyncio.sleep(6)
        assert [type(event).__name__ for event in talk.peer.events] == ["TurnDraft"]
        await talk.say(1, ASK)
        assert talk.story() == ["committed 1 1", "error 1 1 llm.engine", "done 1 1"]
        assert "sorry" in talk.words_of(1)


async def test_a_guess_that_fails_and_is_wrong_is_never_spoken_of(talking):
    async with talking() as talk:
        talk.engine.fails = True
        await talk.draft(1, "Tell me")
        await asyncio.sleep(1)
        talk.engine.fails = False
        await talk.say(1, ASK)
        await asyncio.sleep(2)
        assert talk.story() == ["cancelled 1 1 draft", "committed 2 1", "done 2 1"]


async def test_a_guess_that_takes_too_long_is_apologised_for_once_it_is_an_answer(talking):
    async with talking(deadline_s=2.0) as talk:
        talk.engine.word_s = 60.0
        await talk.draft(1, ASK)
        await asyncio.sleep(1)
        await talk.say(1, ASK)
        await asyncio.sleep(0.9)
        assert talk.story() == ["committed 1 1"]
        await asyncio.sleep(0.2)
        assert talk.story() == ["committed 1 1", "error 1 1 llm.deadline", "done 1 1"]


async def test_waiting_for_the_turn_costs_the_engine_none_of_its_deadline(talking):
    async with talking(deadline_s=1.0) as talk:
        await talk.draft(1, ASK)
        await asyncio.sleep(5)
        await talk.say(1, ASK)
        await asyncio.sleep(1)
        assert talk.story() == ["committed 1 1", "done 1 1"]


async def test_a_whole_reply_given_at_once_waits_after_two_sentences_too(talking):
    async with talking() as talk:
        talk.engine.at_once = True
        await talk.draft(1, ASK)
        await asyncio.sleep(1)
        assert len(talk.heard(LlmSentence)) == 2
        await talk.say(1, ASK)
        await asyncio.sleep(1)
        assert [done.sentences for done in talk.heard(LlmDone)] == [4]
        assert talk.words_of(1) == talk.engine.story


async def test_wasted_words_are_counted(talking):
    def wasted():
        return metrics.REGISTRY.get_sample_value("avatar_speculation_wasted_characters_total") or 0.0

    before = wasted()
    async with talking() as talk:
        await talk.draft(1, "Tell me")
        await asyncio.sleep(1)
        await talk.say(1, ASK)
        await asyncio.sleep(1)
    assert wasted() == before + len("Once there was a small town. It had seven houses. ")


async def test_a_hundred_drafts_leave_one_stream_and_one_answer(talking):
    async with talking() as talk:
        for revision in range(1, 101):
            await talk.draft(1, f"{ASK} {revision}", revision=revision)
        await talk.say(1, ASK)
        await asyncio.sleep(2)
        assert talk.engine.most_running == 1
        assert [event.reply for event in talk.heard(ReplyCommitted)] == [101]
        assert len(talk.heard(ReplyCancelled)) == 100
        assert talk.late_words() == []
