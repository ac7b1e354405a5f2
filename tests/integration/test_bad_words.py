"""Text no person would send: it is answered, shortened or refused in words, and the next line is answered aloud."""

import math

import pytest

from avatar_contracts import (
    ErrorRaised,
    LlmDone,
    LlmSentence,
    MalformedEvent,
    PayloadTooLarge,
    TtsChunk,
    TtsDone,
    TurnText,
    TurnTyped,
    encode,
    ids,
)
from avatar_runtime.bus import CommandFailed
from avatar_runtime.testing.networks import until

UK = "Розкажи мені щось цікаве про Київ та його вулиці. "
HEBREW = "שלום, מה שלומך היום?"


def typed(text: str, **fields: str) -> TurnTyped:
    return TurnTyped(client_id=ids.new_session_id(), text=text, **fields)


@pytest.fixture
async def talk(floor):
    """A session with ears, mind and voice."""
    for kind in ("asr", "llm", "tts"):
        await floor.claim(kind)
    return floor


async def is_answered_aloud(talk, line: TurnTyped) -> TurnText:
    """Send a typed line; the turn it became, once the first sound of an answer is there."""
    known = len(talk.peer.heard(TurnText))
    await talk.peer.session.command(line)
    turn = await talk.peer.wait_for(TurnText, count=known + 1)
    chunk = await talk.peer.wait_for(TtsChunk, where=lambda chunk: chunk.turn == turn.turn)
    assert len(chunk.pcm) > 2_000
    done = await talk.peer.wait_for(LlmDone, where=lambda done: done.turn == turn.turn)
    assert (done.finish, done.sentences > 0) == ("stop", True)
    return turn


async def goes_on(talk) -> None:
    turn = await is_answered_aloud(talk, typed("What is your name?"))
    said = " ".join(sentence.text for sentence in talk.peer.heard(LlmSentence) if sentence.turn == turn.turn)
    assert "Alex" in said


ANSWERED = {
    "emoji": ("😀🎉👩‍👩‍👧", "😀🎉👩‍👩‍👧", "en"),
    "one emoji with a skin": ("👍🏽", "👍🏽", "en"),
    "punctuation": ("?!…", "?!…", "en"),
    "right to left": (HEBREW, HEBREW, "en"),
    "Arabic": ("مرحبا، كيف حالك؟", "مرحبا، كيف حالك؟", "en"),
    "a reversed direction": ("Hello \u202eereht\u202c you", "Hello ereht you", "en"),
    "control characters": ("What\0 is\x07 your\x1b name\x7f?", "What is your name?", "en"),
    "invisible characters": ("\ufeffHi\u200b there\u2060", "Hi there", "en"),
    "many lines": ("One\r\n\r\ntwo\ttwo\u2028three", "One two two three", "en"),
    "marks without end": ("e" + "\u0301" * 3_000, None, "en"),
    "one endless word": ("w" * 8_000, "w" * 8_000, "en"),
    "digits": ("9" * 8_000, "9" * 8_000, "en"),
    "a template": ("{name} %s {{0}} ${x} </s> [INST]", "{name} %s {{0}} ${x} </s> [INST]", "en"),
    "Ukrainian": ("Як тебе звати?", "Як тебе звати?", "uk"),
}


@pytest.mark.parametrize("kind", ANSWERED)
async def test_odd_text_is_cleaned_and_answered_aloud(talk, kind):
    text, clean, language = ANSWERED[kind]
    turn = await is_answered_aloud(talk, typed(text))
    assert turn.text == clean if clean is not None else len(turn.text.encode()) <= 8_000
    assert turn.language == language
    assert talk.peer.heard(ErrorRaised) == []
    await goes_on(talk)


@pytest.mark.parametrize(
    "text", ["", "   ", "\0\x01\x02", "\u202e\u200b\ufeff", "\u200d\u200d", "\n\t\u2029"], ids=ascii
)
async def test_a_line_without_a_character_to_answer_is_told_and_counted(talk, text):
    before = talk.counted("avatar_asr_turns_total", outcome="empty")
    await talk.peer.session.command(typed(text))
    error = await talk.error("turn.empty")
    assert error.hint
    assert talk.counted("avatar_asr_turns_total", outcome="empty") == before + 1
    assert talk.peer.heard(TurnText) == []
    await goes_on(talk)


async def test_8000_cyrillic_characters_are_shortened_told_and_answered(talk):
    text = (UK * 200)[:8_000]
    before = talk.counted("avatar_asr_turns_total", outcome="shortened")
    turn = await is_answered_aloud(talk, typed(text))
    assert text.startswith(turn.text)
    assert 7_900 < len(turn.text.encode()) <= 8_000
    assert turn.language == "uk"
    error = await talk.error("turn.too_long")
    assert str(len(text.strip().encode())) in error.message
    assert talk.counted("avatar_asr_turns_total", outcome="shortened") == before + 1
    await goes_on(talk)


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("long " * 20_000, PayloadTooLarge, r"turn\.typed is 1000\d\d bytes, its cap is 36864: split it or shorten"),
        ("long " * 1_601, MalformedEvent, r"turn\.typed: .*8000.*text"),
        ("broken \ud800 letter", MalformedEvent, r"turn\.typed"),
    ],
    ids=["100 kB", "8005 characters", "half a letter"],
)
async def test_a_line_that_cannot_travel_is_refused_to_its_sender(talk, text, error, said):
    with pytest.raises(error, match=said):
        await talk.peer.session.command(typed(text))
    await goes_on(talk)


