"""The language of a turn, told from its letters and its commonest words."""

from __future__ import annotations

import functools
import unicodedata

from avatar_asr.lexicon import LANGUAGES, table
from avatar_asr.patterns import split_words

_CYRILLIC_LANGUAGES = ("uk", "ru", "be", "bg", "mk", "sr")
_UKRAINIAN = frozenset("їєґ")
_LETTERS = (("be", "ў"), ("sr", "ђћ"), ("mk", "ѓќѕ"), ("ru", "ыэё"), ("sr", "јљњџ"), ("bg", "ъ"), ("uk", "і"))
"""Letters that are not in the Ukrainian alphabet, or only in it, in the order in which they decide."""
_SHARED = {"ru": ("be",), "sr": ("mk",), "bg": ("ru",), "uk": ("be",)}
"""Languages that write the letters of another one as well: a session in one of these keeps its own."""


def language_of(text: str, session_language: str) -> str:
    """ISO 639 code of `text`: the session's language unless letters or words say that it cannot be.

    Cyrillic text is in the language whose letters it has: ї, є, ґ or і make it Ukrainian, ы, э or ё Russian; without
    such letters it is in the session's language if that is written so, otherwise Ukrainian. Latin text in a session
    of such a language is English. Where both scripts are mixed, as with English names in a Ukrainian sentence, the
    commonest words decide, and after them the number of letters. Text without letters is in the session's language.
    """
    cyrillic = latin = 0
    for character in text:
        if character.isalpha():
            name = unicodedata.name(character, "")
            cyrillic += name.startswith("CYRILLIC")
            latin += name.startswith("LATIN")
    if cyrillic and latin:
        words = split_words(text)
        ukrainian, english = (sum(word in _common(language) for word in words) for language in ("uk", "en"))
        if ukrainian != english:
            cyrillic, latin = ukrainian, english
    if cyrillic > latin:
        return _cyrillic(unicodedata.normalize("NFC", text).lower(), session_language)
    if latin > cyrillic and session_language in _CYRILLIC_LANGUAGES:
        return "en"
    return session_language


def _cyrillic(text: str, session_language: str) -> str:
    letters = set(text)
    if letters & _UKRAINIAN:
        return "uk"
    for language, own in _LETTERS:
        if letters & set(own):
            return session_language if session_language in _SHARED.get(language, ()) else language
    return session_language if session_language in _CYRILLIC_LANGUAGES else "uk"


@functools.cache
def _common(language: str) -> frozenset[str]:
    assert language in LANGUAGES
    return frozenset(table(language)["function"]["words"].split())
