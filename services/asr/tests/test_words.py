"""Languages of turns, and what becomes of typed lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_asr import typed
from avatar_asr.language import language_of


@pytest.mark.parametrize(
    ("text", "session", "language"),
    [
        ("What time is it?", "en", "en"),
        ("Котра година?", "en", "uk"),
        ("Котра година?", "uk", "uk"),
        ("Который час?", "ru", "ru"),
        ("What time is it?", "uk", "en"),
        ("Wie spät ist es?", "de", "de"),
        ("Увімкни YouTube, будь ласка", "en", "uk"),
        ("Play Ой у лузі on Spotify please", "en", "en"),
        ("👍", "uk", "uk"),
        ("12345", "en", "en"),
        ("שלום", "en", "en"),
    ],
)
def test_the_script_decides_the_language(text, session, language):
    assert language_of(text, session) == language


@pytest.mark.parametrize("text", ["", "   ", "\n\t\r", "\x00\x07\x1b", "\u200b\u202e", "\u200d\u200d", "\ufeff"])
def test_a_line_without_visible_characters_is_empty(text):
    assert typed.normalise(text) == ""


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  two   words\n", "two words"),
        ("a\x00b\x1b[31mc", "ab[31mc"),
        ("e\u0301te\u0301", "\u00e9t\u00e9"),
        ("\u202eevil\u202c", "evil"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        ("שלום עולם", "שלום עולם"),
    ],
)
def test_a_line_is_cleaned(text, clean):
    assert typed.normalise(text) == clean


def test_a_long_line_is_cut_at_a_blank():
    cut = typed.shorten("слово " * 20_000)
    assert len(cut.encode()) <= 8_000
    assert cut.endswith("слово")


@given(st.text(max_size=200), st.integers(1, 200))
def test_any_text_fits_after_cleaning_and_cutting(text, times):
    line = typed.shorten(typed.normalise(text * times))
    assert len(line.encode()) <= 8_000
    assert typed.normalise(line) == line


def test_a_line_sent_again_is_known_and_memory_is_bounded():
    seen = typed.Seen()
    assert [seen.again("a"), seen.again("a"), seen.again("b")] == [False, True, False]
    for index in range(1_000):
        seen.again(str(index))
    assert len(seen._ids) == 256
    assert seen.again("999")


def test_lines_without_an_id_are_all_new():
    seen = typed.Seen()
    assert [seen.again(""), seen.again("")] == [False, False]