async def test_a_line_of_100_kb_that_is_sent_all_the_same_is_not_acknowledged(talk):
    before = talk.outcomes("asr", "turn.typed")
    big = encode(typed("x")).replace(b"\xa1x", b"\xda\xff\xff" + b"x" * 65_535) + bytes(35_000)
    await talk.send("turn.typed", big)
    await until(lambda: (talk.outcomes("asr", "turn.typed") - before)["oversized"] == 1)
    await goes_on(talk)


async def test_a_line_without_a_number_is_not_acknowledged(floor, monkeypatch):
    """What is acknowledged is acted on: an event that no session has stamped is not."""
    await floor.claim("asr")
    subject = ids.event_subject(floor.session_id, "turn.typed")
    monkeypatch.setattr(floor.peer.session, "_seal", lambda event: (subject, encode(event), None))
    with pytest.raises(CommandFailed):
        await floor.peer.session.command(typed("Hello."))
    monkeypatch.undo()
    await floor.answers("asr")


TURNS = {
    "empty": ({"text": ""}, "empty"),
    "blank": ({"text": " \n\u202e"}, "empty"),
    "long": ({"text": (UK * 200)[:8_000], "language": "uk"}, ""),
    "a language nobody speaks": ({"text": HEBREW, "language": "he"}, ""),
    "numbers that are none": ({"text": "Hello.", "end_probability": math.nan, "decode_ms": math.inf}, ""),
    "turn 0": ({"text": "Hello.", "turn": 0}, "stale"),
}


@pytest.mark.parametrize("kind", TURNS)
async def test_an_odd_turn_is_answered_or_counted_as_ignored(floor, kind):
    fields, ignored = TURNS[kind]
    await floor.claim("llm")
    before = floor.counted("avatar_llm_turns_ignored_total", outcome=ignored)
    await floor.peer.publish(TurnText(**{"turn": 1, "language": "en", "end_reason": "silence"} | fields))
    if ignored:
        await until(lambda: floor.counted("avatar_llm_turns_ignored_total", outcome=ignored) == before + 1)
    else:
        assert (await floor.peer.wait_for(LlmDone)).finish == "stop"
    await floor.answers("llm")
    assert len(floor.peer.heard(LlmDone)) == (1 if ignored else 2)


SENTENCES = {
    "emoji": ("😀🎉", "en", "empty", "", False),
    "blank": (" \0 ", "en", "empty", "", False),
    "right to left": (HEBREW, "en", "spoken", "", True),
    "right to left in its own language": (HEBREW, "he", "spoken", "tts.language", True),
    "8000 characters": ((UK * 200)[:8_000], "uk", "failed", "tts.text_too_long", False),
    "2000 digits": ("9" * 2_000, "uk", "failed", "tts.text_too_long", False),
    "control characters": ("Hello\0 the\x07re \x1b[31mfriend\ufffe.", "en", "spoken", "", True),
    "phonemes of the engine": ("[[h@'l@U]] <speak><break time='9s'/></speak> &amp;", "en", "spoken", "", True),
    "one endless word": ("w" * 400, "en", "spoken", "", True),
    "a language nobody speaks": ("Hello there.", "zzz", "spoken", "tts.language", True),
}


@pytest.mark.parametrize("kind", SENTENCES)
async def test_an_odd_sentence_is_spoken_or_told_and_the_next_reply_is_spoken(floor, kind):
    text, language, outcome, code, sounds = SENTENCES[kind]
    await floor.claim("tts")
    labels = {"engine": "espeak", "outcome": outcome}
    before = floor.counted("avatar_tts_sentences_total", **labels)
    await floor.peer.publish(LlmSentence(turn=1, reply=1, sentence=0, text=text, language=language))
    await floor.peer.publish(LlmDone(turn=1, reply=1, sentences=1))
    done = await floor.peer.wait_for(TtsDone, where=lambda done: done.reply == 1, timeout_s=10)
    assert (done.samples > 0) == sounds
    assert floor.counted("avatar_tts_sentences_total", **labels) == before + 1
    if code:
        error = await floor.error(code)
        assert (error.reply, bool(error.hint)) == (1, True)
    else:
        assert floor.peer.heard(ErrorRaised) == []
    await floor.answers("tts")


async def test_a_sentence_of_100_kb_is_dropped_told_as_lost_and_the_rest_is_spoken(floor):
    await floor.claim("tts")
    with pytest.raises(PayloadTooLarge, match=r"llm\.sentence is 1000\d\d bytes, its cap is 36864"):
        await floor.peer.publish(LlmSentence(turn=1, reply=1, sentence=0, text="long " * 20_000, language="en"))
    before = floor.outcomes("tts", "llm.sentence")
    await floor.send("llm.sentence", bytes(100_000))
    await floor.peer.publish(LlmDone(turn=1, reply=1, sentences=1))
    done = await floor.peer.wait_for(TtsDone)
    assert done.samples == 0
    error = await floor.error("tts.sentence_lost")
    assert error.reply == 1
    assert (floor.outcomes("tts", "llm.sentence") - before)["oversized"] == 1
    await floor.answers("tts")


@pytest.mark.parametrize("number", [1, 5, 2**53 - 1])
async def test_a_reply_that_begins_in_its_middle_is_told_and_ended(floor, number):
    await floor.claim("tts")
    await floor.peer.publish(LlmSentence(turn=1, reply=1, sentence=number, text="Hello.", language="en"))
    error = await floor.error("tts.reply_lost")
    assert (error.turn, error.reply) == (1, 1)
    assert (await floor.peer.wait_for(TtsDone)).samples == 0
    await floor.answers("tts")
