"""Text under rewriting that remembers which character of the original each of its characters came from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeAlias

Part: TypeAlias = str | tuple[int, int]
"""New text, or a (start, end) slice of the current text kept with its origins."""

Rewrite: TypeAlias = Callable[[re.Match[str]], "str | list[Part] | None"]
"""What to put in a match's place: text, parts, or None to leave it as it is."""

Rule: TypeAlias = tuple[re.Pattern[str], str | Rewrite]

_OPENING = " \t\r\n([{«“‘„\"'*_`#|>-–—"


class Aligned:
    """A text and, for each of its characters, the offset in the original where that character's source begins."""

    def __init__(self, original: str, text: str | None = None, origins: list[int] | None = None) -> None:
        self.original = original
        self.text = original if text is None else text
        self.origins = list(range(len(original))) if origins is None else origins

    def sub(self, pattern: re.Pattern[str], rewrite: str | Rewrite) -> Aligned:
        """Replace every match. A rewrite that cannot make sense of a match (a number out of range) leaves it."""
        pieces: list[str] = []
        origins: list[int] = []
        at = 0
        for match in pattern.finditer(self.text):
            start, end = match.span()
            try:
                put = rewrite if isinstance(rewrite, str) else rewrite(match)
            except (ArithmeticError, LookupError, ValueError):
                put = None
            if put is None:
                continue
            pieces.append(self.text[at:start])
            origins += self.origins[at:start]
            source = self.origins[start] if start < len(self.origins) else len(self.original)
            for part in [put] if isinstance(put, str) else put:
                if isinstance(part, str):
                    pieces.append(part)
                    origins += [source] * len(part)
                else:
                    pieces.append(self.text[part[0] : part[1]])
                    origins += self.origins[part[0] : part[1]]
                    source = self.origins[part[1] - 1] if part[1] > part[0] else source
            at = end
        if not pieces:
            return self
        pieces.append(self.text[at:])
        origins += self.origins[at:]
        return Aligned(self.original, "".join(pieces), origins)

    def apply(self, rules: Iterable[Rule]) -> Aligned:
        """Apply rules in order."""
        result = self
        for pattern, rewrite in rules:
            result = result.sub(pattern, rewrite)
        return result

    def strip(self) -> Aligned:
        """Without surrounding white space."""
        start = len(self.text) - len(self.text.lstrip())
        end = max(start, len(self.text.rstrip()))
        return Aligned(self.original, self.text[start:end], self.origins[start:end])

    def offsets(self) -> list[int]:
        """For each length of spoken text, how much of the original it covers in whole words.

        ``offsets()[n]`` is the offset in the original just after the last word that is complete once the first
        `n` characters have been spoken. A word written as several ("$3.50") counts when its last one is spoken.
        Never decreases; the last entry is the length of the original.
        """
        result = [len(self.original)] * (len(self.text) + 1)
        following = len(self.original)
        for index in range(len(self.text) - 1, -1, -1):
            if self.text[index].isalnum():
                following = min(following, self._before(self.origins[index]))
            result[index] = following
        return result

    def _before(self, origin: int) -> int:
        while origin > 0 and self.original[origin - 1] in _OPENING:
            origin -= 1
        return origin


def rules(table: Iterable[tuple[str, str | Rewrite]]) -> tuple[Rule, ...]:
    """Compile a table of patterns and what to put in their place."""
    return tuple((re.compile(pattern), put) for pattern, put in table)


def keep(match: re.Match[str], group: int | str) -> tuple[int, int]:
    """The slice of a group, for a `Rewrite` that keeps it."""
    return match.span(group)


def sorted_alternatives(words: Iterable[str]) -> str:
    """A regular-expression alternation of literal words, longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))
