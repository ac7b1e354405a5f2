"""The topics: enough of them, and found in words nobody wrote down for them."""

import string
from pathlib import Path

import pytest
import yaml

from avatar_llm import intents, words
from avatar_runtime.engines import EngineError

KNOWN_SLOTS = {"name", "about", "user", "time", "date", "weekday", "part_of_day", "last_reply", "languages"}
FACTS = {"machine", "cores", "uptime"}
TOPICS = {language: intents.load(language) for language in intents.LANGUAGES}


def held_out(language):
    path = Path(__file__).parent / "data" / f"held_out_{language}.yaml"
    lines = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [(name, line) for name, block in lines.items() for line in block.splitlines()]


@pytest.mark.parametrize("language", intents.LANGUAGES)
def test_every_topic_knows_fifteen_phrasings_and_varies_its_answers(language):
    topics = TOPICS[language]
    assert len(topics.intents) >= 30
    assert len(set(topics.fallback)) >= 4
    for intent in topics.intents.values():
        assert len({words.spread(line) for line in intent.ask}) >= 15, intent.name
        assert len(set(intent.reply)) >= 2, intent.name


@pytest.mark.parametrize("language", intents.LANGUAGES)
def test_no_phrasing_belongs_to_two_topics(language):
    owners = {}
    for intent in TOPICS[language].intents.values():
        for line in intent.ask:
            assert owners.setdefault(words.spread(line), intent.name) == intent.name, line


@pytest.mark.parametrize("language", intents.LANGUAGES)
def test_replies_use_only_slots_that_exist(language):
    for intent in TOPICS[language].intents.values():
        for line in (*intent.reply, *intent.more, *intent.why, *intent.otherwise):
            used = {slot for _, slot, _, _ in string.Formatter().parse(line) if slot is not None}
            assert used <= KNOWN_SLOTS | FACTS, line


def test_both_languages_know_the_same_topics():
    assert list(TOPICS["en"].intents) == list(TOPICS["uk"].intents)


@pytest.mark.parametrize("language", intents.LANGUAGES)
def test_paraphrases_that_were_never_written_down_are_understood(language):
    known = {words.spread(line) for intent in TOPICS[language].intents.values() for line in intent.ask}
    wrong = []
    total = 0
    for name, line in held_out(language):
        if name == "nothing":
            continue
        total += 1
        assert words.spread(line) not in known, f"{line} is no paraphrase"
        found, score = TOPICS[language].find(line)
        if found is None or found.name != name:
            wrong.append((line, name, found and found.name, round(score, 2)))
    assert total >= 150
    assert 1 - len(wrong) / total >= 0.9, wrong


@pytest.mark.parametrize("language", intents.LANGUAGES)
def test_strange_sentences_are_not_taken_for_a_topic(language):
    strange = [line for name, line in held_out(language) if name == "nothing"]
    taken = [line for line in strange if TOPICS[language].find(line)[0] is not None]
    assert len(strange) >= 20
    assert len(taken) / len(strange) <= 0.1, taken


@pytest.mark.parametrize(
    ("heard", "topic"),
    [
        ("WHAT IS YOUR NAME", "your_name"),
        ("wat is you're name", "your_name"),
        ("Tell me a joak.", "joke"),
        ("whats the time??", "time"),
        ("Can't you see me?", "see_me"),
        ("Okay. And, um, what's the whether like today?", "weather"),
        ("Hi Alex, what day is it?", "weekday"),
        ("Hello. Ever tried, ever failed.", "beckett"),
        ("Thank you. Goodbye.", "goodbye"),
    ],
)
def test_what_an_ear_mishears_is_still_understood(heard, topic):
    found, _ = TOPICS["en"].find(heard, ignore=frozenset({"alex"}))
    assert found is not None
    assert found.name == topic


def test_small_talk_gives_way_to_the_question_beside_it():
    assert TOPICS["en"].find("Hello!")[0].name == "greeting"
    assert TOPICS["en"].find("Hello, who are you?")[0].name == "who_are_you"
    assert TOPICS["uk"].find("Привіт, а котра година?")[0].name == "time"


@pytest.mark.parametrize("text", ["", "😀😀", "...", "مرحبا كيف حالك", "x" * 5_000, "a, " * 5_000, "12345"])
def test_text_without_any_known_word_is_no_topic(text):
    assert TOPICS["en"].find(text)[0] is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("language: en\nfallback: what\nintents: {hi: {ask: hello, reply: ''}}", "intents.hi"),
        ("language: en\nfallback: what\nintents: {hi: {ask: hello, reply: hi, aks: x}}", "aks"),
        ("language: en\nfallback: what\nintents: {m: {ask: more, reply: nope, follows: more}}", "otherwise"),
        ("language: en\nfallback: ''\nintents: {hi: {ask: hello, reply: hi}}", "fallback"),
        ("language: [", "expected"),
        ("", "Expected `object`"),
    ],
)
def test_a_broken_topics_file_is_named_by_what_is_wrong(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        intents.parse(text)


def test_a_language_without_topics_is_an_engine_error():
    with pytest.raises(EngineError, match="intents_xx"):
        intents.load("xx")
