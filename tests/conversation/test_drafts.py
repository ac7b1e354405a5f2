"""Thinking inside the pause: replies begun on a guess, heard only when the guess was right."""

import pytest

from avatar_contracts import LlmSentence, ReplyCommitted, TurnDraft, TurnText

both_languages = pytest.mark.parametrize("talk", ["en", "uk"], indirect=True)


@both_languages
async def test_a_right_draft_is_committed_and_its_answer_begins_at_once(talk):
    talk.mind.first_s = 0.03
    sound = await talk.says(talk.say.question)
    began = await talk.answer_sounds()
    assert talk.drafts() == [talk.say.question]
    assert talk.questions() == [talk.say.question]
    assert talk.committed() == [1]
    assert began - talk.wire.times(TurnText)[0] <= 0.05
    assert began - sound.end / 16_000 <= 0.45
    await talk.settles()
    assert talk.played() == talk.made(1)


async def test_without_speculation_the_mind_is_asked_only_when_the_turn_is_over(begin):
    talk = await begin(speculate=False)
    await talk.says(talk.say.question)
    began = await talk.answer_sounds()
    assert talk.drafts() == []
    assert talk.questions() == [talk.say.question]
    assert began - talk.wire.times(TurnText)[0] > 0.1
    await talk.settles()
    assert talk.cancelled() == []


async def test_speculation_answers_sooner_than_none(begin):
    delays = []
    for speculate in (True, False):
        talk = await begin(speculate=speculate)
        sound = await talk.says(talk.say.question)
        delays.append(await talk.answer_sounds() - sound.end / 16_000)
        await talk.settles()
    assert delays[0] < delays[1] - 0.1


@both_languages
async def test_a_wrong_draft_is_cancelled_and_nothing_of_it_is_heard(talk):
    await talk.says(talk.say.question, pause=0.25, then=talk.say.more)
    await talk.settles()
    whole = talk.bare(f"{talk.say.question} {talk.say.more}")
    assert talk.turns() == [whole]
    assert talk.drafts() == [talk.say.question, whole]
    assert talk.cancelled("draft") == [1]
    assert talk.committed() == [2]
    assert talk.played() == talk.made(1)


async def test_a_draft_with_the_same_words_keeps_its_reply(talk):
    """A cough in the pause renews the draft, whose words are the same."""
    sound = talk.begins(talk.say.question, over=0.1)
    talk.stage.room.clatter(sound.end + 4_800, 0.15, heard_as="")
    await talk.turn_ends()
    await talk.settles()
    assert talk.questions() == [talk.say.question]
    assert talk.cancelled("draft") == []


async def test_a_turn_has_three_drafts_at_most(talk):
    parts = ["I was at home", "my brother came in", "he was very tired", "we had some tea", "it was too late"]
    begin = round(talk.now() * 16_000)
    for part in parts:
        sound = talk.stage.room.speak(begin, part, over=0.1)
        begin = sound.end + 5_600
    await talk.settles()
    assert len(talk.turns()) == 1
    assert len(talk.drafts()) == 3
    assert len(talk.committed()) == 1


async def test_a_turn_longer_than_ten_seconds_is_not_drafted(talk):
    sound = talk.begins(" ".join(f"thing{count}" for count in range(36)), word_s=0.32, over=0.1)
    sound = talk.stage.room.speak(sound.end + 5_600, "it was too late")
    await talk.settles()
    assert talk.drafts() == []
    assert len(talk.turns()) == 1


async def test_a_speculative_reply_stops_after_two_sentences(talk):
    """The pause is long, the mind is fast: no more than two sentences are made before the turn is over."""
    talk.mind.word_s = 0.001
    await talk.says(talk.say.question, over=0.1)
    await talk.turn_ends()
    committed = talk.wire.times(TurnText)[0]
    made = [at for at in talk.wire.times(LlmSentence) if at < committed]
    assert 1 <= len(made) <= 2
    await talk.settles()
    assert talk.played() == talk.made(1)


async def test_an_uncommitted_answer_makes_no_sound(talk):
    talk.mind.first_s = 0.02
    await talk.says(talk.say.question, over=0.1)
    await talk.draft_begins()
    await talk.wait(0.5)
    assert talk.wire.of(ReplyCommitted) == []
    assert talk.stretches() == []
    began = await talk.answer_sounds()
    assert began >= talk.wire.times(ReplyCommitted)[0]
    await talk.settles()


async def test_while_the_clone_speaks_an_undecided_voice_is_not_drafted(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    drafts = len(talk.drafts())
    await talk.hums()
    await talk.settles()
    assert len(talk.drafts()) == drafts


async def test_a_draft_leaves_the_answer_that_still_plays_alone(talk):
    """The interruption is drafted in its pause; the old answer was ended by the cancel, not by the draft."""
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    await talk.says(talk.say.interruption)
    await talk.settles()
    barge_in = talk.cancels().index("barge_in")
    assert barge_in == 0
    assert talk.cancelled("draft") == []
    assert talk.played(2) == talk.made(2)


async def test_drafts_of_one_turn_carry_growing_revisions(talk):
    await talk.says(talk.say.question, pause=0.25, then=talk.say.more)
    await talk.settles()
    assert [draft.revision for draft in talk.wire.of(TurnDraft)] == [1, 2]
