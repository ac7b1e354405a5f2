"""What is seen: the face rests when the voice rests, and speaks when it speaks."""

import pytest

from avatar_contracts import TurnCancel

IDLE_S = 0.16
"""From the decision to the idle face."""


@pytest.fixture
async def talk(begin):
    return await begin(face=True)


async def test_the_face_rests_when_an_interruption_is_decided(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    await talk.says(talk.say.interruption)
    await talk.settles()
    decided = talk.wire.times(TurnCancel)[0]
    assert talk.stage.screen.idle_after(decided) <= IDLE_S


async def test_the_face_rests_at_once_when_the_stop_key_is_pressed(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    pressed = talk.now()
    await talk.presses_stop()
    await talk.settles()
    assert talk.stage.screen.idle_after(pressed) <= IDLE_S


async def test_the_face_speaks_again_with_a_resumed_answer(talk):
    await talk.says(talk.say.question)
    await talk.answer_sounds(for_s=2.5)
    await talk.clatters(0.6, heard_as="")
    await talk.settles()
    resumed = talk.time_of("resume")
    seen = [reply for at, reply in talk.stage.screen.shown if resumed + 0.3 < at < resumed + 2.0]
    assert seen.count(1) >= 0.9 * len(seen)


async def test_a_draft_that_guessed_wrong_is_never_seen(talk):
    await talk.says(talk.say.question, pause=0.25, then=talk.say.more)
    await talk.settles()
    assert talk.cancelled("draft") == [1]
    assert {reply for _, reply in talk.stage.screen.shown} == {0, 2}


async def test_the_face_is_seen_to_speak_while_the_clone_is_heard(talk):
    await talk.says(talk.say.question)
    began = await talk.answer_sounds(for_s=3.0)
    until = talk.now()
    await talk.settles()
    seen = [reply for at, reply in talk.stage.screen.shown if began + 0.1 < at < until]
    assert seen.count(1) >= 0.9 * len(seen)
