"""The language of a turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_asr.language import language_of


@pytest.mark.parametrize(
    ("text", "session", "language"),
    [
        ("Це моя їжа", "ru", "uk"),
        ("Котра година, друже?", "ru", "ru"),
        ("Привіт, як справи?", "ru", "uk"),
        ("Это мы уже видели", "uk", "ru"),
        ("Который час?", "en", "ru"),
        ("Гэта мы ўжо бачылі", "be", "be"),
        ("Гэта мы ўжо бачылі", "uk", "be"),
        ("Мы бачылі гэта", "be", "be"),
        ("Добър ден", "bg", "bg"),
        ("Колико је сати?", "sr", "sr"),
        ("Колку е часот, пријателе?", "mk", "mk"),
        ("Добре", "uk", "uk"),
        ("Добре", "bg", "bg"),
        ("Добре", "en", "uk"),
    ],
)
def test_letters_tell_languages_of_one_script_apart(text, session, language):
    assert language_of(text, session) == language


@pytest.mark.parametrize(
    ("text", "session", "language"),
    [
        ("Скинь мені link на GitHub repository Avatar", "uk", "uk"),
        ("Відкрий Google Chrome та Microsoft Visual Studio Code", "en", "uk"),
        ("What does перепрошуюзачекайте mean?", "uk", "en"),
        ("Is Володимир Зеленський the president of Ukraine?", "uk", "en"),
        ("iPhone чи Android?", "en", "uk"),
        ("Wi-Fi не працює", "en", "uk"),
    ],
)
def test_common_words_decide_where_scripts_are_mixed(text, session, language):
    assert language_of(text, session) == language


def test_a_conversation_may_change_its_language_with_each_turn():
    turns = ["Hello there", "Привіт", "How are you?", "Добре, дякую"]
    assert [language_of(text, "en") for text in turns] == ["en", "uk", "en", "uk"]
    assert [language_of(text, "uk") for text in turns] == ["en", "uk", "en", "uk"]


@given(st.text(max_size=60), st.sampled_from(["en", "uk", "ru", "de"]))
def test_any_text_has_a_language(text, session):
    assert len(language_of(text, session)) == 2
