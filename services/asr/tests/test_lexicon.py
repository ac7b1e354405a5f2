"""What the words of a turn say about the turn: bounds on whole lists, and the single cases that matter."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_asr.lexicon import Lexicon

SENTENCES = tomllib.loads((Path(__file__).parent / "sentences.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return Lexicon()


@pytest.mark.parametrize("language", ["en", "uk"])
def test_words_that_promise_more_are_told_from_complete_sentences(lexicon, language):
    complete, cut = SENTENCES["complete"][language], SENTENCES["cut"][language]
    false = [text for text in complete if lexicon.unfinished(text)]
    missed = [text for text in cut if not lexicon.unfinished(text)]
    assert len(complete) >= 200
    assert len(cut) >= 100
    assert len(false) <= 0.02 * len(complete), false
    assert len(missed) <= 0.08 * len(cut), missed


@pytest.mark.parametrize("end", ["", ".", "?", "!"])
@pytest.mark.parametrize("text", ["I went to the", "My name is", "Я пішов до", "Мене звати"])
def test_a_full_stop_proves_nothing(lexicon, text, end):
    assert lexicon.unfinished(text + end)


@pytest.mark.parametrize("end", ["...", "…", " -", " —", '..."'])
def test_a_trailing_dash_or_ellipsis_promises_more(lexicon, end):
    assert lexicon.unfinished("We were talking" + end)
    assert lexicon.unfinished("Ми говорили" + end)


def test_a_backchannel_is_complete_whatever_comma_is_put_after_it(lexicon):
    assert not lexicon.unfinished("Mm-hmm,")
    assert not lexicon.unfinished("Так,")


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("My number is 5 5", True),
        ("My number is 067 123", True),
        ("My number is 067 123 45 67", False),
        ("You are number one", False),
        ("My favourite number is seven", False),
        ("Room number 5", False),
        ("Call me at 10", False),
        ("The code is A B", True),
        ("The code is four five seven two", False),
        ("It's spelled A N N A", False),
        ("Three point", True),
        ("Мій номер нуль шість сім", True),
        ("Мій номер 067 123 45 67", False),
        ("Код 4 5", True),
        ("Мені двадцять п'ять", False),
    ],
)
def test_a_number_or_spelling_is_open_until_it_can_be_whole(lexicon, text, more):
    assert lexicon.unfinished(text) is more


@pytest.mark.parametrize(
    "text",
    [
        *(
            "mhm",
            "Mm-hmm,",
            "Uh-huh",
            "Um.",
            "Uh?",
            "Yeah, right.",
            "okay",
            "I see.",
            "Oh, wow!",
            "Got it.",
            "sure",
            "hm",
        ),
        *("Oh, Mm-hmm.", "yeah yeah yeah", "That makes sense.", "угу", "Ага.", "Так-так.", "так, так, ясно", "м-м"),
        *("Зрозуміло.", "Добре", "ну", "мм", "Mhm, ясно"),
    ],
)
def test_backchannels_and_their_combinations_are_nothing_more(lexicon, text):
    assert lexicon.backchannel(text)
    assert not lexicon.interrupt(text)


@pytest.mark.parametrize(
    "text",
    [
        *("Really?", "no", "stop", "Men.", "Let him.", "Them.", "yes but", "okay stop", "thank you", "Yes, I do.", ""),
        *("sure I will come", "ні", "що", "що, так", "так, але", "...", "yeah " * 30),
    ],
)
def test_words_that_mean_something_are_no_backchannels(lexicon, text):
    assert not lexicon.backchannel(text)


@pytest.mark.parametrize(
    "text",
    [
        *("Stop.", "Wait, stop!", "no", "No, no.", "hold on", "Hang on a second", "sorry", "what", "why", "excuse me"),
        *("Okay, stop", "yeah, but", "mhm wait", "стоп", "Зачекай!", "Ні-ні.", "чекай", "Перепрошую", "так, але"),
        *("угу, стривай", "Можна питання?"),
    ],
)
def test_words_that_take_the_floor(lexicon, text):
    assert lexicon.interrupt(text)


@pytest.mark.parametrize(
    "text",
    [
        "mhm",
        "yes",
        "no problem",
        "no way",
        "угу",
        "так",
        "The weather is nice",
        "Men.",
        "what a pity",
        "nothing",
        "ніч",
        "",
    ],
)
def test_words_that_leave_the_floor(lexicon, text):
    assert not lexicon.interrupt(text)


@pytest.mark.parametrize(
    ("text", "voice_s"),
    [
        *(("You", 0.2), ("Thank you.", 0.2), ("Bye.", 0.1), ("Thanks for watching!", 0.5), ("Дякую.", 0.15)),
        *(("Дякую за перегляд!", 0.6), ("Підписуйтесь на канал", 0.8), ("Субтитри створив DimaTorzok", 3.0)),
        *(("", 1.0), (".", 2.0), ("...", 2.0), ("[Music]", 2.0), ("(applause)", 2.0), ("♪ ♪", 2.0)),
        *(("What is the weather like in Paris today and tomorrow?", 0.3), ("you " * 12, 3.0)),
        ("I am going to the store. " * 4, 1.0),
    ],
)
def test_what_recognisers_invent_is_known(lexicon, text, voice_s):
    assert lexicon.invented(text, voice_s)


@pytest.mark.parametrize(
    ("text", "voice_s"),
    [
        *(
            ("Thank you.", 0.6),
            ("you", 0.5),
            ("Bye.", 0.5),
            ("Дякую.", 0.5),
            ("Stop", 0.15),
            ("No", 0.12),
            ("Ні", 0.12),
        ),
        *(("no no no no no", 1.0), ("так-так-так-так", 0.9), ("I don't know, I don't know, I don't know", 1.6)),
        *(
            ("What is the weather like in Paris today?", 1.6),
            ("Thanks for watching my dog.", 1.2),
            ("1984", 1.0),
            ("Так.", 0.2),
            ("Кінець.", 0.5),
        ),
        *(("Субтитри не працюють", 1.2), ("Переклад цього слова мені незрозумілий", 2.5), ("Thanks for watching", 2.0)),
    ],
)
def test_what_a_person_said_with_enough_voice_is_kept(lexicon, text, voice_s):
    assert not lexicon.invented(text, voice_s)


SAID = [
    "The mountain range of the Alps stretches across eight countries.",
    "It is one of the great mountain ranges of Europe.",
    "Would you like tea or coffee?",
    "Так, у Карпатах багато гарних долин і старих лісів.",
]


@pytest.mark.parametrize(
    "text",
    [
        *("The mountain range of the Alps", "ountain range of the Alps stretch", "range of the hour"),
        *("stretches across ate countries it is one of", "a crossed eight country", "of Europe", "across eight"),
        *("багато гарних долин", "карпатах багато гарних долини і стар"),
    ],
)
def test_the_clones_own_words_are_its_echo(lexicon, text):
    assert lexicon.echo_of(text, SAID)


@pytest.mark.parametrize(
    "text",
    [
        *("yes", "coffee", "tea", "stop", "wait, stop", "mountain range of the Alps wait stop", "what about Kyiv", ""),
        *("I would like coffee, please", "I like tea", "how far is it", "is it cold there", "I don't think so", "так"),
        *("no I want to talk about something else", "стоп, зачекай", "а де це", "розкажи про море", "так, так"),
    ],
)
def test_the_persons_words_are_no_echo(lexicon, text):
    assert not lexicon.echo_of(text, SAID)
    assert not lexicon.echo_of(text, [])


def test_words_are_compared_without_case_punctuation_and_kinds_of_apostrophe(lexicon):
    assert lexicon.words("It’s FIVE o'clock — uh-huh, П’ять!") == ["it's", "five", "o'clock", "uh", "huh", "п'ять"]


@given(st.text(max_size=80), st.floats(0, 5))
def test_any_text_can_be_judged(text, voice_s):
    lexicon = Lexicon()
    lexicon.unfinished(text)
    lexicon.interrupt(text)
    lexicon.echo_of(text, [text, text])
    assert lexicon.invented(text, voice_s) or lexicon.words(text)
    assert not (lexicon.backchannel(text) and lexicon.interrupt(text))


def test_a_judgement_takes_microseconds_even_on_a_long_turn(lexicon):
    text = "and then we went to the place that I was telling you about " * 40
    started = time.perf_counter()
    for _ in range(20):
        lexicon.unfinished(text), lexicon.backchannel(text), lexicon.interrupt(text)
    assert (time.perf_counter() - started) / 20 < 0.005


def test_little_words_alone_are_slight(lexicon):
    assert all(lexicon.slight(text) for text in ("In them,", "Over.", "і на", "Is it you?"))
    assert not any(lexicon.slight(text) for text in ("Wait, stop.", "in London", "не треба"))
