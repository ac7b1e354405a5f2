"""Events that are late, doubled, lost, or out of order: never a word of the wrong reply."""

import pytest

from avatar_contracts import (
    LlmDelta,
    LlmDone,
    LlmSentence,
    PlaybackProgress,
    ReplyCancelled,
    ReplyCommitted,
    SpeechOverlap,
    SpeechStarted,
    SpeechStopped,
    TtsChunk,
    TtsDone,
    TurnCancel,
    TurnDraft,
    TurnText,
)

EVERYTHING = (
    SpeechStarted, SpeechStopped, SpeechOverlap, TurnDraft, TurnText, TurnCancel, LlmDelta, LlmSentence, LlmDone,
    ReplyCommitted, ReplyCancelled, TtsChunk, TtsDone, PlaybackProgress,
)  # fmt: skip


async def a_talk_with_everything_in_it(talk):
    """A wrong draft, a merge, a hum, an interruption."""
    await talk.says(talk.say.question, pause=0.25, then=talk.say.more)
    await talk.answer_sounds(for_s=0.5)
    await talk.says(talk.say.even_more)
    await talk.answer_sounds(for_s=2.0)
    await talk.hums()
    await talk.wait(1.0)
    await talk.says(talk.say.interruption)
    await talk.settles()


async def test_everything_doubled_changes_nothing(talk):
    talk.wire.double(*EVERYTHING, after=0.03)
    await a_talk_with_everything_in_it(talk)
    assert talk.turns()[-1] == talk.say.interruption
    last = talk.texts()[-1]
    assert talk.played(last.turn) == talk.made(last.turn)


@pytest.mark.parametrize("kind", EVERYTHING, ids=lambda kind: kind.__name__)
async def test_one_kind_of_event_doubled_much_later_changes_nothing(talk, kind):
    talk.wire.double(kind, after=0.7)
    await a_talk_with_everything_in_it(talk)
    last = talk.texts()[-1]
    assert talk.played(last.turn) == talk.made(last.turn)


@pytest.mark.parametrize("kind", EVERYTHING, ids=lambda kind: kind.__name__)
async def test_one_kind_of_event_late_by_200_ms_never_brings_a_wrong_word(talk, kind):
    talk.wire.delay(kind, by=0.2)
    talk.lossy = kind in (PlaybackProgress, TtsChunk)
    talk.expected_errors = ["tts."]
    await talk.says(talk.say.question, pause=0.25, then=talk.say.more)
    await talk.answer_sounds(for_s=2.5)
    await talk.says(talk.say.interruption)
    await talk.settles()
    talk.wire.heal()
    await talk.says(talk.say.other)
    await talk.settles()
    assert talk.played(talk.texts()[-1].turn) == talk.made(talk.texts()[-1].turn)


@pytest.mark.parametrize(
    "kind",
    [SpeechStarted, SpeechStopped, SpeechOverlap, TurnDraft, TurnCancel, ReplyCancelled, LlmDone, TtsDone],
    ids=lambda kind: kind.__name__,
)
async def test_one_kind_of_event_lost_for_a_while_ends_in_listening(talk, kind):
    talk.expected_errors = ["tts.", "llm."]
    talk.wire.lose(kind)
    await talk.says(talk.say.question, pause=0.25, then=talk.say.more)
    await talk.answer_sounds(for_s=2.5)
    await talk.says(talk.say.interruption)
    await talk.settles()
    talk.wire.heal()
    await talk.says(talk.say.other)
    await talk.settles()
    assert talk.turns()[-1] == talk.say.other
    assert talk.played(talk.texts()[-1].turn) == talk.made(talk.texts()[-1].turn)


async def test_a_resume_that_is_lost_does_not_leave_the_clone_silent(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    talk.wire.lose(SpeechOverlap, where=lambda event: event.state == "resume")
    await talk.holds()
    await talk.settles()
    assert talk.overlaps()[-1] == "resume noise"
    assert talk.everything_was_heard(1)


async def test_a_sentence_that_is_lost_is_left_out_and_the_rest_is_heard(talk):
    talk.expected_errors = ["tts.sentence_lost"]
    talk.wire.lose(LlmSentence, where=lambda event: event.sentence == 1)
    talk.lossy = True
    await talk.says(talk.say.question)
    await talk.settles()
    assert talk.played().startswith("here is a little story for you every morning")


async def test_a_chunk_that_is_lost_leaves_a_gap_and_no_noise(talk):
    talk.lossy = True
    talk.wire.lose(TtsChunk, where=lambda event: event.sentence == 1 and event.words and not event.last)
    await talk.says(talk.say.question)
    await talk.settles()
    assert talk.played().endswith("nobody ever learned where it had come from")


async def test_a_commit_that_is_late_only_makes_the_answer_late(talk):
    talk.wire.delay(ReplyCommitted, by=0.5)
    await talk.says(talk.say.question)
    await talk.settles()
    assert talk.played() == talk.made(1)


async def test_old_words_of_the_ears_said_again_change_nothing(talk):
    talk.mind.answers = {"weather": "It is fine and warm today."}
    await talk.says(talk.say.question)
    await talk.settles()
    talk.wire.replay(TurnText, TurnDraft, SpeechStarted, SpeechStopped)
    await talk.wait(4.0)
    assert talk.played() == "it is fine and warm today"
    assert talk.questions() == [talk.say.question]
