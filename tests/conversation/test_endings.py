"""When a turn is over: patience, words that promise more, and people who never stop."""

import pytest

from avatar_contracts import TurnText


def ended_after(talk, sound, number=0):
    """Seconds from the last voiced sample to the turn's text."""
    return talk.wire.times(TurnText)[number] - sound.end / 16_000


@pytest.mark.parametrize("talk", ["en", "uk"], indirect=True)
async def test_a_sure_end_is_taken_after_300_ms(talk):
    sound = await talk.says(talk.say.question)
    await talk.turn_ends()
    assert 0.28 <= ended_after(talk, sound) <= 0.4


async def test_an_unsure_end_waits_until_600_ms(talk):
    sound = await talk.says(talk.say.question, over=0.51)
    await talk.turn_ends()
    assert 0.55 <= ended_after(talk, sound) <= 0.7


async def test_an_end_that_does_not_sound_like_one_waits_for_the_cap(talk):
    sound = await talk.says(talk.say.question, over=0.1)
    await talk.turn_ends()
    assert 0.95 <= ended_after(talk, sound) <= 1.1


@pytest.mark.parametrize("talk", ["en", "uk"], indirect=True)
async def test_words_that_promise_more_hold_the_turn_although_it_sounds_over(talk):
    sound = await talk.says(talk.say.unfinished, over=0.95)
    await talk.turn_ends()
    assert 1.6 <= ended_after(talk, sound) <= 1.95
    assert talk.drafts() == []


@pytest.mark.parametrize("talk", ["en", "uk"], indirect=True)
@pytest.mark.parametrize("pause", [0.6, 0.9, 1.4])
async def test_a_pause_after_words_that_promise_more_is_never_talked_over(talk, pause):
    await talk.says(talk.say.unfinished, pause=pause, then=talk.say.rest, over=0.95)
    await talk.settles()
    assert talk.turns() == [f"{talk.say.unfinished} {talk.say.rest}"]
    assert talk.cancels() == []


@pytest.mark.parametrize("pause", [0.3, 0.6, 0.9])
async def test_a_pause_that_does_not_sound_like_an_end_is_never_talked_over(talk, pause):
    await talk.says(talk.say.question, pause=pause, then=talk.say.more, over=0.1)
    await talk.settles()
    assert len(talk.turns()) == 1


@pytest.mark.parametrize("pause", [0.5, 0.6, 0.9, 1.5])
async def test_a_pause_that_sounded_like_an_end_costs_no_word_and_one_answer(talk, pause):
    await talk.says(talk.say.question, pause=pause, then=talk.say.more, over=0.95)
    await talk.settles()
    assert talk.turns()[-1] == talk.bare(f"{talk.say.question} {talk.say.more}")
    last = talk.texts()[-1]
    assert talk.played(last.turn) == talk.made(last.turn)


async def test_patience_moves_the_end_of_a_turn(begin):
    waited = {}
    for patience in ("eager", "balanced", "patient"):
        talk = await begin(patience=patience)
        sound = await talk.says(talk.say.question)
        await talk.turn_ends()
        waited[patience] = ended_after(talk, sound)
        await talk.settles()
    assert waited["eager"] < waited["balanced"] < waited["patient"]
    assert waited["eager"] <= 0.3
    assert waited["patient"] >= 0.74


async def test_a_patient_clone_answers_into_no_pause_of_600_ms(begin):
    talk = await begin(patience="patient")
    await talk.says(talk.say.question, pause=0.6, then=talk.say.more, over=0.99)
    await talk.settles()
    assert talk.turns() == [talk.bare(f"{talk.say.question} {talk.say.more}")]
    assert talk.cancels() == []


async def test_an_eager_clone_still_holds_words_that_promise_more(begin):
    talk = await begin(patience="eager")
    await talk.says(talk.say.unfinished, pause=0.9, then=talk.say.rest, over=0.95)
    await talk.settles()
    assert talk.turns() == [f"{talk.say.unfinished} {talk.say.rest}"]


async def test_patience_can_be_changed_during_the_call(talk):
    first = await talk.says(talk.say.question)
    await talk.turn_ends()
    before = ended_after(talk, first)
    await talk.settles()
    await talk.switches(patience="patient")
    second = await talk.says(talk.say.other)
    await talk.turn_ends(2)
    assert before < 0.4
    assert ended_after(talk, second, 1) >= 0.74


async def test_a_speaker_who_never_stops_ends_in_turns_of_bounded_length(talk):
    sound = talk.begins(" ".join(f"word{count}" for count in range(400)), word_s=0.4)
    await talk.until_sample(sound.end)
    await talk.settles()
    assert len(talk.turns()) >= 2
    lengths = [(turn.speech_end - turn.speech_start) / 16_000 for turn in talk.texts()]
    assert max(lengths) <= 75.0
    words = " ".join(talk.turns()).split()
    assert len(words) == len(set(words)), "a word came twice"
    assert len(words) >= 390, "words were lost"
    assert len(talk.drafts()) <= 3 * len(lengths)


async def test_a_microphone_stuck_loud_ends_in_a_bounded_silent_state(talk):
    talk.stage.room.stuck_since = round(talk.now() * 16_000)
    await talk.wait(150.0)
    assert talk.turns() == []
    assert talk.questions() == []
    assert len(talk.stage.ears.counts.decodes) < 400
    talk.stage.room.stuck_since = -1
    await talk.settles()
    await talk.says(talk.say.question)
    await talk.settles()
    assert talk.turns() == [talk.say.question]


async def test_a_microphone_stuck_loud_while_the_clone_speaks_does_not_silence_it_for_ever(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    talk.stage.room.stuck_since = round(talk.now() * 16_000)
    await talk.wait(40.0)
    talk.stage.room.stuck_since = -1
    await talk.settles()
    assert len(talk.turns()) <= 2
