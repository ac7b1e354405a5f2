"""The scripted mind: fitting, varied, honest answers at a set pace."""

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from avatar_llm import intents, prompt
from avatar_llm.engines import scripted
from avatar_llm.engines.base import Message
from avatar_llm.settings import LlmSettings
from avatar_runtime import engines
from avatar_runtime.engines import EngineError

NOW = datetime(2026, 11, 20, 9, 5, tzinfo=ZoneInfo("UTC"))
TOPICS = {language: intents.load(language) for language in intents.LANGUAGES}


def thinker_with(user="Olena", **changes):
    engine = scripted.ScriptedEngine(LlmSettings(**changes), now=lambda: NOW)
    engine.load()
    return engine.open(prompt.load(), user)


@pytest.fixture(scope="module")
def thinker():
    return thinker_with()


def ask(thinker, *lines, language="en"):
    """The answer to the last of `lines`, which alternate between the person and the clone."""
    roles = ("user", "assistant")
    talk = [Message(roles[index % 2], line, language) for index, line in enumerate(lines)]
    return thinker.answer([Message("system", "Be kind.", language), *talk])


def test_the_registry_knows_the_engine():
    assert "scripted" in engines.names("llm")
    assert engines.create("llm", "scripted", LlmSettings()).info.name == "scripted"


def test_slots_are_filled(thinker):
    assert "9:05 AM" in ask(thinker, "What time is it?")
    assert "November 20, 2026" in ask(thinker, "What is the date today?")
    assert "Friday" in ask(thinker, "What day is it?")
    assert "Alex" in ask(thinker, "What is your name?")
    assert "Olena" in ask(thinker, "What is my name?")


def test_the_reply_is_in_the_language_of_the_turn(thinker):
    assert "20 листопада 2026 року" in ask(thinker, "Яке сьогодні число?", language="uk")
    assert "Алекс" in ask(thinker, "Як тебе звати?", language="uk")
    assert "англійську та українську" in ask(thinker, "Які мови ти знаєш?", language="uk")


def test_a_language_without_topics_is_answered_in_english(thinker):
    assert ask(thinker, "Wie geht es dir?", language="de") in TOPICS["en"].fallback


def test_facts_come_from_the_settings():
    thinker = thinker_with(facts={"machine": "a toaster", "cores": "2", "uptime": "a week"})
    assert "a toaster" in ask(thinker, "What computer do you run on?")


def test_without_a_user_name_nobody_is_called_by_it():
    thinker = thinker_with(user="")
    assert ask(thinker, "What is my name?") in TOPICS["en"].intents["my_name"].otherwise
    for line in TOPICS["en"].intents["greeting"].ask:
        assert "{" not in ask(thinker, line)


@pytest.mark.parametrize("language", intents.LANGUAGES)
def test_the_fallback_never_says_the_same_twice_in_a_row(thinker, language):
    talk = []
    answers = []
    for turn in range(12):
        talk += [f"zxqv wvrt {turn % 3}"]
        answers.append(ask(thinker, *talk, language=language))
        talk += [answers[-1]]
    assert all(answer in TOPICS[language].fallback for answer in answers)
    assert all(answers[turn] != answers[turn + 1] for turn in range(11))
    assert len(set(answers)) >= 4


def test_the_same_question_gets_another_answer(thinker):
    first = ask(thinker, "Tell me a joke.")
    second = ask(thinker, "Tell me a joke.", first, "Tell me a joke.")
    assert first != second


def test_the_same_conversation_gets_the_same_answer(thinker):
    assert ask(thinker, "Who are you?", "I am Alex.", "Why?") == ask(thinker, "Who are you?", "I am Alex.", "Why?")


def test_tell_me_more_goes_on_with_the_topic_before(thinker):
    topic = TOPICS["en"].intents["beckett"]
    first = ask(thinker, "Ever tried. Ever failed. No matter.")
    more = ask(thinker, "Ever tried. Ever failed. No matter.", first, "Tell me more.")
    assert first in topic.reply
    assert more in topic.more
    further = ask(thinker, "Ever tried. Ever failed.", first, "Tell me more.", more, "Thank you. Go on.")
    assert further in topic.more
    assert further != more


def test_why_gives_the_topics_reason(thinker):
    first = ask(thinker, "Яка сьогодні погода?", language="uk")
    assert ask(thinker, "Яка сьогодні погода?", first, "А чому?", language="uk") in TOPICS["uk"].intents["weather"].why


