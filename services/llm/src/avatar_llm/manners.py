"""Manners: which turns the clone answers, and when it notices that a talk goes in circles."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from importlib import resources
from typing import Literal

from avatar_contracts.session import Respond
from avatar_llm import words
from avatar_llm.history import Entry
from avatar_llm.prompt import Persona
from avatar_llm.reply import Turn

FOLLOW_UP_S = 8.0
"""A question this soon after the clone's own words is meant for the clone."""

CIRCLE = 6
"""Exchanges in a row that must be repetitions before the talk counts as going in circles."""

_ALIKE = 0.85
"""Share of words two lines have in common (Dice coefficient) from which one counts as the other said again: ears
spell the same sentence differently every time."""

_FUZZY_LETTERS = 4
"""Letters from which a name may be misheard by one."""

_STEM_LETTERS = 2
"""Letters of a Ukrainian name that stay when its ending goes: "Оля", "Олю"."""

_OPEN_ENDINGS = "аяоеєиіїйь"
"""Letters a Ukrainian name may lose in other cases."""

_SENTENCES = re.compile(r"(?<=[.!?…])\s+")


class Manners:
    """Decides whether to answer. Pure: the caller says what time it is."""

    def __init__(self, persona: Persona, circle: int = CIRCLE) -> None:
        """`circle`: see `LlmSettings`."""
        self._circle = circle
        data = tomllib.loads((resources.files("avatar_llm") / "data" / "manners.toml").read_text(encoding="utf-8"))
        questions, inverted = data["questions"], data["questions"]["inverted"]
        self._question_words = frozenset(f"{questions['en']} {questions['uk']}".split())
        self._verbs = frozenset(inverted["verbs"].split())
        self._subjects = frozenset(inverted["subjects"].split())
        self._lead_ins = frozenset(f"{data['lead_ins']['en']} {data['lead_ins']['uk']}".split())
        self._endings = data["endings"]["uk"].split()
        names = [persona.name, *(translation.name for translation in persona.translations.values())]
        spoken = {word for name in names for word in words.key(name).split()}
        self._names = frozenset({word for word in spoken if len(word) > 2} or spoken)

    def declines(
        self, turn: Turn, respond: Respond, entries: Sequence[Entry], since_own_s: float | None
    ) -> Literal["not_addressed", "silent", "loop"] | None:
        """Why `turn` is not to be answered; None where it is.

        Args:
            turn: The turn.
            respond: What the person chose.
            entries: The exchanges before it.
            since_own_s: Seconds since the clone was last heard; None when somebody spoke to others since, or never.
        """
        if turn.typed or turn.verbatim:
            return None
        if respond == "never":
            return "silent"
        if respond == "addressed" and not self.names(turn.text):
            follows = since_own_s is not None and since_own_s - turn.duration_s <= FOLLOW_UP_S
            if not (follows and self.asks(turn.text)):
                return "not_addressed"
        return "loop" if self._circle and circles(entries, turn.text, self._circle) else None

    def names(self, text: str) -> bool:
        """Whether `text` calls the persona by name, in any of its languages, inflected, or misheard by a letter."""
        return any(self._is_name(word.removesuffix("'s")) for word in words.key(text).split())

    def asks(self, text: str) -> bool:
        """Whether `text` holds a question, by its mark or by how one of its sentences begins."""
        return "?" in text or any(self._begins_question(words.key(part).split()) for part in _SENTENCES.split(text))

    def _begins_question(self, said: Sequence[str]) -> bool:
        while said and (said[0] in self._lead_ins or self._is_name(said[0])):
            said = said[1:]
        if not said:
            return False
        return said[0] in self._question_words or (
            said[0] in self._verbs and len(said) > 1 and said[1] in self._subjects
        )

    def _is_name(self, word: str) -> bool:
        return any(word == name or self._inflected(word, name) or _misheard(word, name) for name in self._names)

    def _inflected(self, word: str, name: str) -> bool:
        if not _cyrillic(name) or not _cyrillic(word):
            return False
        stem = name[:-1] if name[-1] in _OPEN_ENDINGS and len(name) > _STEM_LETTERS else name
        stems = [word.removesuffix(ending) for ending in ("", *self._endings) if word.endswith(ending)]
        return any(each == stem or _misheard(each, stem) for each in stems)


def circles(entries: Sequence[Entry], text: str, exchanges: int = CIRCLE) -> bool:
    """Whether `text` comes again in a talk that has only repeated itself, on both sides, for so many exchanges.

    Answers that were cut short do not count: whoever interrupts is alive.
    """
    spoken = [entry for entry in entries if entry.said and entry.heard and not entry.cut]
    before = len(spoken) - exchanges
    if before < 1:
        return False
    said = [_bag(entry.said) for entry in spoken]
    if not any(_alike(_bag(text), each) for each in said):
        return False
    heard = [_bag(entry.heard) for entry in spoken]
    return all(
        any(_alike(lines[place], each) for each in lines[:place])
        for place in range(before, len(spoken))
        for lines in (said, heard)
    )


def _bag(text: str) -> frozenset[str]:
    return frozenset(words.spread(text).split())


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return one == other or 2 * len(one & other) >= _ALIKE * (len(one) + len(other)) > 0


def _misheard(word: str, name: str) -> bool:
    """Whether one letter was left out, added or exchanged, in a name long enough to be still known by the rest."""
    if len(name) < _FUZZY_LETTERS or abs(len(word) - len(name)) > 1:
        return False
    start = 0
    while start < min(len(word), len(name)) and word[start] == name[start]:
        start += 1
    return (
        word[start + 1 :] == name[start + 1 :] or word[start:] == name[start + 1 :] or word[start + 1 :] == name[start:]
    )


def _cyrillic(word: str) -> bool:
    return "а" <= word[:1] <= "ґ"
