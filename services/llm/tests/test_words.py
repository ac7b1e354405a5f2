"""Text from outside is cleaned, and compared by its words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_llm import words


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  Hello \n\t there ", "Hello there"),
        ("no\x00 control\x1b[31m", "no control[31m"),
        ("\u202eabc\u202c", "abc"),
        ("مرحبا\u200f", "مرحبا"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("e\u0301", "é"),
        ("\ud800 broken", "broken"),
        ("", ""),
    ],
)
def test_text_is_cleaned_of_what_nobody_sees(text, clean):
    assert words.clean(text, 100) == clean


@given(st.text(max_size=500), st.integers(1, 80))
def test_clean_text_keeps_its_limit_and_can_be_sent(text, limit):
    clean = words.clean(text, limit)
    assert len(clean) <= limit
    assert clean.encode() is not None
    assert clean == words.clean(clean, limit)


def test_a_huge_text_is_cut_quickly():
    assert len(words.clean("word " * 20_000, 4_000)) <= 4_000


def test_the_same_words_have_the_same_key():
    assert words.key("Well — it’s FINE!") == words.key("well, it's fine") == "well it's fine"
    assert words.key("it is fine") != words.key("it is not fine")


def test_contractions_and_their_long_forms_are_one():
    assert words.spread("What's up? I can't say, they're late.") == "what is up i can not say they are late"
    assert words.spread("п’ятниця") == words.spread("п'ятниця")
