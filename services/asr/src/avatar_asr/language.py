"""The language of a turn, told from its letters."""

from __future__ import annotations

import unicodedata

_CYRILLIC_LANGUAGES = ("uk", "ru", "be", "bg", "mk", "sr")


def language_of(text: str, session_language: str) -> str:
    """ISO 639 code of `text`: the session's language unless the script says that it cannot be.

    Mostly Cyrillic letters are Ukrainian unless the session speaks another language in that script; mostly Latin
    letters in a session of such a language are English. Text without letters is in the session's language.
    """
    cyrillic = latin = 0
    for character in text:
        if character.isalpha():
            name = unicodedata.name(character, "")
            cyrillic += name.startswith("CYRILLIC")
            latin += name.startswith("LATIN")
    if cyrillic > latin:
        return session_language if session_language in _CYRILLIC_LANGUAGES else "uk"
    if latin > cyrillic and session_language in _CYRILLIC_LANGUAGES:
        return "en"
    return session_language
