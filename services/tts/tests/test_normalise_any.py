"""What holds for every text: marks that are not speech vanish, nothing raises, the way back is exact."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_tts.normalise import normalise

MARKUP = [
    ("**bold** and *soft* and ~~gone~~ and __under__", "bold and soft and gone and under"),
    ("# Title\n\nBody text.", "Title. Body text."),
    ("- one\n- two\n* three", "one. two. three"),
    ("1. First\n2. Second", "one, First. two, Second"),
    ("> quoted", "quoted"),
    ("`code` inline", "code inline"),
    ("Before.\n```python\nprint('x')\n```\nAfter.", "Before. After."),
    ("Cut ```off", "Cut"),
    ("[the docs](https://example.com/a(b)c)", "the docs"),
    ("![a cat](cat.png)", "a cat"),
    ("| a | b |\n|---|---|\n| c | d |", "a, b. c, d"),
    ("<b>bold</b> &amp; <br/> new", "bold and new"),
    ("snake_case_name", "snake case name"),
    ("***", ""),
    ("Hi 😀👍🏽🇺🇦❤️ there", "Hi there"),
    ("👨‍👩‍👧‍👦", ""),
    ("ok :) fine", "okay fine"),
    ("1️⃣ step", "one step"),
    ("𝐇𝐞𝐥𝐥𝐨 ｗｏｒｌｄ", "Hello world"),
    ("a\u200bb\u202ec\u0000d", "abcd"),
    ("cafe\u0301", "café"),
    ("line one\nline two", "line one line two"),
    ("", ""),
    ("   \n\t ", ""),
    ("?!...", ""),
    ("really??!!!", "really?"),
    ("a   b", "a b"),
    ("tail\x1e", "tail"),
]


@pytest.mark.parametrize(("text", "spoken"), MARKUP, ids=[repr(text) for text, _ in MARKUP])
def test_marks_that_are_not_speech_are_not_spoken(text: str, spoken: str) -> None:
    assert normalise(text, "en").spoken == spoken


def covered_after(text: str, language: str, word: str) -> str:
    result = normalise(text, language)
    return text[: result.covered(result.spoken.index(word) + len(word))]


def test_words_point_back_into_the_text_as_it_was_written() -> None:
    text = "It costs $3.50, ok?"
    assert covered_after(text, "en", "It") == "It"
    assert covered_after(text, "en", "costs") == "It costs"
    assert covered_after(text, "en", "three") == "It costs"
    assert covered_after(text, "en", "cents") == "It costs $3.50,"
    assert covered_after(text, "en", "okay") == text


def test_the_way_back_steps_over_markdown_and_emoji() -> None:
    text = "**Так** 😀 коштує [100 грн](https://x.ua)!"
    assert covered_after(text, "uk", "Так").startswith("**Так**")
    assert covered_after(text, "uk", "коштує") == "**Так** 😀 коштує"
    assert covered_after(text, "uk", "сто") == "**Так** 😀 коштує"
    assert covered_after(text, "uk", "гривень") == text


def test_a_language_without_rules_is_cleaned_and_left_to_its_engine() -> None:
    assert normalise("**Il fait** 20 😀", "fr").spoken == "Il fait 20"


PIECES = st.one_of(
    st.text(max_size=20),
    st.text(alphabet="0123456789.,:;/-–$€£₴%°+()# \n|*_`[]<>&'\"абвіїєАБABCabcкмгрнstndthpm", max_size=30),
    st.sampled_from([text for text, _ in MARKUP]),
)


@settings(max_examples=300, deadline=None)
@given(parts=st.lists(PIECES, max_size=6), language=st.sampled_from(["en", "uk", "de"]))
def test_no_text_raises_and_the_way_back_never_steps_backwards(parts: list[str], language: str) -> None:
    text = "".join(parts)
    result = normalise(text, language)
    offsets = [result.covered(length) for length in range(-1, len(result.spoken) + 3)]
    assert offsets == sorted(offsets)
    assert offsets[0] >= 0
    assert offsets[-1] == len(text)
    if result.spoken:
        assert any(character.isalnum() for character in result.spoken)
        assert all(character.isprintable() for character in result.spoken)


@pytest.mark.parametrize(
    "piece", ["[", "(", "<a ", "**", "`", "|", "1,", "1.", "- ", "\n", "http://", "a@", "&#", " ", "-:|", "9"]
)
@pytest.mark.parametrize("language", ["en", "uk"])
def test_hostile_repetition_does_not_stall(piece: str, language: str) -> None:
    started = time.perf_counter()
    normalise(piece * (2000 // len(piece)), language)
    assert time.perf_counter() - started < 1.0
