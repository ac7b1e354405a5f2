"""From a position on the reply clock to the words that have been heard. Pure logic."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from avatar_contracts import TtsChunk, Word

CHARS_PER_S = 14.0
"""Pace assumed of a sentence whose end has not been spoken yet, by a voice that gives no word times."""
EARLY_S = 1.2
"""A reply silenced this early has said nothing yet: it says its phrase again."""
NEAR_S = 1.0
"""A phrase that began no longer ago than this is said again from its beginning, otherwise the word is."""
_PAUSES = frozenset(",.;:!?\u2026\u2013\u2014")
"""Characters that end a phrase."""


class Heard(NamedTuple):
    """`chars` characters of sentence number `sentence` have been heard, and all sentences before it."""

    sentence: int
    chars: int


@dataclass
class _Spoken:
    start: int
    end: int
    whole: bool = False
    words: list[Word] = field(default_factory=list)


class Script:
    """The sentences of one reply, what they say and where they lie on the reply clock."""

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}
        self._spoken: dict[int, _Spoken] = {}
        self._rate = 0

    def text(self, sentence: int, text: str) -> None:
        """What a sentence says."""
        self._texts[sentence] = text

    def chunk(self, chunk: TtsChunk) -> None:
        """Where a piece of a sentence lies; every chunk once."""
        self._rate = chunk.rate
        end = chunk.start + len(chunk.pcm) // 2
        spoken = self._spoken.setdefault(chunk.sentence, _Spoken(chunk.start, end))
        spoken.start = min(spoken.start, chunk.start)
        spoken.end = max(spoken.end, end)
        spoken.whole |= chunk.last
        spoken.words.extend(chunk.words)

    def heard(self, position: int) -> Heard:
        """What has been heard when `position` samples have been played; a word counts once its end has."""
        reached = self._reached(position)
        if not reached or position <= 0:
            return Heard(0, 0)
        number = max(reached)[1]
        return Heard(number, self._chars(number, position))

    def saying(self, position: int) -> str:
        """The whole sentence at a position."""
        return self._texts.get(max(self._reached(position), default=(0, 0))[1], "")

    def text_heard(self, position: int) -> str:
        """The words that have been heard when `position` samples have been played."""
        at = self.heard(position)
        before = [
            self._texts[number] for number in sorted(self._spoken) if number < at.sentence if number in self._texts
        ]
        return " ".join(part for part in (*before, self._texts.get(at.sentence, "")[: at.chars]) if part).strip()

    def again(self, position: int) -> int:
        """Where to go on after a silence that fell at `position`: so that what was cut is said whole.

        That is the start of the phrase, of the word that was sounding if the phrase began long ago, or `position`
        itself between two phrases.
        """
        reached = self._reached(position)
        if not reached or position <= 0:
            return 0
        number = max(reached)[1]
        words = self._words(number, position)
        if not words:
            return position
        phrase, word = words[0].start, words[-1]
        if words[-1].end <= position and self._ends_phrase(number, word):
            return position
        if position < EARLY_S * self._rate or position - phrase <= NEAR_S * self._rate:
            return phrase
        return word.start if position < word.end else position

    def _reached(self, position: int) -> list[tuple[int, int]]:
        """Start and number of every sentence that has begun."""
        return [(spoken.start, number) for number, spoken in self._spoken.items() if spoken.start <= position]

    def _words(self, number: int, position: int) -> list[Word]:
        """The words of the phrase around `position` that have begun, in order."""
        begun: list[Word] = []
        for word in self._timed(number):
            if word.start > position:
                break
            if begun and self._ends_phrase(number, begun[-1]):
                begun = []
            begun.append(word)
        return begun

    def _timed(self, number: int) -> list[Word]:
        """The words of a sentence by start; with a voice that gives none, where their share of the text lies."""
        spoken, text = self._spoken[number], self._texts.get(number, "")
        if spoken.words:
            return sorted(spoken.words, key=lambda word: word.start)
        at = [
            spoken.start + round(index * self._expected(number) / max(1, len(text))) for index in range(len(text) + 1)
        ]
        return [Word(at[found.start()], at[found.end()], found.end()) for found in re.finditer(r"\S+", text)]

    def _ends_phrase(self, number: int, word: Word) -> bool:
        """Whether a pause follows the word: it ends with a mark, or one stands between it and the next."""
        text = self._texts.get(number, "")
        after = re.match(r"\S*\s*[\u2013\u2014]?(?=\s|$)", text[max(0, word.chars - 1) :])
        return word.chars >= len(text) > 0 or (after is not None and not _PAUSES.isdisjoint(after[0]))

    def _expected(self, number: int) -> int:
        """Length of a sentence in samples, estimated while it is still being spoken."""
        spoken = self._spoken[number]
        length = spoken.end - spoken.start
        if not spoken.whole:
            length = max(length, round(len(self._texts.get(number, "")) / CHARS_PER_S * self._rate))
        return length

    def _chars(self, number: int, position: int) -> int:
        spoken, text = self._spoken[number], self._texts.get(number, "")
        if spoken.whole and position >= spoken.end and text:
            return len(text)
        if spoken.words:
            return max((word.chars for word in spoken.words if word.end <= position), default=0)
        passed = int(len(text) * min(1.0, (position - spoken.start) / max(1, self._expected(number))))
        if passed >= len(text) or text[passed : passed + 1].isspace():
            return passed
        return max(0, text.rfind(" ", 0, passed))