def test_a_follow_up_may_change_the_language(thinker):
    talk = [
        Message("system", "Be kind.", "en"),
        Message("user", "Tell me a story.", "en"),
        Message("assistant", "Here is a short one.", "en"),
        Message("user", "Розкажи більше.", "uk"),
    ]
    assert thinker.answer(talk) in TOPICS["uk"].intents["story"].more


def test_tell_me_more_about_nothing_asks_for_a_topic(thinker):
    assert ask(thinker, "Tell me more.") in TOPICS["en"].intents["more"].otherwise


def test_a_topic_told_to_its_end_says_so(thinker):
    topic = TOPICS["en"].intents["age"]
    said = ask(thinker, "How old are you?", topic.reply[1], "Tell me more.", topic.more[0], "Tell me more.")
    assert said in TOPICS["en"].intents["more"].reply


def test_it_repeats_what_was_heard(thinker):
    assert "I am glad you called." in ask(thinker, "Hello", "I am glad you called.", "Can you repeat that?")
    assert ask(thinker, "Say that again.") in TOPICS["en"].intents["repeat"].otherwise


@pytest.mark.parametrize(("language", "again"), [("en", "Say that again."), ("uk", "Повтори ще раз.")])
def test_what_was_repeated_is_repeated_without_its_announcement(thinker, language, again):
    talk = ["Hello", "The fog answered."]
    for _ in range(4):
        said = ask(thinker, *talk, again, language=language)
        assert said.endswith(". The fog answered.")
        assert said.count(".") == 2
        talk += [again, said]


def test_turns_nobody_answered_stand_before_the_question(thinker):
    assert "9:05" in ask(thinker, "Tell me a joke.\nWhat time is it?")


@pytest.mark.parametrize("said", ["😀", "؟مرحبا", "?", "x" * 4_000, "why " * 900])
def test_strange_turns_get_some_answer(thinker, said):
    assert ask(thinker, said).strip()


def test_an_unknown_time_zone_is_an_error_that_says_what_to_write():
    with pytest.raises(EngineError, match="Europe/Kyiv"):
        scripted.create(LlmSettings(timezone="Mars/Olympus"))


TURN = [Message("system", "Be kind.", "en"), Message("user", "Hello", "en")]


async def timed(stream, dawdle_s=0.0):
    """Words and when each came, in seconds since the stream was asked for."""
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    got = []
    async for word in stream:
        got.append((word, loop.time() - start_s))
        await asyncio.sleep(dawdle_s)
    return got


@pytest.mark.virtual_time
@pytest.mark.parametrize("dawdle_s", [0.0, 0.004, 0.0099])
async def test_words_come_when_a_model_would_give_them_however_slow_the_listener(dawdle_s):
    thinker = thinker_with(scripted_reply="word " * 20, first_token_ms=50, tokens_per_s=130)
    got = await timed(thinker.stream(TURN), dawdle_s)
    assert "".join(word for word, _ in got) == " ".join(["word"] * 20)
    assert [at for _, at in got] == pytest.approx([0.05 + index * 1.3 / 130 for index in range(20)], abs=1e-6)


@pytest.mark.virtual_time
async def test_a_listener_who_falls_behind_gets_what_is_due_at_once():
    thinker = thinker_with(scripted_reply="word " * 5, first_token_ms=0, tokens_per_s=130)
    got = await timed(thinker.stream(TURN), dawdle_s=0.1)
    assert [at for _, at in got] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4], abs=1e-6)


async def test_the_reply_for_measurements_is_said_word_for_word():
    thinker = thinker_with(scripted_reply="One two three. Four.", first_token_ms=0, tokens_per_s=10_000)
    assert "".join([word async for word in thinker.stream(TURN)]) == "One two three. Four."


async def test_cancel_ends_the_stream_at_once():
    thinker = thinker_with(scripted_reply="word " * 20, first_token_ms=5_000)
    stream = asyncio.create_task(timed(thinker.stream(TURN)))
    await asyncio.sleep(0.02)
    thinker.cancel()
    for _ in range(3):  # turns of the event loop: no clock is involved
        await asyncio.sleep(0)
    assert stream.done()
    assert await stream == []


async def test_a_cancelled_thinker_answers_the_next_turn():
    thinker = thinker_with(scripted_reply="Yes.", first_token_ms=0)
    thinker.cancel()
    assert [word async for word in thinker.stream(TURN)] == ["Yes."]


def test_settings_refuse_a_pace_that_is_none():
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"tokens_per_s": 0}, LlmSettings)
