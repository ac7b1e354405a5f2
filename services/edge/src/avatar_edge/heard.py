"""From a position on the reply clock to the words that have been heard. Pure logic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from avatar_contracts import TtsChunk, Word

CHARS_PER_S = 14.0
"""Pace assumed of a sentence whose end has not been spoken yet, by a voice that gives no word times."""


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
        reached = [(spoken.start, number) for number, spoken in self._spoken.items() if spoken.start <= position]
        if not reached or position <= 0:
            return Heard(0, 0)
        number = max(reached)[1]
        return Heard(number, self._chars(number, position))

    def text_heard(self, position: int) -> str:
        """The words that have been heard when `position` samples have been played."""
        at = self.heard(position)
        before = [
            self._texts[number] for number in sorted(self._spoken) if number < at.sentence if number in self._texts
        ]
        return " ".join(part for part in (*before, self._texts.get(at.sentence, "")[: at.chars]) if part).strip()

    def _chars(self, number: int, position: int) -> int:
        spoken, text = self._spoken[number], self._texts.get(number, "")
        if spoken.whole and position >= spoken.end and text:
            return len(text)
        if spoken.words:
            return max((word.chars for word in spoken.words if word.end <= position), default=0)
        expected = spoken.end - spoken.start
        if not spoken.whole:
            expected = max(expected, round(len(text) / CHARS_PER_S * self._rate))
        passed = int(len(text) * min(1.0, (position - spoken.start) / max(1, expected)))
        if passed >= len(text) or text[passed : passed + 1].isspace():
            return passed
        return max(0, text.rfind(" ", 0, passed))
